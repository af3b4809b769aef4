"""kill -9 of `run`, again and again, while the organisation changes."""

import time
from collections import Counter

import oracle
from chaos import Chaos, sized
from freshness import FreshnessWatch
from harness import module_of
from servers import wait_until

RECORDS = ["deals", "leads", "contacts", "accounts"]
STREAMS = RECORDS + ["users"]
# `deals` is read in three slices, `contacts` in two.
FLAGS = ("--records", "deals=260,leads=420,contacts=240,accounts=150", "--fields", "deals=120,contacts=70", "--users", "15")
CHURN = {"edits_per_second": 20, "deletes_per_second": 1.5, "restores_per_second": 1, "creates_per_second": 1,
         # Between two pages, and between two slices of one.
         "edits_per_request": 0.5, "deletes_per_request": 0.05, "restores_per_request": 0.05}


class RowWatch:
    """What the rows of a stream may become while everything is under way: a row holds one of its record's versions,
    and never an older one than before."""

    def __init__(self, simulator, target, stream):
        self.simulator, self.target, self.stream = simulator, target, stream
        self.columns = oracle.expected_columns(simulator, stream, module_of(stream))
        self.rows = {}
        self.first_version = {}
        self.checked = 0

    def look(self):
        """Returns what is wrong. The rows are read before the ledger, which therefore knows all of them."""
        if not self.target.has_table(self.target.table(self.stream)):
            return []
        rows, repeated = oracle.read_rows(self.target, self.stream, self.columns)
        wrong = ["%s %d: twice" % (self.stream, record) for record in repeated]
        wrong += ["%s %d: the row is gone" % (self.stream, record) for record in self.rows.keys() - rows.keys()]
        for record, row in rows.items():
            if self.rows.get(record) != row:
                wrong += self.judge(record, row[0])
        self.rows = rows
        return wrong

    def judge(self, record, stored):
        self.checked += 1
        versions = self.simulator.versions(module_of(self.stream), record)
        first = self.first_version.get(record, 0)
        fitting = [number for number in range(first, len(versions)) if self.fits(versions[number], stored)]
        if fitting:
            self.first_version[record] = fitting[0]  # A restored record may look as it did before: two versions fit.
            return []
        older = [number for number in range(first) if self.fits(versions[number], stored)]
        return ["%s %d: %s" % (self.stream, record, "version %d after %d" % (older[-1], first) if older
                               else "the row is none of its versions")]

    def fits(self, version, stored):
        record = oracle.parse_json(version["list_view"])
        return not oracle.unequal_columns(self.columns, record, stored, self.target.kind == "sqlite")


