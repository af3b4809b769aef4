"""A network and a Zoho that misbehave: a sync still ends equal."""

from harness import RECORD_STREAMS, EndToEnd, scaled
from request_log import counts


def status(code, **more):
    return {"kind": "status", "status": code, **more}


class Faults(EndToEnd):
    def faulty(self, rules, target=None, sizes=("--scale", "0.3"), streams=None, code=0):
        """A first sync under the rules; the result must be equal all the same."""
        target = target or self.sqlite()
        simulator = self.simulator(*sizes)
        home = self.install(simulator, target)
        if streams:
            home.streams = {s: None for s in streams}
            home.write()
        simulator.faults(*rules)
        result = self.sync(home, code=code)
        fired = simulator.get("faults")["rules"]
        simulator.clear_faults()
        for rule in fired:
            self.assertGreater(rule["hits"], 0, fired)
        return simulator, home, target, result

    def test_each_module_has_another_fault(self):
        # The third list request of each module, so that a page was read before.
        faults = {"Leads": status(429, retry_after=1), "Contacts": status(500), "Accounts": status(502),
                  "Deals": {"kind": "truncate", "bytes": 3000}, "Tasks": "html", "Events": "empty_json",
                  "Calls": "reset", "Campaigns": {"kind": "reset", "after_answer": True}, "Products": "null_token",
                  "Quotes": "invalid_token", "Vendors": {"kind": "redirect", "location": "https://www.example.com/"},
                  "Notes": {"kind": "stall", "delay_ms": 700}}
        rules = [{"path": "/crm/v6/%s\\?" % module, "nth": 2, "action": action} for module, action in faults.items()]
        target = self.postgres()
        sizes = ",".join("%s=420" % ("meetings" if m == "Events" else m.lower()) for m in faults)
        simulator, _, _, result = self.faulty(rules, target, ("--records", sizes, "--no-gzip"))
        self.assert_equal_to_ledger(simulator, target)
        retried = sum(r["status"] not in (200, 204, 304) for r in simulator.requests())
        print("%d bad answers, %.1f s" % (retried, result.seconds), end=" ", flush=True)

    def test_other_requests_fail_too(self):
        rules = [{"path": path, "times": 1, "action": action} for path, action in (
            ("oauth", status(503)), ("/org", status(502)), ("settings/fields\\?module=Leads", "reset"),
            ("settings/fields\\?module=Deals", status(500)), ("/users", {"kind": "truncate", "bytes": 200}),
            ("settings/modules", "html"), ("/Contacts/deleted", status(500)), ("/Tasks/deleted", "empty_json"))]
        simulator, _, target, _ = self.faulty(rules)
        self.assert_equal_to_ledger(simulator, target)

    def test_bodies_that_are_too_large(self):
        rules = [{"path": "/crm/v6/Leads\\?", "times": 1, "action": {"kind": "huge_body", "bytes": 64 << 20}},
                 {"path": "/crm/v6/Deals\\?", "times": 1, "action": {"kind": "gzip_bomb", "bytes": 200 << 20}}]
        simulator, _, target, _ = self.faulty(rules, streams=["leads", "deals"])
        self.assert_equal_to_ledger(simulator, target, ["leads", "deals"])

    def test_every_seventh_request_fails(self):
        rules = [{"path": "/crm/", "every": 7, "action": status(500)}]
        simulator, _, target, result = self.faulty(rules, self.postgres())
        self.assert_equal_to_ledger(simulator, target)

    def test_one_module_fails_for_ever(self):
        rules = [{"path": "/crm/v6/Leads\\?", "action": status(500)}]
        streams = ["leads", "contacts", "notes"]
        simulator, home, target, result = self.faulty(rules, streams=streams, code=1)
        self.assertIn("2 streams ok, 1 failed", result.err)
        self.assert_equal_to_ledger(simulator, target, ["contacts", "notes"])
        state = self.states(target)["leads"]
        self.assertEqual(state["status"], "backoff")
        self.assertIn("500", state["last_error"])
        self.assertGreater(state["consecutive_failures"], 0)
        self.assertIsNone(state["consistent_as_of"])
        self.sync(home)
        self.assert_equal_to_ledger(simulator, target, streams)
        self.assertEqual(self.states(target)["leads"]["status"], "ok")

    def test_a_token_that_is_revoked_in_the_middle(self):
        rules = [{"path": "/crm/v6/Leads\\?", "nth": 3, "action": "invalid_token"}]
        simulator, _, target, _ = self.faulty(rules, sizes=("--records", "leads=900"), streams=["leads"])
        self.assert_equal_to_ledger(simulator, target, ["leads"])
        self.assertEqual(counts(simulator.requests())["token"], 2)

    def test_tokens_that_live_shortly(self):
        target = self.sqlite()
        simulator = self.simulator("--scale", "0.3", "--token-life", "2")
        simulator.post("mode", latency_ms=20)
        home = self.install(simulator, target)
        # Few tokens are allowed in ten minutes: a short life must not burn them.
        result = home.run("sync")
        self.assertLessEqual(counts(simulator.requests())["token"], 5)
        self.assertIn("event=token_life_implausible", result.err)
        self.assertIn(result.code, (0, 1, 69), result.text[-2000:])
        if result.code == 0:
            self.assert_equal_to_ledger(simulator, target)

    def test_page_tokens_that_expire(self):
        target = self.postgres()
        simulator = self.simulator("--records", "leads=1500", "--tie", "leads=1100")
        home = self.install(simulator, target, streams={"leads": None})
        simulator.faults({"path": "page_token", "nth": 3,
                          "action": status(400, body={"code": "EXPIRED_VALUE", "details": {}, "status": "error",
                                                      "message": "page token expired"})})
        self.assertIn("event=scan_restarted zoho_code=EXPIRED_VALUE", self.sync(home).err)
        simulator.clear_faults()
        self.assert_equal_to_ledger(simulator, target, ["leads"])

    def test_a_wrong_clock_header(self):
        for header in ("absent", "malformed", -3600, 3600):
            with self.subTest(header):
                target = self.sqlite()
                simulator = self.simulator("--records", "leads=450,contacts=210")
                simulator.post("mode", date_header=header)
                home = self.install(simulator, target, streams={"leads": None, "contacts": None})
                self.sync(home)
                simulator.post("edit", module="Leads", count=30)
                simulator.post("delete", module="Contacts", count=5)
                simulator.post("mode", date_header="normal")
                self.sync(home)
                self.assert_equal_to_ledger(simulator, target, ["leads", "contacts"])

    def test_limits_of_zoho(self):
        target = self.sqlite()
        simulator = self.simulator("--scale", "0.3")
        simulator.post("mode", rate_limit=20, concurrency_limit=5, latency_ms=20)
        home = self.install(simulator, target)
        result = self.sync(home)
        self.assert_equal_to_ledger(simulator, target)
        refused = sum(r["status"] == 429 for r in simulator.requests())
        print("%d times 429, %.1f s" % (refused, result.seconds), end=" ", flush=True)

    def test_poison_does_not_stop_its_page(self):
        target = self.postgres()
        simulator = self.simulator("--records", "leads=450")
        home = self.install(simulator, target, streams={"leads": None})
        poison = {"Company": '"nul \\u0000 and lone \\ud800 surrogate"', "No_of_Employees": '"many"',
                  "Annual_Revenue": '"NaN"', "Created_Time": '"yesterday"', "Wizard": "99999999999999999999999",
                  "Email_Opt_Out": '"perhaps"', "Last_Activity_Time": '"2024-02-30T10:00:00+01:00"'}
        ids = simulator.ids("edit", "Leads", count=3)
        for record in ids:
            simulator.post("edit", module="Leads", ids=[str(record)], raw_fields=poison)
        self.sync(home)
        self.assert_equal_to_ledger(simulator, target, ["leads"], at_least=450)
        kept = target.rows("select distinct id from zohosync.quarantine where target = 'zoho_crm.leads'")
        self.assertEqual({r[0] for r in kept}, ids)

    def test_random_faults_everywhere(self):
        target = self.postgres()
        simulator = self.simulator("--scale", "%g" % (0.5 * max(1, scaled(1) / 3)))
        home = self.install(simulator, target)
        kinds = [status(500), status(502), "reset", {"kind": "truncate", "bytes": 900}, "html", "empty_json"]
        simulator.faults(*({"path": "/crm/", "probability": 0.01, "action": kind} for kind in kinds))
        simulator.post("churn", edits_per_request=1, deletes_per_request=0.1, restores_per_request=0.05)
        for _ in range(2):
            result = home.run("sync")
            self.assertIn(result.code, (0, 1), result.text[-3000:])
            self.assert_clean(result)
        self.quiet(simulator)
        simulator.clear_faults()
        self.sync(home)
        self.assert_equal_to_ledger(simulator, target, [s for s in RECORD_STREAMS if s != "notes"])
