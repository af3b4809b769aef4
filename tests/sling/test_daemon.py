"""Statements 56, 86, 87 and 91 to 95: what Sling's command does once, and what a daemon has to add."""

import time

import oracle
from harness import PATIENCE
from request_log import counts, lists_of, most_arrivals, most_in_flight, slices_of
from servers import wait_until
from sling import ENDPOINTS, SMALL, SlingTest, line_of

HEAD = """
source: ZOHO_CRM
target: MY_POSTGRES
defaults:
  mode: incremental
  object: zoho_crm.{stream_name}
"""


class Once(SlingTest):
    """One pass over the streams."""

    def test_56_deletions_are_marked_by_default_and_nothing_else_is_deleted(self):
        """Named difference: Sling warns and never deletes; here `delete_missing` works and is soft unless it says `none`."""
        for word, expected in (("", "soft"), ("target_options: {delete_missing: hard}", "hard"),
                               ("target_options: {delete_missing: none}", "none")):
            with self.subTest(expected):
                sim, target = self.simulator("--records", "deals=60"), self.postgres()
                self.prepare(sim, target, HEAD + "streams:\n  deals: {%s}\n" % word)
                self.ok("sync")
                before = target.row_versions("deals")
                self.assertEqual(len(before), 60)
                gone = sim.ids("delete", "Deals", count=7)
                self.assertEqual(len(gone), 7)
                self.ok("sync")
                rows = dict(target.rows("select id, _deleted_at is not null from zoho_crm.deals"))
                self.assertEqual({i for i in rows if rows[i]}, gone if expected == "soft" else set())
                self.assertEqual(set(before) - set(rows), gone if expected == "hard" else set())
                # What was not deleted is not written either.
                self.assertEqual({i: v for i, v in target.row_versions("deals").items() if i not in gone},
                                 {i: v for i, v in before.items() if i not in gone})

    def test_86_five_requests_a_second_and_three_at_once_by_default(self):
        sim, target = self.simulator("--records", "leads=500,deals=500,contacts=500"), self.sqlite()
        sim.post("mode", latency_ms=900)  # So slow that more than three would be under way, if they might.
        self.prepare(sim, target, HEAD + "streams:\n  leads:\n  deals:\n  contacts:\n  tasks:\n")
        env = self.user.env_yaml.read_text().replace(', "inputs": {"rate": 500, "concurrency": 10}', "")
        self.assertNotIn("rate", env)
        self.user.write_env(env)
        self.ok("sync")
        requests = sim.requests()
        self.assertGreater(len(requests), 20)
        self.assertLessEqual(most_arrivals(requests), 5)
        self.assertEqual(most_in_flight(requests), 3)
        sim.post("mode", latency_ms=0)
        sim.forget_requests()
        self.ok("sync")
        self.assertEqual(most_arrivals(sim.requests()), 5)

    def test_86_too_many_requests_are_waited_out(self):
        for hint in (3, None):
            with self.subTest(hint):
                sim, target = self.simulator("--records", "leads=60"), self.sqlite()
                self.prepare(sim, target, HEAD + "streams:\n  leads:\n")
                rule = {"kind": "status", "status": 429}
                sim.faults({"path": r"/crm/v6/Leads\?", "times": 1, "action": {**rule, "retry_after": hint} if hint else rule})
                self.ok("sync")
                report = oracle.compare(sim, target, "leads")
                self.assertTrue(report.is_equal() and report.rows >= 60, report.text())
                asked = lists_of(sim.requests(), "Leads")
                self.assertEqual(asked[0]["status"], 429)
                self.assertNotIn(429, [r["status"] for r in asked[1:]])
                if hint:
                    self.assertGreaterEqual(asked[1]["monotonic_us"] - asked[0]["monotonic_us"], hint * 1_000_000)

    def test_87_an_expired_token_is_renewed_once_and_the_call_repeated(self):
        sim, target = self.simulator("--records", "leads=60"), self.sqlite()
        self.prepare(sim, target, HEAD + "streams:\n  leads:\n")
        self.ok("sync")
        sim.post("token", revoke=True)
        sim.ids("edit", "Leads", count=3)
        sim.forget_requests()
        result = self.ok("sync")
        self.assertEqual(counts(sim.requests())["token"], 1)
        self.assertEqual([r["status"] for r in sim.requests()].count(401), 1)
        self.assertNotIn("run_failed", result.err)
        self.assertTrue(oracle.compare(sim, target, "leads").is_equal())

    def test_87_a_second_refusal_fails_the_stream_and_says_where_to_look(self):
        sim, target = self.simulator("--records", "leads=60"), self.sqlite()
        self.prepare(sim, target, HEAD + "streams:\n  leads:\n")
        sim.faults({"path": r"/crm/v6/Leads\?", "times": 2, "action": "invalid_token"})
        result = self.ok("sync")
        failed = [line for line in result.err.splitlines() if "run_failed" in line]
        self.assertEqual(len(failed), 1, result.err)
        for words in ("stream=leads", "a new token was refused too: check the data centre and the Self Client's scopes"):
            self.assertIn(words, failed[0])
        self.assertEqual(counts(sim.requests())["token"], 2)  # The first, and one to replace it.

    def test_91_exit_codes(self):
        """Named difference: 0 and 1 as in Sling; mistakes in files are 65, refused credentials 69 (contract, §10)."""
        sim, target = self.simulator(*SMALL), self.sqlite()
        self.prepare(sim, target, HEAD + "streams:\n  leads:\n  deals:\n")
        self.ok("sync", code=0)
        sim.faults({"path": "/crm/v6/Deals", "action": {"kind": "deny", "code": "NO_PERMISSION"}})
        self.ok("sync", code=1)
        sim.clear_faults()
        self.user.write_replication(HEAD + "streams: [leads]\n")
        self.ok("sync", code=65)
        self.user.write_replication(HEAD + "streams:\n  leads:\n")
        self.user.write_env(self.user.env_yaml.read_text().replace(sim.client_secret, "wrong"))
        self.ok("sync", code=69)
        self.ok("sync", "--no-such-flag", code=64)

    def test_91_sigterm_leaves_no_half_merged_table(self):
        sim, target = self.simulator("--records", "leads=3000"), self.postgres()
        self.prepare(sim, target, HEAD + "streams:\n  leads: {mode: full-refresh}\n")
        self.ok("sync")
        before = target.row_versions("leads")
        self.assertEqual(len(before), 3000)
        sim.ids("edit", "Leads", count=500)
        self.quiet(sim)
        sim.post("mode", latency_ms=150)
        sim.forget_requests()
        process = self.user.start("sync")
        self.addCleanup(process.kill)
        wait_until(lambda: len(lists_of(sim.requests(), "Leads")) > 6, PATIENCE, "the walk is half-way")
        result, took = process.terminate()
        self.assertEqual(result.code, 143, result.err)
        self.assertLess(took, 5)
        target.settle()
        self.assertEqual(target.row_versions("leads"), before)
        sim.post("mode", latency_ms=0)
        self.ok("sync")
        report = oracle.compare(sim, target, "leads")
        self.assertTrue(report.is_equal() and report.rows >= 3000, report.text())


