"""`run`: follows edits, and leaves when told to."""

import os
import random
import signal
import time

import oracle
from harness import RECORD_STREAMS, EndToEnd, scaled
from servers import PostgresServer, PostgresTarget, wait_until

SIZES = ("--scale", "0.2", "--fields", "deals=120")


class Run(EndToEnd):
    def follow(self, target, seconds):
        simulator = self.simulator(*SIZES)
        home = self.install(simulator, target)
        home.defaults["schedule"] = "@every 5s"
        home.write()
        daemon = self.started(home, "run")
        wait_until(lambda: len(self.finished_streams(target)) == 14, 90, "the first load is done")
        simulator.post("churn", edits_per_second=8, deletes_per_second=0.6, restores_per_second=0.2,
                       creates_per_second=0.6, modules=[s for s in RECORD_STREAMS if s != "notes"])  # Zoho lists no deleted notes.
        until = time.monotonic() + seconds
        looks = 0
        while time.monotonic() < until:
            # A row may be late, but never wrong.
            for stream in RECORD_STREAMS:
                report = oracle.compare(simulator, target, stream, partial=True)
                self.assertTrue(report.is_equal(), report.text())
            looks += 1
            time.sleep(1)
        simulator.post("churn")
        self.assertTrue(daemon.is_running(), daemon.err()[-3000:] if daemon.is_running() else "it has left")
        quiet = time.monotonic()
        self.wait_until_equal(simulator, target, RECORD_STREAMS, 2 * 5 + 60)
        versions = sum(1 for s in RECORD_STREAMS for line in simulator.ledger_lines(s if s != "meetings" else "Events")
                       if oracle.parse_json(line)["versions"] > 1)
        print("%d s of edits, %d records changed, %d looks, equal %.1f s after quiet" % (
            seconds, versions, looks, time.monotonic() - quiet), end=" ", flush=True)
        result, took = daemon.terminate()
        self.assertEqual(result.code, 0, result.text[-3000:])
        self.assert_clean(result)
        self.assertLess(took, 5)
        self.assertNotIn(" error ", result.err)

    def finished_streams(self, target):
        if not target.has_table(target.state_prefix + "sync_state"):
            return []
        return [s for s, state in self.states(target).items() if state["consistent_as_of"]]

    def test_follows_edits_into_postgres(self):
        self.follow(self.postgres(), 20 if scaled(1) < 10 else 180)

    def test_follows_edits_into_sqlite(self):
        self.follow(self.sqlite(), 10 if scaled(1) < 10 else 180)

    # Leaving

    def leave(self, home, verb, number, expected, moment):
        daemon = self.started(home, verb)
        time.sleep(moment)
        if not daemon.is_running():
            self.assertEqual((verb, daemon.finish().code), ("sync", 0))
            return 0.0
        minded = daemon.minds(number)
        begun = time.monotonic()
        daemon.signal(number)
        result = daemon.finish(30)
        took = time.monotonic() - begun
        # Earlier than its first instruction of ours, the signal's own way is the right one.
        early = not minded and result.code == -number
        # A sync whose work was done had nothing left that the signal could have interrupted.
        done = verb == "sync" and result.code == 0 and "14 streams ok, 0 failed" in result.text
        self.assertTrue(result.code == expected or early or done, (result.code, moment, result.text[-3000:]))
        self.assertLess(took, 5, (moment, result.text[-3000:]))
        return took

    def test_leaves_at_any_moment(self):
        target = self.postgres()
        simulator = self.simulator("--records", "leads=%d" % scaled(1500), "--fields", "deals=120")
        simulator.post("mode", latency_ms=60)
        home = self.install(simulator, target)
        home.defaults["schedule"] = "@every 1s"
        home.write()
        seed = int(os.environ.get("ZOHOSYNCD_E2E_SEED") or random.SystemRandom().randrange(10**6))
        chance = random.Random(seed)
        cases = [("run", signal.SIGTERM, 0)] * 10 + [("sync", signal.SIGTERM, 143), ("sync", signal.SIGINT, 130)] * 2
        slowest = max(self.leave(home, *case, chance.uniform(0, 2.5)) for case in cases)
        print("seed %d, slowest %.2f s" % (seed, slowest), end=" ", flush=True)
        self.sync(home)
        self.assert_equal_to_ledger(simulator, target)

    def test_leaves_while_zoho_stalls(self):
        target = self.sqlite()
        simulator = self.simulator(*SIZES)
        home = self.install(simulator, target)
        for path in ("oauth", "/org", "settings/fields", "/crm/v6/Leads"):
            with self.subTest(path):
                simulator.clear_faults()
                simulator.forget_requests()
                simulator.faults({"path": path, "action": {"kind": "stall", "delay_ms": 8000}})
                daemon = self.started(home, "run")
                before = len([r for r in simulator.requests() if path.split("/")[-1] in r["target"]])
                wait_until(lambda: len([r for r in simulator.requests()
                                        if path.split("/")[-1] in r["target"]]) > before, 30, "the request that stalls")
                result, took = daemon.terminate()
                self.assertEqual(result.code, 0, result.text[-3000:])
                self.assertLess(took, 5)
                if path == "oauth":
                    simulator.clear_faults()
                    self.sync(home, "--streams", "users")  # So that the next ones begin with a token.
        simulator.clear_faults()

    def test_leaves_while_the_database_hangs(self):
        server = PostgresServer()
        self.addCleanup(server.stop)
        target = PostgresTarget(server)
        simulator = self.simulator(*SIZES)
        simulator.post("mode", latency_ms=100)
        home = self.install(simulator, target)
        daemon = self.started(home, "run")
        wait_until(lambda: target.has_table("zoho_crm.leads"), 60, "it writes")
        frozen = target.backends()
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(0.5)
            result, took = daemon.terminate()
        finally:
            for pid in frozen:
                os.kill(pid, signal.SIGCONT)
        self.assertEqual(result.code, 0, result.text[-3000:])
        self.assertLess(took, 5)
        target.settle()
        self.sync(home)
        self.assert_equal_to_ledger(simulator, target)
