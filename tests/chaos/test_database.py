"""PostgreSQL that crashes and commits whose answer never comes: no wrong verdict, and soon at work again."""

import time

from chaos import FULL, sized
from database import DatabaseChaos, events, spread
from servers import wait_until

# The promise is 2 s for 99 of 100 returns; a shared machine in CI gets more.
BACK_WITHIN = 2 if FULL else 10


class Crashes(DatabaseChaos):
    def test_immediate_stops_under_load(self):
        stops = sized(5, 100)
        server = self.own_server()
        target = self.own_target(server)
        simulator, home = self.prepared(target)
        self.sync(home)
        self.audit(target)
        self.load(simulator, edits_per_request=1)
        daemon = self.started(home, "run")
        wait_until(lambda: "run_finished" in daemon.err(), 60, "it works")
        took = []
        for _ in range(stops):
            time.sleep(self.chance.uniform(0.1, 1.2))
            server.pause("immediate")
            self.forget_connection(target)
            time.sleep(self.chance.choice((0, 0.3, 1, 1, 3)) * self.chance.random())
            accepted = self.returning(server, server.resume)
            before = self.commits(target)
            took.append(self.until_next_commit(target, accepted, before))
        result = self.settle(simulator, target, daemon)
        written = self.assert_counts_are_true(target)
        self.assertGreaterEqual(written, stops * 5)
        self.assertTrue(events(result.err, "run_failed", kind="sink_down"), result.err[-3000:])
        self.assertLessEqual(sorted(took)[int(len(took) * 0.99) - 1 if len(took) > 1 else 0], BACK_WITHIN, took)
        self.total(immediate_stops=stops, rows_written=written, back=spread(took))


class InDoubt(DatabaseChaos):
    def plan(self, done, lost, least, share):
        """Drops the answers of `done` commits that happen and `lost` that do not, drawn among those that store progress."""
        left = ["done", "done_late"] * (done // 2) + ["lost", "lost_late"] * (lost // 2)
        self.chance.shuffle(left)

        def judge(connection):
            if not left or not any("sync_state" in s and s.startswith("UPDATE") for s in connection.statements):
                return "pass"
            if self.chance.random() > share:
                return "pass"
            verdict = left.pop()
            return verdict, self.chance.uniform(0, least) if verdict.endswith("late") else 0
        return left, judge

    def test_dropped_replies_to_commit(self):
        drops = sized(24, 500)
        server = self.own_server()
        target = self.own_target(server)
        proxy = self.proxy(server)
        simulator, home = self.prepared(target, proxy.port)
        self.sync(home)
        self.audit(target)
        self.load(simulator, edits_per_request=1)
        left, proxy.plan = self.plan(drops // 2, drops // 2, 0.8, 0.3)
        daemon = self.started(home, "run")
        last, deadline = len(left), time.monotonic() + 60
        while left:
            time.sleep(0.1)
            if len(left) < last:
                last, deadline = len(left), time.monotonic() + 60
            self.assertLess(time.monotonic(), deadline, "no commit any more:\n" + daemon.err()[-3000:])
        result = self.settle(simulator, target, daemon)
        written = self.assert_counts_are_true(target)
        self.assertEqual(sum(n for verdict, n in proxy.verdicts.items() if verdict != "pass"), drops)
        self.assertEqual(proxy.answers, {"COMMIT": drops // 2})
        # As many verdicts of either kind as there were commits of either kind. A warning that comes often is not
        # written each time, so that only the good news can be counted.
        self.assertEqual(len(events(result.err, "commit_settled")), drops // 2)
        failed = events(result.err, "run_failed", error="during COMMIT, which did not happen")
        self.assertTrue(0 < len(failed) <= drops // 2, len(failed))
        self.assertGreaterEqual(written, drops)
        self.total(dropped_replies=drops, rows_written=written, **proxy.verdicts)
