"""verify: planted divergences are found, all and only they, and mended."""

import os
import random
import re

from harness import RECORD_STREAMS, STREAMS, EndToEnd, scaled
from request_log import counts
from servers import wait_until

TEXT_COLUMN = {"leads": "last_name", "contacts": "last_name", "deals": "deal_name", "accounts": "account_name",
               "notes": "note_title", "users": "full_name"}


class Verify(EndToEnd):
    def setUp(self):
        self.seed = int(os.environ.get("ZOHOSYNCD_E2E_SEED") or random.SystemRandom().randrange(10**6))
        self.chance = random.Random(self.seed)

    def rows_of(self, target, stream):
        live = target.rows("select id from %s where _deleted_at is null order by id" % target.table(stream))
        return [row[0] for row in live]

    def plant(self, target, stream, kinds):
        """Damages the table as nobody would notice; `kinds` says how many of each. No row is hit twice."""
        table, column = target.table(stream), TEXT_COLUMN[stream]
        day = "modified_time - interval '1 day'" if target.kind == "postgres" \
            else "strftime('%Y-%m-%dT%H:%M:%SZ', modified_time, '-1 day')"
        victims = self.chance.sample(self.rows_of(target, stream), sum(kinds.values()))
        for kind, number in kinds.items():
            for n in range(number):
                victim = victims.pop()
                target.rows({
                    "missing": "delete from %s where id = %d" % (table, victim),
                    "hidden": "update %s set _deleted_at = modified_time where id = %d" % (table, victim),
                    "extra": "insert into %s (id, %s, modified_time) select %d, %s, modified_time from %s where id = %d"
                             % (table, column, 7_000_000_000 + n, column, table, victim),
                    "stale": "update %s set %s = 'older', modified_time = %s where id = %d"
                             % (table, column, day, victim),
                    "silent": "update %s set %s = 'nobody wrote this' where id = %d" % (table, column, victim),
                }[kind])

    def verify(self, home, *arguments, code):
        result = home.run("verify", *arguments)
        self.assertEqual(result.code, code, "seed %d\n%s" % (self.seed, result.text[-6000:]))
        self.assert_clean(result)
        return result

    def findings(self, result):
        """Per stream what the table on stdout says."""
        names = ["compared", "missing", "extra", "differing", "mended", "not_due", "requests"]
        return {line.split()[0]: dict(zip(names, map(int, line.split()[1:8])))
                for line in result.out.splitlines() if re.match(r"\w+( +\d+){7}", line)}

    def stored(self, target, stream):
        return target.rows("select verify_missing, verify_extra, verify_differing from %ssync_state where stream = '%s' "
                           "and verified_at is not null" % (target.state_prefix, stream))

    def find_and_mend(self, target, plants, *flags):
        simulator = self.simulator("--records", "leads=%d,contacts=%d,deals=800,accounts=250,notes=150"
                                   % (scaled(3000), scaled(1500)), "--tie", "contacts=500", "--fields", "deals=120")
        home = self.install(simulator, target)
        home.defaults["target_options"] = {"delete_missing": "hard"}
        home.write()
        self.sync(home)
        clean = self.findings(self.verify(home, *flags, code=0))
        self.assertEqual(sorted(clean), sorted(STREAMS))
        for stream, row in clean.items():
            self.assertEqual((row["missing"], row["extra"], row["differing"]), (0, 0, 0), stream)
            self.assertEqual(self.stored(target, stream), [(0, 0, 0)], stream)
        self.assertEqual(clean["leads"]["compared"], len(self.rows_of(target, "leads")))
        for stream, kinds in plants.items():
            self.plant(target, stream, kinds)
        before = {s: target.row_versions(s) for s in plants}

        found = self.findings(self.verify(home, *flags, code=1))

        expected = {s: (k.get("missing", 0) + k.get("hidden", 0), k.get("extra", 0),
                        k.get("stale", 0) + (k.get("silent", 0) if "--full" in flags else 0)) for s, k in plants.items()}
        for stream, (missing, extra, differing) in expected.items():
            row = found[stream]
            self.assertEqual((row["missing"], row["extra"], row["differing"], row["mended"]),
                             (missing, extra, differing, 0), "%s seed %d" % (stream, self.seed))
            self.assertEqual(self.stored(target, stream), [(missing, extra, differing)])
            self.assertEqual(target.row_versions(stream), before[stream], "only looking writes no row")
        simulator.forget_requests()
        mended = self.findings(self.verify(home, "--repair", *flags, code=0))
        requests = counts(simulator.requests())
        planted = sum(sum(expected[s]) for s in plants)
        self.assertEqual(sum(mended[s]["mended"] for s in plants), planted)
        for stream in plants:
            self.assertEqual(self.stored(target, stream), [(0, 0, 0)])
        compared = self.assert_equal_to_ledger(simulator, target)
        print("%d of %d planted among %d rows found and mended with %d requests (%d records by id)"
              % (planted, planted, compared, sum(requests.values()),
                 sum(n for kind, n in requests.items() if kind == "single")), end=" ", flush=True)

    def test_postgres_by_version(self):
        n = scaled(25)
        self.find_and_mend(self.postgres(), {
            "leads": {"missing": n, "extra": n, "stale": n, "hidden": n},
            "contacts": {"missing": n, "stale": n},
            "deals": {"extra": n, "stale": n},
            "accounts": {"missing": 20}, "notes": {"extra": 10, "missing": 10}})

    def test_postgres_by_every_field(self):
        n = scaled(25)
        self.find_and_mend(self.postgres(), {
            "leads": {"silent": n, "missing": n},
            "contacts": {"silent": n, "stale": n},
            "deals": {"silent": n, "extra": n},
            "users": {"silent": 2}}, "--full")

    def test_sqlite(self):
        self.find_and_mend(self.sqlite(), {
            "leads": {"missing": 12, "extra": 12, "stale": 12, "silent": 12, "hidden": 12},
            "deals": {"silent": 12}}, "--full")

    def test_a_deletion_that_zoho_forgot_is_found_by_verify_alone(self):
        simulator, target = self.simulator("--records", "leads=300,notes=100", "--scale", "0.05"), self.postgres()
        home = self.install(simulator, target)
        self.sync(home)
        self.plant(target, "leads", {"extra": 3})
        ids = self.rows_of(target, "notes")[:4]
        for note in ids:
            simulator.post("delete", module="Notes", ids=[str(note)])
        self.quiet(simulator)
        self.sync(home)
        self.assertEqual(len(set(ids) & set(self.rows_of(target, "notes"))), 4, "Notes have no list of deletions")
        self.verify(home, "--repair", code=0)
        self.assertFalse(set(ids) & set(self.rows_of(target, "notes")))
        marked = target.rows("select count(*) from zoho_crm.leads where _deleted_at is not null")
        self.assertEqual(marked, [(3,)], "soft is the default")

    def test_no_false_alarm_beside_a_daemon_under_edits(self):
        simulator, target = self.simulator("--records", "leads=1200,contacts=600,deals=400", "--scale", "0.05"), \
            self.postgres()
        home = self.install(simulator, target)
        home.defaults["schedule"] = "@every 1s"
        home.daemon["overlap"] = "5s"
        home.write()
        self.sync(home)
        daemon = self.started(home, "run")
        simulator.post("churn", modules=["Leads", "Contacts", "Deals"], edits_per_second=20, deletes_per_second=1,
                       creates_per_second=1)
        simulator.post("mode", latency_ms=30)
        for _ in range(3):
            found = self.findings(self.verify(home, code=0))
            self.assertEqual(sorted(found), sorted(STREAMS))
        daemon.terminate()

    def test_the_daemon_verifies_and_mends_on_its_schedule(self):
        simulator, target = self.simulator("--records", "leads=500,contacts=300", "--scale", "0.05"), self.postgres()
        home = self.install(simulator, target)
        home.defaults["schedule"] = "@every 1s"
        home.daemon["verify"] = "@every 3s"
        home.write()
        self.sync(home)
        self.plant(target, "leads", {"missing": 5, "extra": 0, "stale": 5})
        self.plant(target, "contacts", {"missing": 5})
        daemon = self.started(home, "run")
        wait_until(lambda: daemon.err().count("event=difference") >= 15, 60, "the differences are named")
        self.wait_until_equal(simulator, target, RECORD_STREAMS, 30)
        self.assertEqual(daemon.err().count("mended=yes"), 15)
        wait_until(lambda: self.stored(target, "leads") == [(0, 0, 0)], 30, "the outcome is stored")
        result, _ = daemon.terminate()
        self.assertEqual(result.code, 0, result.err[-3000:])
        self.assert_clean(result)

    def test_repair_waits_for_the_lease_and_looking_does_not(self):
        simulator, target = self.simulator("--records", "leads=50", "--scale", "0.05"), self.postgres()
        home = self.install(simulator, target)
        self.sync(home)
        daemon = self.started(home, "run")
        wait_until(lambda: "run_finished" in daemon.err(), 30, "the daemon holds the lease")
        self.verify(home, "--streams", "leads", code=0)
        if os.environ.get("ZOHOSYNCD_E2E_SLOW"):
            self.assertIn("pid %d" % daemon.pid, self.verify(home, "--repair", code=75).err)

    def test_what_was_never_synced_says_so(self):
        simulator, target = self.simulator("--records", "leads=50", "--scale", "0.05"), self.postgres()
        home = self.install(simulator, target)
        self.sync(home, "--streams", "leads")
        result = self.verify(home, "--streams", "leads,users,deals", code=1)
        self.assertIn("run `zohosyncd sync`", result.text)
        self.assertEqual(self.findings(result)["leads"]["differing"], 0)
