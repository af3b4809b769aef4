"""Formula and roll-up fields change without a new Modified_Time: `daemon.formulas` reads them again, and nothing else."""

import json
import time
import unittest
import urllib.request
from urllib.parse import parse_qs, urlsplit

from harness import EndToEnd
from servers import free_port, wait_until

FORMULAS = {"Discount_Formula", "Open_Tasks", "Latest_Call"}
REFRESH = frozenset(FORMULAS | {"id", "Modified_Time"})
DRIFT = {"Discount_Formula": 77.25, "Open_Tasks": 4321, "Latest_Call": "2024-02-29T12:00:00+01:00"}
RECORDS = 900


class Formulas(EndToEnd):
    def prepare(self, target, formulas="@every 1s", leads=RECORDS, **daemon):
        self.sim = self.simulator("--scale", "0.05", "--records", "leads=%d" % leads)
        self.target = target
        self.port = free_port()
        self.home = self.install(self.sim, target, streams={"leads": None, "vendors": None, "deals": {"mode": "full-refresh"}})
        self.home.defaults["schedule"] = "@every 1s"
        self.home.daemon.update({"listen": "127.0.0.1:%d" % self.port, "verify": "off", "formulas": formulas, **daemon})
        self.home.write()

    def stream(self, name="leads"):
        try:
            with urllib.request.urlopen("http://127.0.0.1:%d/api/status" % self.port, timeout=5) as reply:
                return next(s for s in json.load(reply)["streams"] if s["stream"] == name)
        except (OSError, StopIteration):
            return {}

    def refreshed_at(self):
        return self.stream().get("formulas_at")

    def wait_for_refreshes(self, count, seconds=120):
        for _ in range(count):
            before = self.refreshed_at()
            wait_until(lambda: self.refreshed_at() != before, seconds, "a refresh", pause=0.1)

    def list_requests(self):
        """The fields that each asked for."""
        return [frozenset(parse_qs(urlsplit(request["target"]).query)["fields"][0].split(","))
                for request in self.sim.requests("list:Leads")]

    def refresh_requests(self):
        """Those for nothing but id, Modified_Time and formula fields."""
        return [fields for fields in self.list_requests() if fields == REFRESH]

    def drift(self, count):
        return self.sim.ids("drift", "Leads", count=count, fields=DRIFT)

    def test_drifted_values_are_corrected_and_nothing_else_is_written(self):
        for target in (self.postgres(), self.sqlite()):
            with self.subTest(target.kind):
                self.prepare(target)
                daemon = self.started(self.home, "run")
                self.wait_for_refreshes(1)
                self.check_idle_refreshes()
                before, marks = self.row_versions(), self.states(target)["leads"]
                drifted = self.drift(40)
                self.sim.forget_requests()
                self.wait_for_refreshes(2)  # The one that was under way may have passed a record.
                daemon.terminate()
                self.assert_equal_to_ledger(self.sim, target, ["leads", "vendors", "deals"])
                after = self.row_versions()
                written = {i for i in after if after[i] != before[i]}
                self.assertEqual(written, drifted)
                for name in ("high_water_mark", "anchor", "scan", "generation"):
                    self.assertEqual(self.states(target)["leads"][name], marks[name], name)
                others = set(self.list_requests()) - {REFRESH}
                self.assertLessEqual(len(others), 2, "what is not of a refresh is one of the two slices of a run")
                self.assertTrue(all(len(fields) > 20 for fields in others), others)
                print("%s: %d records, %d drifted, %d rows written, %d requests for two refreshes or a part more"
                      % (target.kind, RECORDS, len(drifted), len(written), len(self.refresh_requests())))
                self.assertEqual([r for r in self.sim.requests() if r["kind"].startswith("single:")], [])

    def check_idle_refreshes(self):
        before = self.row_versions()
        self.sim.forget_requests()
        self.wait_for_refreshes(2)
        requests = len(self.refresh_requests())
        self.assertEqual(self.row_versions(), before)
        runs = self.target.rows("select count(*) from %ssync_runs where stream = 'leads'" % self.target.state_prefix)
        pages = -(-RECORDS // 200)
        print("%s: idle, %d requests for two refreshes of %d pages, 0 rows written" % (self.target.kind, requests, pages))
        self.assertGreaterEqual(requests, pages)
        self.assertLessEqual(requests, 3 * (pages + 2))
        self.assertEqual(runs, [(1,)], "an idle refresh is no run")

    def row_versions(self):
        """Row to something that another write changes."""
        return self.target.row_versions("leads")

    def test_a_large_module_is_refreshed_a_part_at_a_time(self):
        """Fifty pages after a run: the stream's own changes never wait for a whole walk."""
        target = self.postgres()
        self.prepare(target, leads=10_600)
        daemon = self.started(self.home, "run")
        self.wait_for_refreshes(1, 200)
        drifted = self.drift(300)
        self.sim.forget_requests()
        self.wait_for_refreshes(2, 200)
        kinds = [fields == REFRESH for fields in self.list_requests()]
        daemon.terminate()
        self.assert_equal_to_ledger(self.sim, target, ["leads"])
        longest, run = 0, 0
        for is_refresh in kinds:
            run = run + 1 if is_refresh else 0
            longest = max(longest, run)
        print("10600 records, %d drifted, at most %d requests of a refresh without one for changes" % (len(drifted), longest))
        self.assertLessEqual(longest, 50)
        self.assertGreater(kinds.count(True), 53)

    def test_edits_meanwhile_are_not_mixed_with_it(self):
        target = self.postgres()
        self.prepare(target, leads=2_000)
        daemon = self.started(self.home, "run")
        self.wait_for_refreshes(1)
        self.sim.post("churn", edits_per_request=1, deletes_per_request=0.2, creates_per_request=0.2, modules=["Leads"])
        for _ in range(3):
            self.drift(60)
            self.wait_for_refreshes(1)
            self.assertEqual(self.differences(self.sim, target, ["leads"], partial=True), [])
        self.quiet(self.sim)
        self.wait_for_refreshes(2)
        time.sleep(2)
        daemon.terminate()
        self.assert_equal_to_ledger(self.sim, target, ["leads"])

    def test_off_means_off(self):
        target = self.postgres()
        self.prepare(target, formulas="off")
        self.started(self.home, "run")
        wait_until(lambda: self.stream().get("status") == "ok", 60, "the first run", pause=0.1)
        drifted = self.drift(10)
        time.sleep(3)
        self.assertEqual(self.refresh_requests(), [])
        stale = [r for r in self.differences(self.sim, target, ["leads"])]
        self.assertEqual(stale[0].verdicts["stale"], len(drifted))

    def test_it_waits_while_credits_are_short(self):
        """Changes go on meanwhile."""
        self.prepare(self.postgres(), credits={"daily": 100_000, "reserve": "0%"})
        self.home.streams = {"leads": {"schedule": "@every 2s"}}
        self.home.write()
        self.sync(self.home)
        self.sim.forget_requests()
        self.target.rows("insert into zohosync.credits values ('ZOHO_CRM', date_trunc('minute', now() - interval '5 minutes'), 60000)")
        daemon = self.started(self.home, "run")
        wait_until(lambda: "what=\"refresh of formula fields\"" in daemon.err(), 60, "that it waits", pause=0.2)
        self.assertEqual(self.refresh_requests(), [])
        self.sim.post("edit", module="Leads", count=5)
        self.wait_until_equal(self.sim, self.target, ["leads"], 60)

    def test_plan_and_status_show_it(self):
        target = self.postgres()
        self.prepare(target, formulas="@daily")
        plan = json.loads(self.home.run("plan", "--json").out)
        plans = {s["stream"]: s for s in plan["streams"]}
        self.assertEqual({s: plans[s]["formula_fields"] for s in plans}, {"leads": 3, "vendors": 0, "deals": 1})
        self.assertIn(plans["leads"]["formulas_credits_per_day"], range(-(-RECORDS // 200), -(-RECORDS // 200) + 3))
        self.assertEqual((plans["vendors"]["formulas_credits_per_day"], plans["deals"]["formulas_credits_per_day"]), (0, 0))
        self.assertIn("and formula fields (", self.home.run("plan").out)

        self.home.daemon["formulas"] = "@every 2s"
        self.home.write()
        daemon = self.started(self.home, "run")
        self.wait_for_refreshes(1)
        self.drift(7)
        self.wait_for_refreshes(2)
        self.assertIsNone(self.stream("vendors")["formulas_at"])
        daemon.terminate()
        self.assertRegex(daemon.finish().err, r"stream=leads event=formulas_refreshed rows=%d updated=7 requests=\d+" % RECORDS)
        state = next(s for s in json.loads(self.home.run("status", "--json").out) if s["stream"] == "leads")
        self.assertEqual(state["formulas_compared"], RECORDS)
        self.assertIsNotNone(state["formulas_at"])
        self.assertIn("formula fields of leads: refreshed ", self.home.run("status").out)


if __name__ == "__main__":
    unittest.main()
