"""The first sync of the fourteen endpoints, into both kinds of target."""

from harness import STREAMS, EndToEnd, scaled

SIZES = "--scale=%g" % max(1.0, scaled(100) / 100)


class FirstSync(EndToEnd):
    def check(self, target):
        simulator = self.simulator(SIZES, "--fields", "deals=120")
        result = self.sync(self.install(simulator, target))

        count = self.assert_equal_to_ledger(simulator, target, at_least=scaled(3000))
        print("%s: %d records in %.1f s" % (target.kind, count, result.seconds))
        self.assertIn("14 streams ok, 0 failed", result.err)
        states = self.states(target)
        self.assertEqual(sorted(states), sorted(STREAMS))
        for name, state in states.items():
            with self.subTest(name):
                self.assertEqual(state["status"], "ok")
                self.assertIsNone(state["last_error"] or None)
                self.assertFalse(state["scan"])
                self.assertIsNotNone(state["consistent_as_of"])
                self.assertEqual(state["consecutive_failures"], 0)
                self.assertEqual(state["org"], simulator.soid.split(".")[1])
                self.assertEqual(state["mode"], "full-refresh" if name in ("users", "modules") else "incremental")
        return simulator, states

    def test_into_postgres(self):
        target = self.postgres()
        simulator, states = self.check(target)

        latest = target.rows("select max(modified_time) from zoho_crm.leads")[0][0]
        self.assertEqual(states["leads"]["high_water_mark"], latest)
        self.assertLessEqual(abs(states["leads"]["consistent_as_of"].timestamp() - simulator.now()), 600)
        runs = target.rows("select stream, rows_inserted from zohosync.sync_runs")
        self.assertEqual(sorted(r[0] for r in runs), sorted(STREAMS))

    def test_into_sqlite(self):
        target = self.sqlite()
        self.check(target)
        self.assertEqual(target.rows("pragma integrity_check"), [("ok",)])
