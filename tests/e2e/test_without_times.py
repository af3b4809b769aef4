"""Modules without Modified_Time: read whole, whatever the mode says, and said so."""

import json
import unittest
import urllib.request

from extra_modules import field, flags_for, wide_fields
from harness import EndToEnd
from servers import free_port, wait_until

REASON = "the module has no field Modified_Time"
LINKS = {"api_name": "Links", "module_name": "LinkingModule1", "generated_type": "linking", "records": 450,
         "modified_time": False, "fields": [field("Name"), field("Amount", "currency"), field("When", "date")]}
WIDE = {"api_name": "Wide_Links", "module_name": "LinkingModule2", "generated_type": "linking", "records": 300,
        "modified_time": False, "fields": wide_fields(120)}


class WithoutTimes(EndToEnd):
    def organisation(self, *modules):
        return self.simulator("--scale", "0.05", *flags_for(self, list(modules or (LINKS, WIDE))))

    def assert_equal(self, simulator, target, *modules):
        return sum(self.assert_equal_to_ledger(simulator, target, [m["api_name"]], module=m["api_name"]) for m in modules)

    def events(self, result, name):
        return [line for line in result.err.splitlines() if "event=%s " % name in line]

    def test_whatever_the_mode_says_the_table_becomes_equal(self):
        for target in (self.postgres(), self.sqlite()):
            with self.subTest(target.kind):
                simulator = self.organisation()
                home = self.install(simulator, target,
                                    streams={"Links": None, "Wide_Links": {"mode": "full-refresh"}, "vendors": None})
                result = self.sync(home)
                self.assertEqual(self.assert_equal(simulator, target, LINKS, WIDE), 459 + 306)  # A fiftieth more was deleted.
                said = self.events(result, "read_whole")
                self.assertEqual(len(said), 2, result.err)
                self.assertTrue(all(REASON in line for line in said), said)
                states = self.states(target)
                for stream in ("Links", "Wide_Links"):
                    self.assertEqual((states[stream]["status"], states[stream]["mode"]), ("ok", "full-refresh"))
                    self.assertIsNotNone(states[stream]["consistent_as_of"])

                before = {m: target.row_versions(m) for m in ("Links", "Wide_Links")}
                self.sync(home)
                self.assertEqual({m: target.row_versions(m) for m in before}, before, "an idle walk writes nothing")

                edited = {m: simulator.ids("edit", m, count=7) for m in before}
                created = {m: simulator.ids("create", m, count=3) for m in before}
                self.sync(home)
                self.assert_equal(simulator, target, LINKS, WIDE)
                for module, rows in before.items():
                    after = target.row_versions(module)
                    self.assertEqual({i for i in after if after[i] != rows.get(i)}, edited[module] | created[module])

    def test_rows_that_two_walks_lack_are_marked(self):
        target = self.postgres()
        simulator = self.organisation()
        home = self.install(simulator, target, streams={"Links": None})
        self.sync(home)
        gone = simulator.ids("delete", "Links", count=5)
        marked = "select id from zoho_crm.links where _deleted_at is not null"
        self.sync(home)
        self.assertEqual(target.rows(marked), [])
        self.sync(home)
        self.assertEqual({row[0] for row in target.rows(marked)}, gone)

    def test_no_row_is_a_mix_of_two_versions(self):
        """Every request is preceded by edits, so that the slices of a page keep differing."""
        target = self.postgres()
        simulator = self.organisation()
        home = self.install(simulator, target, streams={"Wide_Links": None})
        simulator.post("churn", edits_per_request=6, modules=["Wide_Links"])
        self.sync(home)
        self.sync(home)
        singles = len([r for r in simulator.requests() if r["kind"] == "single:Wide_Links"])
        self.assertGreater(singles, 0, "no record changed between two readings: the test shows nothing")
        self.assertEqual(self.differences(simulator, target, ["Wide_Links"], module="Wide_Links", partial=True), [])
        self.quiet(simulator)
        self.sync(home)
        self.assert_equal(simulator, target, WIDE)

    def test_a_list_longer_than_tokens_reach_is_read_from_both_ends(self):
        target = self.postgres()
        simulator = self.organisation()
        simulator.post("mode", token_row_limit=200)
        home = self.install(simulator, target, streams={"Wide_Links": None})
        self.sync(home)
        self.assertEqual(self.assert_equal(simulator, target, WIDE), 306)

    def test_a_list_longer_than_that_is_refused_by_name(self):
        target = self.postgres()
        simulator = self.organisation({**LINKS, "records": 900})
        simulator.post("mode", token_row_limit=200)
        home = self.install(simulator, target, streams={"Links": None, "vendors": None})
        result = self.sync(home, code=1)
        self.assertIn("module Links has no Modified_Time and more records than Zoho lists from both ends", result.text)
        self.assertEqual(self.states(target)["Links"]["status"], "blocked")
        self.assert_equal_to_ledger(simulator, target, ["vendors"])

    def test_plan_foretells_it(self):
        simulator = self.organisation()
        home = self.install(simulator, self.postgres(), streams={"Links": None, "Wide_Links": None})
        result = home.run("plan", "--json")
        self.assertEqual(result.code, 0, result.text)
        plans = {stream["stream"]: stream for stream in json.loads(result.out)["streams"]}
        for name, rows in (("Links", 450), ("Wide_Links", 300)):
            self.assertEqual((plans[name]["mode"], plans[name]["rows"]), ("full-refresh", rows))
            self.assertIn(REASON, plans[name]["mode_reason"])
            self.assertEqual(plans[name]["interval_seconds"], 3600)
        self.assertIn(REASON, home.run("plan").out)
        simulator.forget_requests()
        self.sync(home)
        sent = len([r for r in simulator.requests() if r["kind"] != "token"])
        foretold = json.loads(result.out)["total"]["requests"]
        print("plan %d, sync %d requests" % (foretold, sent))
        self.assertEqual(foretold, sent)

    def test_every_verb_says_it(self):
        target = self.postgres()
        simulator = self.organisation()
        home = self.install(simulator, target, streams={"Links": None})
        found = {entry["module"]: entry for entry in json.loads(home.run("discover", "--json").out)}
        self.assertEqual((found["Links"]["incremental"], found["Leads"]["incremental"]), (False, True))
        checked = home.run("check")
        self.assertEqual(checked.code, 0, checked.text)
        self.assertIn(REASON, checked.text)
        self.sync(home)
        self.assertIn(REASON, home.run("status").out)
        state = json.loads(home.run("status", "--json").out)[0]
        self.assertEqual((state["stream"], state["mode"]), ("Links", "full-refresh"))
        self.assertIn(REASON, state["mode_reason"])

    def test_the_daemon_reads_it_hourly_unless_told_otherwise(self):
        simulator = self.organisation()
        port = free_port()
        home = self.install(simulator, self.postgres(), streams={"Links": None, "Wide_Links": {"schedule": "@every 20m"},
                                                                "vendors": None})
        home.daemon["listen"] = "127.0.0.1:%d" % port
        home.write()
        self.started(home, "run")

        def streams():
            try:
                with urllib.request.urlopen("http://127.0.0.1:%d/api/status" % port, timeout=5) as reply:
                    return {s["stream"]: s for s in json.load(reply)["streams"]}
            except OSError:
                return {}

        wait_until(lambda: streams().get("Links", {}).get("status") == "ok", 60, "the first walk", pause=0.2)
        status = streams()
        self.assertEqual((status["Links"]["mode"], status["Links"]["interval_seconds"]), ("full-refresh", 3600))
        self.assertIn(REASON, status["Links"]["mode_reason"])
        self.assertEqual(status["Wide_Links"]["interval_seconds"], 1200)
        self.assertIsNone(status["vendors"]["mode_reason"])

    def test_verify_compares_and_mends_it(self):
        for target in (self.postgres(), self.sqlite()):
            with self.subTest(target.kind):
                simulator = self.organisation()
                home = self.install(simulator, target, streams={"Links": None, "Wide_Links": None})
                self.sync(home)
                self.assertEqual(home.run("verify").code, 0)
                spoilt, lost = [row[0] for row in target.rows("select id from %s order by id limit 2" % target.table("Links"))]
                target.rows("update %s set name = 'spoilt' where id = %d" % (target.table("Links"), spoilt))
                target.rows("delete from %s where id = %d" % (target.table("Links"), lost))
                self.assertEqual(home.run("verify").code, 1)
                mended = home.run("verify", "--repair")
                self.assertEqual(mended.code, 0, mended.text)
                self.assert_equal(simulator, target, LINKS, WIDE)

    def test_a_range_of_it_is_refused(self):
        simulator = self.organisation()
        ranged = {"mode": "backfill", "primary_key": "id", "update_key": "Modified_Time",
                  "source_options": {"range": "2026-01-01,2026-02-01"}}
        home = self.install(simulator, self.postgres(), streams={"Links": ranged})
        result = self.sync(home, code=1)
        self.assertIn("module Links has no field Modified_Time, so that a range of it can not be read", result.text)

    def test_another_merge_than_that_of_a_full_refresh_is_refused(self):
        simulator = self.organisation()
        home = self.install(simulator, self.postgres(), streams={"Links": {"target_options": {"merge_strategy": "insert"}}})
        result = self.sync(home, code=1)
        self.assertIn("module Links has no field Modified_Time, so that its list is read whole and merged; take `merge_strategy` out",
                      result.text)

    def test_a_snapshot_of_it_is_one(self):
        for target in (self.postgres(), self.sqlite()):
            with self.subTest(target.kind):
                simulator = self.organisation()
                home = self.install(simulator, target, streams={"Links": {"mode": "snapshot"}})
                self.sync(home)
                live = {int(e["id"]) for e in map(json.loads, simulator.ledger_lines("Links")) if not e["deleted"]}
                self.sync(home)
                rows = target.rows("select id, _sling_loaded_at from " + target.table("Links"))
                loads = {loaded for _, loaded in rows}
                self.assertEqual(len(loads), 2)
                for load in loads:
                    self.assertEqual({record for record, loaded in rows if loaded == load}, live)


if __name__ == "__main__":
    unittest.main()
