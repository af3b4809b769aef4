"""What `plan` foretells is what a `sync` then does, by the simulator's own counting; and it changes nothing."""

import json
import unittest

from harness import EndToEnd

COUNTING = "ZohoSearch.securesearch.READ"
USUAL = ",".join("ZohoCRM.%s.READ" % name for name in ("modules", "settings", "users", "org"))


class Plan(EndToEnd):
    def prepare(self, *flags, target=None, counts=True, **settings):
        self.sim = self.simulator(*flags)
        self.target = target or self.postgres()
        self.home = self.install(self.sim, self.target, **settings)
        if counts:
            self.home.inputs["scopes"] = USUAL + "," + COUNTING
        self.home.write()

    def plan(self, *arguments, code=0):
        self.sim.forget_requests()
        result = self.home.run("plan", "--json", *arguments)
        self.assertEqual(result.code, code, result.text[-3000:])
        self.assert_clean(result)
        plan = json.loads(result.out)
        self.assertEqual(plan["plan_requests"], self.credits(), "what the plan itself took")
        return plan

    def credits(self):
        return len([r for r in self.sim.requests() if r["kind"] != "token"])

    def synced(self, *arguments):
        """Requests of a sync, all and by stream."""
        self.sim.forget_requests()
        self.sync(self.home, *arguments)
        return self.credits()

    def assert_foretold(self, plan, requests):
        foretold = plan["total"]["requests"]
        print("%s: plan %d, sync %d (%+.1f %%), the plan took %d" % (
            self.id().rsplit(".", 1)[1], foretold, requests, 100.0 * (foretold - requests) / requests,
            plan["plan_requests"]))
        self.assertLessEqual(abs(foretold - requests), 0.05 * requests, (foretold, requests, plan))

    def assert_foretells(self, *arguments):
        plan = self.plan(*arguments)
        self.assert_foretold(plan, self.synced(*arguments))
        return plan

    def test_an_organisation_of_usual_size(self):
        self.prepare("--scale", "2")
        plan = self.assert_foretells()
        self.assertEqual(len(plan["streams"]), 14)
        self.assertTrue(all(stream["rows_are_exact"] for stream in plan["streams"]))

    def test_wide_modules(self):
        self.prepare("--records", "leads=3000,deals=2500", "--fields", "leads=180,deals=70", "--scale", "0.2")
        plan = self.assert_foretells()
        slices = {stream["stream"]: stream["slices"] for stream in plan["streams"]}
        self.assertGreaterEqual(slices["leads"], 4)
        self.assertEqual(slices["deals"], 2)

    def test_seconds_that_hold_many_records(self):
        self.prepare("--records", "leads=4000,contacts=2000", "--tie", "leads=1500,contacts=450", "--scale", "0.2")
        plan = self.assert_foretells()
        ties = {stream["stream"]: stream["ties"] for stream in plan["streams"] if stream["ties"]}
        self.assertEqual(ties, {"leads": [1500], "contacts": [450]})

    def test_many_users_and_further_modules(self):
        self.prepare("--users", "1900", "--scale", "0.3", target=self.sqlite(),
                     streams={"users": None, "modules": None, "leads": {"mode": "full-refresh"}, "Invoices": None,
                              "Vehicles": None, "contacts": None})
        plan = self.assert_foretells()
        rows = {stream["stream"]: stream["rows"] for stream in plan["streams"]}
        self.assertEqual(rows["users"], 1900)

    def test_few_credits(self):
        self.prepare("--paid-type", "free", "--scale", "0.5")
        self.home.daemon["credits"] = {"reserve": "10%"}
        self.home.write()
        plan = self.assert_foretells()
        self.assertEqual(plan["credits"]["daily"], 5000)
        self.assertEqual(plan["credits"]["allowed"], 4500)
        self.assertGreater(plan["credits"]["interval_stretch"], 1.0)
        self.assertLessEqual(plan["total"]["credits_per_day"], 4500)

    def test_without_the_right_to_count(self):
        """Up to 2,000 records page numbers count; beyond, samples of the list estimate."""
        self.prepare("--records", "leads=12000,contacts=1900", "--scale", "0.2", counts=False)
        plan = self.assert_foretells()
        found = {stream["stream"]: stream for stream in plan["streams"]}
        self.assertEqual((found["contacts"]["rows"], found["contacts"]["rows_are_exact"]), (1900, True))
        self.assertFalse(found["leads"]["rows_are_exact"])
        self.assertAlmostEqual(found["leads"]["rows"], 12000, delta=1200)

    def test_the_second_sync(self):
        self.prepare("--scale", "0.3")
        self.sync(self.home)
        self.sim.post("edit", module="Leads", count=100)
        self.quiet(self.sim)
        plan = self.assert_foretells()
        self.assertEqual([stream for stream in plan["streams"] if stream["ddl"]], [])

    def test_ddl_is_what_a_sync_makes(self):
        for target in (self.postgres(), self.sqlite()):
            with self.subTest(target.kind):
                self.prepare("--scale", "0.05", target=target, streams={"leads": None, "users": None})
                plan = self.plan()
                for stream in plan["streams"]:
                    self.assertTrue(any("CREATE TABLE" in statement for statement in stream["ddl"]), stream)
                self.sync(self.home)
                self.sim.post("fields", module="Leads", add=[{"api_name": "Shoe_Size", "data_type": "integer"}])
                changes = {stream["stream"]: stream["ddl"] for stream in self.plan()["streams"]}
                self.assertEqual(changes["users"], [])
                self.assertTrue(any("shoe_size" in statement for statement in changes["leads"]), changes)
                self.sync(self.home)
                self.assertEqual(self.plan()["streams"][0]["ddl"], [])

    def test_nothing_is_written(self):
        self.prepare("--scale", "0.1", streams={"leads": None, "users": None})
        before = self.written()
        self.plan()
        self.assertEqual(self.written(), before)
        self.sync(self.home)
        self.target.settle()
        before = self.written()
        self.plan()
        self.target.settle()
        self.assertEqual(self.written(), before)

    def written(self):
        relations = self.target.rows("select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = "
                                     "c.relnamespace where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'")
        return sorted(relations), self.target.write_counts()

    def test_a_module_that_may_not_be_read(self):
        self.prepare("--scale", "0.1", streams={"leads": None, "deals": None})
        self.sim.faults({"path": "^/crm/v6/Deals", "action": {"kind": "deny", "code": "NO_PERMISSION"}})
        plan = self.plan(code=1)
        problems = {stream["stream"]: stream["problem"] for stream in plan["streams"]}
        self.assertIsNone(problems["leads"])
        self.assertIn("NO_PERMISSION", problems["deals"])

    def test_the_text_names_the_anchor_and_the_totals(self):
        self.prepare("--scale", "0.1", streams={"leads": None, "users": None})
        self.home.inputs["anchor_date"] = "2026-01-02"
        self.home.write()
        result = self.home.run("plan")
        self.assertEqual(result.code, 0, result.text)
        for words in ("anchor 2026-01-02T00:00:00Z", 'CREATE TABLE "zoho_crm"."leads"', "this sync:",
                      "a cycle without changes:", "credits:", "changed nothing"):
            self.assertIn(words, result.out)


if __name__ == "__main__":
    unittest.main()
