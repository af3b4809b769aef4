"""A daemon that runs for long: nothing grows, nothing is written that has not changed, and a long sleep does no harm."""

import os
import signal
import threading
import time
from pathlib import Path

from chaos import FULL, sized
from database import DatabaseChaos, events
from harness import RECORD_STREAMS, STREAMS
from servers import wait_until

# After so many runs every connection has been opened and every buffer has its size.
WARM_UP = sized(40, 300)
# Over all the runs: what an allocator does by itself. In CI a warm-up is too short to say more.
MOST_GROWTH = sized(4, 1) << 20


class Vitals:
    """What a process uses, from /proc."""

    def __init__(self, pid):
        self.directory = Path("/proc", str(pid))

    def rss(self):
        return int((self.directory / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def descriptors(self):
        return len(os.listdir(self.directory / "fd"))

    def threads(self):
        return len(os.listdir(self.directory / "task"))


def slope(points):
    """Of the least squares line."""
    n = len(points)
    mean_x, mean_y = sum(x for x, _ in points) / n, sum(y for _, y in points) / n
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)


class Soak(DatabaseChaos):
    streams = STREAMS

    def finished_runs(self, daemon):
        return daemon.err().count("event=run_finished")

    def writes(self, target, ours):
        """Rows inserted, updated and deleted per table, of the state or of the streams. Sessions tell their counts when
        they end."""
        target.settle()
        return {name: tuple(counts) for name, counts in target.write_counts().items() if name.startswith("zohosync.") == ours}

    def test_idle_runs_neither_grow_nor_write(self):
        runs = sized(150, 2000)
        target = self.own_target(self.own_server())
        simulator, home = self.prepared(target, streams=STREAMS, flags=("--scale", "0.1"))
        self.sync(home)
        self.quiet(simulator)
        time.sleep(6)  # Past the overlap: from now on Zoho answers 304.
        rows, state = self.writes(target, False), self.writes(target, True)
        daemon = self.started(home, "run")
        wait_until(lambda: self.finished_runs(daemon) >= WARM_UP, 300, "it is warm")
        samples = self.watched(daemon, runs)
        growth = slope([(done, rss) for done, rss, _, _ in samples]) * runs
        descriptors, threads = sorted({s[2] for s in samples}), sorted({s[3] for s in samples})
        result = self.settle(simulator, target, daemon)
        self.assertFalse([line for line in result.err.splitlines() if " warn " in line or " error " in line])
        done = result.err.count("event=run_finished")
        self.assertEqual(self.writes(target, False), rows)
        after = self.writes(target, True)
        updates = after["zohosync.sync_state"][1] - state["zohosync.sync_state"][1]
        # The last run of each fetcher may have been stopped after its commit, before its line.
        self.assertLessEqual(updates, done + 3)
        for name in ("sync_state", "sync_runs", "columns", "quarantine"):
            self.assertEqual(after["zohosync." + name][0], state["zohosync." + name][0], name)
        self.assertLess(growth, MOST_GROWTH)
        self.assertEqual(len(threads), 1)
        # One idle connection to Zoho more or less, for each of three fetchers.
        self.assertLessEqual(descriptors[-1] - descriptors[0], 3)
        self.total(runs=done, rss="%.1f MiB" % (samples[-1][1] / 2**20), rss_growth="%+.0f KiB" % (growth / 1024),
                   descriptors=descriptors, threads=threads, state_updates_per_run=round(updates / done, 3), row_versions=0)

    def watched(self, daemon, runs):
        """(finished runs, RSS, file descriptors, threads), four times a second until so many runs are done."""
        vitals, first = Vitals(daemon.pid), self.finished_runs(daemon)
        samples, last, deadline = [], first, time.monotonic() + 60
        while last < first + runs:
            time.sleep(0.25)
            done = self.finished_runs(daemon)
            if done > last:
                last, deadline = done, time.monotonic() + 60
            self.assertLess(time.monotonic(), deadline, "no run any more")
            samples.append((done, vitals.rss(), vitals.descriptors(), vitals.threads()))
        return samples

    def test_busy_runs_do_not_grow(self):
        runs = sized(60, 600)
        target = self.own_target(self.own_server())
        simulator, home = self.prepared(target, streams=STREAMS, flags=("--scale", "0.1"))
        modules = ["Events" if s == "meetings" else s.capitalize() for s in RECORD_STREAMS if s != "notes"]
        simulator.post("churn", modules=modules, edits_per_second=40, deletes_per_second=1, restores_per_second=1)
        daemon = self.started(home, "run")
        wait_until(lambda: self.finished_runs(daemon) >= WARM_UP, 300, "it is warm")
        samples = self.watched(daemon, runs)
        growth = slope([(done, rss) for done, rss, _, _ in samples]) * runs
        self.settle(simulator, target, daemon, [s for s in STREAMS if s != "notes"])
        self.total(runs=runs, rss="%.1f MiB" % (samples[-1][1] / 2**20), rss_growth="%+.0f KiB" % (growth / 1024))
        self.assertLess(growth, 4 * MOST_GROWTH)  # Pages differ in size, and buffers keep the largest.

    def test_a_long_sleep_in_a_commit(self):
        """SIGSTOP while a transaction is open, and nobody else is there."""
        asleep = sized(9, 60)
        server = self.own_server()
        target = self.own_target(server)
        proxy = self.proxy(server)
        self.streams = ["leads", "contacts", "deals", "users"]
        simulator, home = self.prepared(target, proxy.port)
        self.sync(home)
        self.audit(target)
        simulator.post("churn", modules=["Leads", "Contacts", "Deals"], edits_per_second=30, deletes_per_second=1)
        daemon = self.started(home, "run")
        wait_until(lambda: self.finished_runs(daemon) > 5, 60, "it works")
        stopped = threading.Event()

        def judge(connection):
            if not stopped.is_set() and any(s.startswith("UPDATE") and "sync_state" in s for s in connection.statements):
                daemon.signal(signal.SIGSTOP)
                proxy.blackhole()
                stopped.set()
            return "pass"
        proxy.plan = judge
        self.assertTrue(stopped.wait(60), "no commit to stop in")
        before = self.commits(target)
        time.sleep(asleep)
        # Whatever was open has ended, so that nobody waits for a process that sleeps.
        self.assertEqual(target.rows("select pid from pg_stat_activity where state = 'idle in transaction'"
                                     " and application_name = 'zohosyncd'"), [])
        self.assertEqual(self.commits(target), before)
        proxy.heal()
        daemon.signal(signal.SIGCONT)
        woken = time.monotonic()
        back = self.until_next_commit(target, woken, before)
        self.assertLess(back, 2 if FULL else 10)
        result = self.settle(simulator, target, daemon)
        self.assert_counts_are_true(target)
        self.assertTrue(events(result.err, "run_failed", kind="sink_down"), result.err[-3000:])
        self.total(asleep="%d s" % asleep, back="%.2f s" % back)
