"""Statements 13, 20, 21, 42, 43, 51, 52 and 57: what each mode does to the table, and to the marks."""

from datetime import datetime, timezone

import oracle
from request_log import counts, lists_of, since_of
from servers import wait_until
from sling import SlingTestOfTargets

HEAD = """
source: ZOHO_CRM
target: MY_POSTGRES
defaults:
  mode: incremental
  object: zoho_crm.{stream_name}
"""


def times_of(simulator, module):
    """Id to Modified_Time in seconds of every record that lives."""
    entries = map(oracle.parse_json, simulator.ledger_lines(module))
    return {int(e["id"]): int(oracle.instant(e["list_view"]["Modified_Time"])) for e in entries if not e["deleted"]}


def written(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def window_of(times, first, last):
    """A range from the `first` to the `last` tenth of the records, as text and as the ids that lie in it."""
    ordered = sorted(times.values())
    begin, end = ordered[len(ordered) * first // 10], ordered[len(ordered) * last // 10]
    return "%s,%s" % (written(begin), written(end)), {i for i, t in times.items() if begin <= t <= end}


class Modes(SlingTestOfTargets):
    def marks(self, target, stream):
        return {k: v for k, v in self.states(target)[stream].items()
                if k in ("high_water_mark", "consistent_as_of", "deletes_mark", "anchor", "scan")}

    def ids(self, target, stream):
        return {r[0] for r in target.rows("select id from %s" % target.table(stream))}

    def test_13_mode_of_the_stream_then_of_the_defaults_then_full_refresh(self):
        sim, target = self.simulator("--records", "leads=5,deals=5,tasks=5"), self.sqlite()
        self.prepare(sim, target, HEAD + "streams:\n  leads: {mode: truncate}\n  deals:\n  tasks: {mode: ~}\n")
        modes = {s["stream"]: s["mode"] for s in self.plan()["streams"]}
        self.assertEqual(modes, {"leads": "truncate", "deals": "incremental", "tasks": "full-refresh"})

    def test_20_flags_beat_the_file_for_all_streams(self):
        sim, target = self.simulator("--records", "leads=400,deals=400"), self.sqlite()
        self.prepare(sim, target, HEAD + "streams:\n  leads: {source_options: {range: '2001-01-01,2001-01-02', limit: 7}}\n  deals:\n",
                     anchor_date="all")
        flags = ["--mode", "backfill", "--primary-key", "ID", "--update-key", "modified_time"]
        times = {s: times_of(sim, s.capitalize()) for s in ("leads", "deals")}
        text, _ = window_of(times["leads"], 4, 6)
        begin, end = (oracle.instant(part) for part in text.split(","))
        self.ok("sync", *flags, "--range", text, "--limit", "0")
        for stream, all_times in times.items():
            self.assertEqual(self.ids(target, stream), {i for i, t in all_times.items() if begin <= t <= end}, stream)
        self.assertGreater(len(self.ids(target, "leads")), 50)
        for flag, value, wrong in (("--primary-key", "email", "`primary_key` can only be `id`"),
                                   ("--update-key", "Created_Time", "`update_key` can only be `Modified_Time`"),
                                   ("--range", "2024-01-01", "separated by one comma"),
                                   ("--mode", "fast", "must specify valid mode: full-refresh, incremental, backfill")):
            self.assertIn(wrong, self.ok("sync", flag, value, code=65).text)

    def test_21_users_and_modules_are_read_whole_in_any_mode(self):
        sim, target = self.simulator("--scale", "0.05"), self.sqlite()
        self.prepare(sim, target, HEAD + "streams:\n  users:\n  modules: {mode: truncate}\n")
        modes = {s["stream"]: s["mode"] for s in self.plan()["streams"]}
        self.assertEqual(modes, {"users": "full-refresh", "modules": "full-refresh"})
        self.ok("sync")
        self.assert_equal_to_ledger(sim, target, ["users", "modules"])

    def test_42_a_full_refresh_of_nothing_leaves_the_table_alone(self):
        for target in self.targets():
            sim = self.simulator("--records", "leads=30")
            self.prepare(sim, target, HEAD + "streams:\n  leads: {mode: full-refresh}\n")
            self.ok("sync")
            before = target.row_versions("leads")
            self.assertEqual(len(before), 30)
            sim.faults({"path": r"/crm/v6/Leads\?", "action": {"kind": "status", "status": 204}})
            self.ok("sync")
            self.ok("sync")
            self.assertEqual(target.row_versions("leads"), before)

    def test_43_truncate_keeps_oid_grants_and_indexes(self):
        sim, target = self.simulator("--records", "leads=250"), self.postgres()
        self.prepare(sim, target, HEAD + "streams:\n  leads: {mode: truncate}\n")
        self.ok("sync")
        self.assertEqual(self.states(target)["leads"]["mode"], "truncate")
        target.rows("grant select on zoho_crm.leads to public")
        target.rows("create index my_own on zoho_crm.leads (company)")
        look = ("select 'zoho_crm.leads'::regclass::oid, (select relacl::text from pg_class where oid = 'zoho_crm.leads'::regclass),"
                " (select string_agg(indexname, ',' order by indexname) from pg_indexes where tablename = 'leads')")
        before = target.rows(look)
        self.assertIn("my_own", before[0][2])
        versions = target.row_versions("leads")
        edited = sim.ids("edit", "Leads", count=7)
        deleted = sim.ids("delete", "Leads", count=4)
        self.ok("sync")
        self.ok("sync")  # Two walks without a record prove that it is gone.
        self.assertEqual(target.rows(look), before)
        after = target.row_versions("leads")
        self.assertEqual({i for i in after if after[i] != versions[i]}, edited | deleted)
        gone = {r[0] for r in target.rows("select id from zoho_crm.leads where _deleted_at is not null")}
        self.assertEqual(gone, deleted)

    def test_51_a_backfill_lacks_what_it_needs(self):
        sim, target = self.simulator("--records", "leads=5"), self.sqlite()
        keys = "primary_key: id, update_key: Modified_Time"
        for body, wrong in (("source_options: {range: '2024-01-01,2024-02-01'}", "must specify value for 'update_key' and 'primary_key' for backfill mode"),
                            ("primary_key: id, source_options: {range: '2024-01-01,2024-02-01'}", "must specify value for 'update_key' and 'primary_key' for backfill mode"),
                            (keys, "must specify range (source.options.range or --range) for backfill mode"),
                            (keys + ", source_options: {range: '2024-01-01'}", "must specify valid range value for backfill mode separated by one comma")):
            self.prepare(sim, target, HEAD + "streams:\n  leads: {mode: backfill, %s}\n" % body)
            result = self.ok("sync", code=65)
            self.assertIn(wrong, result.text)
            self.assertIn("replication.yaml:", result.text)

    def test_51_a_backfill_upserts_the_window_only(self):
        for target in self.targets():
            sim = self.simulator("--records", "leads=900", "--fields", "leads=110")
            times = times_of(sim, "Leads")
            text, wanted = window_of(times, 3, 6)
            self.assertGreater(len(wanted), 200)
            self.prepare(sim, target, HEAD + "streams:\n  leads: {mode: backfill, primary_key: id, update_key: Modified_Time, "
                                             "source_options: {range: '%s'}}\n" % text)
            sim.forget_requests()
            self.ok("sync")
            self.assertEqual(self.ids(target, "leads"), wanted)
            asked = lists_of(sim.requests(), "Leads")
            self.assertGreaterEqual(min(map(since_of, asked)), min(times[i] for i in wanted) - 1)
            # It ends with the window: no page begins beyond it.
            self.assertLessEqual(max(map(since_of, asked)), max(times[i] for i in wanted))
            self.assertEqual(counts(sim.requests())["deleted"], 0)
            # Again: the same rows, none of them written.
            before = target.row_versions("leads")
            self.ok("sync")
            self.assertEqual(target.row_versions("leads"), before)
            # Nothing of it is taken for a mark: what follows loads the rest.
            marks = self.marks(target, "leads")
            self.assertEqual([marks[k] for k in ("high_water_mark", "consistent_as_of", "deletes_mark")], [None] * 3)
            self.user.write_replication(HEAD + "streams:\n  leads:\n")
            self.ok("sync")
            self.assert_equal_to_ledger(sim, target, ["leads"], at_least=200)

    def test_52_a_range_moves_no_mark(self):
        for target in self.targets():
            sim = self.simulator("--records", "leads=600")
            self.prepare(sim, target, HEAD + "streams:\n  leads:\n", anchor_date="all")
            self.ok("sync")
            marks = self.marks(target, "leads")
            self.assertTrue(marks["high_water_mark"])
            text, wanted = window_of(times_of(sim, "Leads"), 2, 4)
            lost = sorted(wanted)[:5]
            for record in lost:
                target.rows("delete from %s where id = %d" % (target.table("leads"), record))
            marks.pop("scan")
            for mode in ([], ["--mode", "backfill", "--primary-key", "id", "--update-key", "Modified_Time"]):
                self.ok("sync", *mode, "--range", text)
                now = self.marks(target, "leads")
                now.pop("scan")
                self.assertEqual(now, marks)
            self.assert_equal_to_ledger(sim, target, ["leads"], at_least=600)
            # The next run goes on from the mark, and reads no more than it would have.
            edited = sim.ids("edit", "Leads", count=3)
            sim.forget_requests()
            self.ok("sync")
            self.assertLessEqual(len(lists_of(sim.requests(), "Leads")), 2)
            self.assertEqual(len(edited), 3)
            self.assert_equal_to_ledger(sim, target, ["leads"], at_least=600)

    def test_51_the_daemon_reads_a_range_once(self):
        sim, target = self.simulator("--records", "leads=300"), self.postgres()
        text, wanted = window_of(times_of(sim, "Leads"), 3, 6)
        self.prepare(sim, target, HEAD + "streams:\n  leads: {mode: backfill, primary_key: id, update_key: Modified_Time, schedule: 1s, "
                                         "source_options: {range: '%s'}}\n  deals: {schedule: 1s}\ndaemon: {listen: 'off'}\n" % text)
        for is_first in (True, False):  # Not again after a restart either.
            sim.forget_requests()
            daemon = self.user.start("run")
            self.addCleanup(daemon.kill)
            wait_until(lambda: len(lists_of(sim.requests(), "Deals")) >= 4, 60, "the other stream polls")
            result, _ = daemon.terminate()
            self.assertEqual(result.code, 0, result.err[-3000:])
            asked = lists_of(sim.requests(), "Leads")
            if is_first:
                self.assertEqual(len({(r["target"], r["if_modified_since"]) for r in asked}), len(asked))
                self.assertTrue(asked)
            else:
                self.assertEqual(asked, [])
            self.assertEqual(self.ids(target, "leads"), wanted)
        # Who asks for it gets it.
        self.ok("sync")
        self.assertTrue(lists_of(sim.requests(), "Leads"))

    def test_57_definition_only_makes_the_table_without_rows(self):
        for target in self.targets():
            sim = self.simulator("--records", "leads=50")
            self.prepare(sim, target, HEAD + "streams:\n  leads: {mode: definition-only}\n  users: {mode: definition-only}\n")
            planned = {s["stream"]: s for s in self.plan()["streams"]}
            self.assertEqual(planned["leads"]["mode"], "definition-only")
            self.assertEqual(planned["users"]["requests"], 0)
            sim.forget_requests()
            self.ok("sync")
            self.assertEqual(target.rows("select count(*) from %s" % target.table("leads"))[0][0], 0)
            self.assertEqual(target.rows("select count(last_name) from %s" % target.table("leads"))[0][0], 0)
            self.assertEqual({k: n for k, n in counts(sim.requests()).items() if k in ("list", "users", "deleted")}, {})
            # The first run of another mode begins at the anchor.
            self.user.write_replication(HEAD + "streams:\n  leads:\n")
            self.ok("sync")
            self.assert_equal_to_ledger(sim, target, ["leads"], at_least=1)