class Daemon(SlingTest):
    """`run` on the same files."""

    QUIET = "daemon: {listen: 'off', credits: {daily: 10000000}}\n"

    def setUp(self):
        super().setUp()
        self.sim, self.target = self.simulator(*SMALL), self.sqlite()

    def begin(self, replication):
        self.prepare(self.sim, self.target, replication)
        daemon = self.user.start("run")
        self.addCleanup(daemon.kill)
        return daemon

    def leave(self, daemon):
        result, took = daemon.terminate()
        self.assertEqual(result.code, 0, result.err[-3000:])
        self.assertLess(took, 5)
        self.assert_clean(result)
        return result

    def intervals(self):
        return {s["stream"]: s["interval_seconds"] for s in self.plan()["streams"]}

    def test_92_schedule_drives_the_interval(self):
        written = HEAD + """  schedule: "@every 2m"
streams:
  leads: {schedule: "@every 1s"}
  deals: {schedule: "*/10 * * * *"}
  calls: {schedule: 90s}
  tasks: {schedule: "@hourly"}
  contacts:
  users: {schedule: ~}
""" + self.QUIET
        daemon = self.begin(written)
        self.assertEqual(self.intervals(), {"leads": 1, "deals": 600, "calls": 90, "tasks": 3600, "contacts": 120,
                                            "users": 3600})
        wait_until(lambda: self.target.has_table("contacts") and self.finished(daemon, "contacts"), PATIENCE, "all have run")
        before, begun = len(self.asked("Leads")), time.monotonic()
        wait_until(lambda: len(self.asked("Leads")) >= before + 4, 30, "leads are asked for again and again")
        self.assertGreater(time.monotonic() - begun, 2.5)
        self.assertEqual(len(self.asked("Contacts")), 1)
        self.leave(daemon)

    def finished(self, daemon, stream):
        return any("stream=%s " % stream in line and "run_finished" in line for line in daemon.err().splitlines())

    def asked(self, module):
        """The requests of the slice that is asked for most: one a turn of the stream, while a page is enough."""
        return max(slices_of(self.sim.requests(), module), key=len, default=[])

    def test_93_a_file_without_schedules_runs_as_it_is(self):
        daemon = self.begin(HEAD + "streams:\n  '*':\n" + self.QUIET)
        wait_until(lambda: all(self.finished(daemon, stream) for stream in ENDPOINTS), PATIENCE, "each stream has run")
        self.assertEqual(self.intervals(), {name: 3600 if name in ("users", "modules") else 300 for name in ENDPOINTS})
        self.leave(daemon)

    def test_94_a_schedule_that_sling_refuses_is_refused(self):
        for body, found, hint in (
                ('["@hourly"]', "a list", "Sling refuses a list as well: give one schedule such as \"@every 5m\""),
                ("5", "a number", "Sling refuses a number as well: give it a unit, such as \"5m\""),
                ("off", "a boolean", "YAML reads an unquoted `off` as a boolean: write \"manual\"")):
            for block, path in (("  schedule: %s\nstreams: {leads: }\n", "defaults"),
                                ("streams:\n  leads:\n    schedule: %s\n", "streams.leads")):
                written = HEAD + block % body
                result = self.offline(written, code=65)
                self.assertIn("replication.yaml:%d: could not parse `%s.schedule`: expected a string, found %s; %s\n"
                              % (line_of(written, "schedule: "), path, found, hint), result.out)

    def test_95_a_changed_file_is_read_again_and_a_broken_one_is_not_taken(self):
        good = HEAD + '  schedule: "@every 1s"\nstreams:\n  leads:\n'
        daemon = self.begin(good + self.QUIET)
        wait_until(lambda: self.finished(daemon, "leads"), PATIENCE, "the first version is at work")
        # Saved as editors do: in place, and by a rename.
        self.user.write_replication(good + "  deals:\n" + self.QUIET)
        wait_until(lambda: self.finished(daemon, "deals"), 60, "the second version is at work")
        broken = good + "  deals:\n  calls: {mode: sideways}\n" + self.QUIET
        self.user.write("new.yaml", broken).rename(self.user.replication_yaml)
        wait_until(lambda: "reload_refused" in daemon.err(), 60, "the broken version is refused")
        refused = [line for line in daemon.err().splitlines() if "reload_refused" in line]
        self.assertIn("replication.yaml:%d: " % line_of(broken, "sideways"), refused[0])
        self.assertIn("must specify valid mode", refused[0])
        self.assertIn("the old configuration stays in use", refused[0])
        edited = self.sim.ids("edit", "Deals", count=5)
        self.assertEqual(len(edited), 5)
        self.quiet(self.sim)
        wait_until(lambda: oracle.compare(self.sim, self.target, "deals").is_equal(), 60, "the old one still works", pause=0.5)
        self.assertFalse(self.target.has_table("calls"))
        self.user.write_replication(broken.replace("sideways", "incremental"))
        wait_until(lambda: self.finished(daemon, "calls"), 60, "the mended version is at work")
        # Each version was taken up or refused once, and the same text again is no change.
        self.user.replication_yaml.touch()
        time.sleep(5)
        self.assertEqual((daemon.err().count("event=reloaded "), daemon.err().count("event=reload_refused ")), (2, 1))
        self.leave(daemon)