class KillStorm(Chaos):
    def storm(self, target, kills):
        simulator = self.simulator("--seed", str(self.seed), *FLAGS)
        simulator.post("mode", latency_ms=3)
        home = self.install(simulator, target, streams={s: None for s in STREAMS})
        home.defaults["schedule"] = "@every 1s"
        home.daemon["overlap"] = "5s"
        home.daemon["listen"] = "unix:%s" % (home.directory / "status.sock")
        home.write()
        fresh = FreshnessWatch(simulator, target, home.directory / "status.sock", RECORDS)
        watches = [RowWatch(simulator, target, stream) for stream in RECORDS]
        counts = Counter()
        simulator.post("churn", modules=RECORDS, **CHURN)
        for kill in range(1, kills + 1):
            self.disturb(simulator, target, kill)
            self.live_and_die(home, kill, counts, fresh)
            if kill % 10 == 0:
                self.assertEqual([text for watch in watches for text in watch.look()], [])
        self.settle(simulator, target, home)
        counts["answers of freshz"], counts["rows vouched for"] = fresh.claims, fresh.rows
        counts["row versions"] = sum(watch.checked for watch in watches)
        self.check_progress(target, kills, counts)
        self.total(target=target.kind, kills=kills, rows=sum(len(w.rows) for w in watches), verdict="equal",
                   **{name.replace(" ", "_"): count for name, count in counts.items()})

    def disturb(self, simulator, target, kill):
        """What churn does not do: more than a page in one second, a restore that Modified_Time does not tell, users."""
        if kill % 25 == 5:
            simulator.post("edit", module=module_of(self.chance.choice(RECORDS)), count=230, same_second=True)
        if kill % 10 == 7:
            self.restore_unmoved(simulator, target, self.chance.choice(RECORDS))
        if kill % 10 == 3:
            simulator.post("edit", module="users", index=self.chance.randrange(15))
        if kill % 50 == 9:
            simulator.post("create", module="users")

    def restore_unmoved(self, simulator, target, stream):
        """Only a row that is marked deleted tells that its record is worth a look."""
        if target.has_table(target.table(stream)):
            held = target.rows("select id from %s where _deleted_at is not null order by id" % target.table(stream))
            if held:
                simulator.post("restore", module=module_of(stream), ids=[str(self.chance.choice(held)[0])],
                               move_modified_time=False)

    def live_and_die(self, home, kill, counts, fresh):
        daemon = self.started(home, "run", "--log-level", "debug")
        # At any moment; but however slow the machine, many have to get as far as to read or to commit.
        mark = (None, " event=scan_", " event=page_committed", " event=page_committed")[kill % 4]
        if mark:
            wait_until(lambda: mark in daemon.err() or not daemon.is_running(), 120, "the daemon's" + mark)
        time.sleep(self.chance.uniform(0, 0.12 if mark else 0.8))
        claims = fresh.ask()
        result = daemon.kill()
        # What it said with its last breath holds for what it leaves.
        self.assertEqual(fresh.judge(claims), [], "%s\n%s" % (claims, result.err[-4000:]))
        self._cleanups.pop()  # Of a daemon that is dead; thousands of them would hold their logs.
        self.assertEqual(result.code, -9, result.err[-4000:])
        pages, finished = result.err.count(" event=page_committed"), result.err.count(" event=run_finished")
        counts["pages committed"] += pages
        counts["runs finished"] += finished
        kind = "before the first run" if " event=scan_" not in result.err else \
            "before a commit" if not pages else "after a commit"
        counts["killed " + kind] += 1

    def settle(self, simulator, target, home):
        """All is quiet, one daemon lives on, and the target has to become the organisation."""
        self.quiet(simulator)
        daemon = self.started(home, "run")
        self.wait_until_equal(simulator, target, STREAMS, 120)
        result, took = daemon.terminate()
        self.assertEqual(result.code, 0, result.text[-3000:])
        self.assertLess(took, 5)
        self.assertNotIn(" error ", result.err)
        self.sync(home)  # The stop may have come in the middle of a scan.
        self.assert_equal_to_ledger(simulator, target, STREAMS, at_least=1000)

    def check_progress(self, target, kills, counts):
        """A daemon that never got anywhere would have lost nothing."""
        self.assertGreaterEqual(counts["pages committed"], kills // 2, counts)
        self.assertGreaterEqual(counts["killed after a commit"], kills // 4, counts)
        self.assertGreaterEqual(counts["killed before a commit"], kills // 20, counts)
        self.assertGreaterEqual(counts["answers of freshz"], kills // 2, counts)
        for stream, state in self.states(target).items():
            self.assertEqual((stream, state["status"], state["scan"]), (stream, "ok", None))
            if stream in RECORDS:
                self.assertGreaterEqual(state["rows_upserted"], kills, stream)
                # Over a few seconds a stream may have none that lasts.
                self.assertGreaterEqual(state["rows_deleted"], 1 if kills >= 200 else 0, stream)
        self.assertGreaterEqual(sum(state["rows_deleted"] for state in self.states(target).values()), kills // 25)

    def test_storm_on_postgres(self):
        self.storm(self.postgres(), sized(200, 2000))

    def test_storm_on_sqlite(self):
        self.storm(self.sqlite(), sized(25, 250))

    def test_the_watch_sees_a_row_go_back_and_a_torn_one(self):
        target = self.sqlite()
        simulator = self.simulator("--records", "leads=5")
        home = self.install(simulator, target, streams={"leads": None})
        self.sync(home)
        watch = RowWatch(simulator, target, "leads")
        self.assertEqual(watch.look(), [])
        record = min(watch.rows)
        older = target.rows("select * from leads where id = ?", record)[0]
        simulator.post("edit", module="Leads", ids=[str(record)])
        self.sync(home)
        self.assertEqual(watch.look(), [])

        target.rows("insert or replace into leads values (%s)" % ", ".join("?" * len(older)), *older)
        self.assertEqual(watch.look(), ["leads %d: version 0 after 1" % record])
        target.rows("update leads set last_name = 'torn' where id = ?", record)
        self.assertEqual(watch.look(), ["leads %d: the row is none of its versions" % record])
        target.rows("delete from leads where id = ?", record)
        self.assertEqual(watch.look(), ["leads %d: the row is gone" % record])
