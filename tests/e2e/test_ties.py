"""Many records in one second, and records that move between two pages."""

from harness import EndToEnd, scaled

# Stream to the number of its records that share one second; each has others around.
TIES = {"accounts": 1, "calls": 199, "contacts": 200, "deals": 201, "tasks": 1000}
TOKENS = ("keyset", "offset", "snapshot")


class Ties(EndToEnd):
    def prepared(self, target, token_mode, since_mode, ties, *flags):
        sizes = ",".join("%s=%d" % (s, n + 150) for s, n in ties.items())
        simulator = self.simulator("--records", sizes, *(f for s, n in ties.items() for f in ("--tie", "%s=%d" % (s, n))), *flags)
        simulator.post("mode", token_mode=token_mode, if_modified_since=since_mode)
        return simulator, self.install(simulator, target, streams={s: None for s in ties})

    def test_ties_are_whole_with_any_token_and_comparison(self):
        for since_mode in ("inclusive", "exclusive"):
            for token_mode in TOKENS:
                with self.subTest(token_mode=token_mode, if_modified_since=since_mode):
                    target = self.sqlite() if token_mode == "offset" else self.postgres()
                    simulator, home = self.prepared(target, token_mode, since_mode, TIES)
                    self.sync(home)
                    self.assert_equal_to_ledger(simulator, target, TIES, at_least=sum(TIES.values()))

    def test_a_second_of_five_thousand(self):
        target = self.postgres()
        simulator, home = self.prepared(target, "keyset", "inclusive", {"leads": 5000})
        result = self.sync(home)
        self.assert_equal_to_ledger(simulator, target, ["leads"], at_least=5000)
        print("%.1f s, %d requests" % (result.seconds, len(simulator.requests())), end=" ", flush=True)

    def test_nothing_is_lost_when_records_move_between_pages(self):
        ties = {"leads": 230, "contacts": 201, "notes": 100}
        for since_mode in ("inclusive", "exclusive"):
            for token_mode in TOKENS:
                with self.subTest(token_mode=token_mode, if_modified_since=since_mode):
                    target = self.sqlite() if token_mode == "snapshot" else self.postgres()
                    simulator, home = self.prepared(target, token_mode, since_mode, ties, "--fields", "contacts=70")
                    modules = {"edits_per_request": 2, "deletes_per_request": 0.7, "restores_per_request": 0.3,
                               "creates_per_request": 0.5}
                    simulator.post("churn", **modules)
                    self.sync(home)
                    self.quiet(simulator)
                    self.sync(home)
                    self.assert_equal_to_ledger(simulator, target, ["leads", "contacts"], at_least=sum(ties.values()))
                    self.check_notes(simulator, target)

    def check_notes(self, simulator, target):
        """Zoho lists no deleted notes: those that were read before stay, and nothing else may differ."""
        from oracle import compare
        report = compare(simulator, target, "notes")
        self.assertLessEqual(set(report.verdicts), {"equal", "not-deleted"}, report.text())

    def test_a_large_walk_under_churn(self):
        target = self.postgres()
        records = scaled(1200)
        simulator = self.simulator("--records", "leads=%d" % records, "--tie", "leads=500")
        home = self.install(simulator, target, streams={"leads": None})
        for token_mode in TOKENS:
            simulator.post("mode", token_mode=token_mode)
            simulator.post("churn", edits_per_request=6, deletes_per_request=1, restores_per_request=0.5, creates_per_request=1)
            self.sync(home)
            simulator.post("tie", module="Leads", count=450)
            self.sync(home)
        self.quiet(simulator)
        self.sync(home)
        self.assert_equal_to_ledger(simulator, target, ["leads"], at_least=records)

    def test_late_changes_within_the_overlap_arrive(self):
        target = self.postgres()
        simulator = self.simulator("--records", "leads=300")
        home = self.install(simulator, target, streams={"leads": None})
        home.daemon["overlap"] = "10s"
        home.write()
        simulator.post("mode", visibility_lag_seconds=3, visibility_lag_jitter=True)
        for _ in range(4):
            simulator.post("edit", module="Leads", count=40)
            self.sync(home)
        simulator.post("mode", visibility_lag_seconds=0)
        simulator.post("edit", module="Leads", count=1)
        self.wait_for_visibility(simulator, home, target)

    def wait_for_visibility(self, simulator, home, target):
        from servers import wait_until

        def is_equal():
            self.sync(home)
            return not self.differences(simulator, target, ["leads"])

        wait_until(is_equal, 15, "the late changes arrive", pause=0.5)
