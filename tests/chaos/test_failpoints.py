"""A fault at every step on the way from a request to a commit, and a second one while recovering from the first.

A fault is a failpoint of daemon/runtime/failpoint.hpp, and kill (SIGKILL), throw (the error that is natural there) or
hang (longer than every deadline, which are one second here). After it a plain `sync` has to make the target equal to
the ledger.
"""

import queue
import re
import shutil
import tempfile
import threading
import traceback
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import oracle
from chaos import FULL, Chaos
from harness import Installation
from servers import PostgresTarget, Simulator, SqliteTarget

TABLE = Path(__file__).resolve().parents[2] / "daemon/runtime/failpoint.hpp"
STREAMS = ["contacts", "vendors", "users"]
# `contacts` is read in two slices; `users` goes through a stage.
FLAGS = ("--scale", "0.01", "--records", "contacts=6,vendors=5", "--fields", "contacts=60", "--users", "3",
         "--token-limit", "1000000")
TARGETS = ("postgres", "sqlite")
KINDS = ("kill", "throw", "hang:1500")
DEADLINE_MS = 1000
# More than the processors: most of a case is waiting.
WORKERS = ("postgres", "postgres", "postgres", "sqlite")

# Many passages of these have little to do with a commit: the one meant comes after another point in its thread.
AIMED = {"request.permitted": "list.request", "request.sent": "list.request", "request.answered": "list.request",
         "http.headers": "list.request", "http.body": "list.request",
         "postgres.read": "run.scan_chosen", "postgres.begin": "page.commit", "postgres.begun": "page.commit",
         "postgres.before_commit": "postgres.checkpoint.stored", "postgres.after_commit": "postgres.checkpoint.stored",
         "sqlite.read": "run.scan_chosen", "sqlite.begin": "page.commit", "sqlite.begun": "page.commit",
         "sqlite.before_commit": "sqlite.checkpoint.stored", "sqlite.after_commit": "sqlite.checkpoint.stored",
         "postgres.lease.checked": "page.commit", "sqlite.lease.checked": "page.commit"}
# These are passed only after another fault.
PROVOKED = {"engine.failed": "list.decoded=throw", "engine.failure_recorded": "list.decoded=throw",
            "postgres.failure": "list.decoded=throw", "sqlite.failure": "list.decoded=throw",
            "postgres.settle": "postgres.after_commit=throw@postgres.checkpoint.stored"}
# These need a run of some length.
SLOW = {"lease.beat", "postgres.lease.beat", "sqlite.lease.beat"}


def all_points():
    return re.findall(r'Point\{"([a-z_.]+)", ErrorKind::[a-z_]+\}', TABLE.read_text())


@dataclass(frozen=True)
class Fault:
    point: str
    kind: str
    is_first_load: bool  # Into an empty target; otherwise when there are changes to follow.
    target: str
    aim: str = ""

    def order(self):
        return "%s=%s%s" % (self.point, self.kind, "@" + self.aim if self.aim else "")

    def text(self):
        return "%s, %s, %s" % (self.order(), "first load" if self.is_first_load else "changes", self.target)


class Failure(Exception):
    pass


class Lab:
    """A small organisation and a target, for one case after the other."""

    def __init__(self, kind, seed, directory):
        self.kind = kind
        self.simulator = Simulator("--seed", str(seed), *FLAGS)
        self.target = PostgresTarget() if kind == "postgres" else SqliteTarget()
        self.home = Installation(self.simulator, self.target, streams={s: None for s in STREAMS})
        self.home.daemon["overlap"] = "1s"
        self.home.write()
        self.log = directory / ("points-%s-%d" % (kind, seed))
        self.gone = None  # The vendor that is deleted just now.
        self.round = 0

    def close(self):
        self.home.remove()
        self.target.drop()
        self.simulator.stop()

    # What goes before a fault

    def forget_everything(self):
        """Back to an empty target without a token."""
        if self.kind == "postgres":
            self.target.settle()
            self.target.rows("drop schema if exists zoho_crm cascade; drop schema if exists zohosync cascade; select 1")
        else:
            self.target.drop()
            self.target = SqliteTarget()
            self.home.target_entry = self.target.connection_entry()
            self.home.write()
        self.forget_token()
        if self.gone is not None:  # A first load can not know it.
            self.simulator.post("restore", module="Vendors", ids=[str(self.gone)])
            self.gone = None

    def forget_token(self):
        for file in self.home.state.glob("token-*"):
            file.unlink()

    def change(self):
        """Something for every part of a run: edits of several slices, a value that does not fit, a deletion, a restored
        record whose Modified_Time tells nothing, a user."""
        simulator = self.simulator
        self.round += 1
        simulator.post("edit", module="Contacts", count=3)
        simulator.post("edit", module="Contacts", count=1, raw_fields={"Date_of_Birth": '"soon"'})
        if self.gone is not None:
            simulator.post("restore", module="Vendors", ids=[str(self.gone)], move_modified_time=False)
        live = [row[0] for row in self.target.rows(
            "select id from %s where _deleted_at is null order by id" % self.target.table("vendors"))]
        self.gone = live[self.round % len(live)]
        simulator.post("delete", module="Vendors", ids=[str(self.gone)])
        simulator.post("edit", module="users", index=self.round % 3)

    # Runs

    def start(self, orders, verb="sync", *arguments):
        self.log.unlink(missing_ok=True)
        self.home.environment = {"ZOHOSYNCD_FAILPOINTS": ";".join(orders), "ZOHOSYNCD_FAILPOINT_LOG": str(self.log),
                                 "ZOHOSYNCD_DEADLINE_MS": str(DEADLINE_MS)}
        return self.home.start(verb, *arguments)

    def sync(self, *orders):
        result = self.start(orders).finish()
        for mark in ("AddressSanitizer", "ThreadSanitizer", "runtime error:", "LeakSanitizer", "ZOHOSYNCD_FAILPOINTS:"):
            if mark in result.err:
                raise Failure(result.err[-6000:])
        return result

    def passed(self):
        """The log's lines: a point for each passage, with what it did when it fired."""
        return self.log.read_text().splitlines() if self.log.exists() else []

    def has_fired(self, fault):
        return "%s %s" % (fault.point, fault.kind.split(":")[0]) in self.passed()

    # A case

    def prove(self, *faults):
        """Each fault in a run of its own, then a run without any; throws Failure with what is wrong after that. Returns
        how many of the faults fired: the first has to, the run after it may have nothing left to do."""
        first = faults[0]
        self.prepare(first)
        fired = 0
        for number, fault in enumerate(faults):
            provoked = [PROVOKED[fault.point]] if fault.point in PROVOKED else []
            result = self.sync(*provoked, fault.order())
            has_fired = self.has_fired(fault)
            fired += has_fired
            if number == 0 and not has_fired:
                raise Failure("it was never passed: " + result.err[-3000:])
            wanted = {-9} if has_fired and fault.kind == "kill" else {0, 1}
            if result.code not in wanted:
                raise Failure("%s ended with %d: %s" % (fault.order(), result.code, result.err[-4000:]))
            self.compare(partial=True)
        result = self.sync()
        if result.code != 0:
            raise Failure("the recovery ended with %d: %s" % (result.code, result.err[-4000:]))
        self.compare()
        self.check_state()
        return fired

    def prepare(self, fault):
        self.simulator.post("mode", latency_ms=120 if fault.point in SLOW else 0)
        if fault.is_first_load:
            self.forget_everything()
        else:
            self.change()
        if fault.point.startswith("token."):
            self.forget_token()

    def compare(self, partial=False):
        for stream in STREAMS:
            # The table of users gets its columns with the first page.
            if partial and (stream == "users" or not self.target.has_table(self.target.table(stream))):
                continue
            report = oracle.compare(self.simulator, self.target, stream, partial=partial)
            if not report.is_equal():
                raise Failure(report.text())

    def check_state(self):
        target = self.target
        rows = target.rows("select stream, status, scan is null, consistent_as_of is not null, stream = 'users' or "
                           "deletes_mark is not null from %ssync_state order by stream" % target.state_prefix)
        if [tuple(row[:2]) + tuple(map(bool, row[2:])) for row in rows] != [(s, "ok", True, True, True) for s in sorted(STREAMS)]:
            raise Failure("the state is %s" % rows)
        holders = target.rows("select holder from %slease" % target.state_prefix)
        if holders != [(None,)]:
            raise Failure("the lease is held: %s" % holders)


class Failpoints(Chaos):
    def setUp(self):
        super().setUp()
        self.directory = Path(tempfile.mkdtemp(prefix="zohosyncd-chaos-"))
        self.addCleanup(shutil.rmtree, self.directory)

    def lab(self, kind):
        lab = Lab(kind, self.chance.randrange(10**6), self.directory)
        self.addCleanup(lab.close)
        result = lab.sync()
        self.assertEqual(result.code, 0, result.err[-4000:])
        return lab

    def labs(self):
        return [self.lab(kind) for kind in WORKERS]

    def reached(self, labs):
        """Points passed by (target, is_first_load); those that need another fault are taken for passed."""
        points = {}
        for kind in TARGETS:
            lab = next(lab for lab in labs if lab.kind == kind)
            lab.simulator.post("mode", latency_ms=120)
            lab.change()
            lab.sync()
            lab.change()  # Now there is a deletion that can be taken back.
            lab.sync()
            points[kind, False] = set(lab.passed()) | {p for p in PROVOKED if p.split(".")[0] in ("engine", kind)}
            lab.forget_everything()
            lab.sync()
            points[kind, True] = set(lab.passed())
        return points

    def faults(self, labs):
        """Each point with each kind. What both targets share is proved with PostgreSQL, in the full size with both; and
        while following changes, in the full size during a first load, too."""
        reached = self.reached(labs)
        faults = []
        for point in all_points():
            ways = [(target, is_first) for is_first in (False, True) for target in TARGETS if point in reached[target, is_first]]
            self.assertTrue(ways, "%s is never passed" % point)
            for target, is_first in ways if FULL else ways[:1]:
                for kind in KINDS:
                    faults.append(Fault(point, kind, is_first, target, AIMED.get(point, "")))
                    if point in AIMED and FULL:
                        faults.append(Fault(point, kind, is_first, target))
        return faults

    def prove_all(self, labs, cases):
        """Returns how many faults fired. Any failure fails the test, with the case's name."""
        waiting, failures, fired = {kind: queue.SimpleQueue() for kind in TARGETS}, [], Counter()
        for case in cases:
            waiting[case[0].target].put(case)

        def work(lab):
            while len(failures) < 10:
                try:
                    case = waiting[lab.kind].get_nowait()
                except queue.Empty:
                    return
                try:
                    fired[lab.prove(*case)] += 1
                except Exception as failure:  # Whatever it is, the other cases go on.
                    text = str(failure) if isinstance(failure, Failure) else traceback.format_exc()
                    failures.append("%s\n%s" % (" then ".join(f.text() for f in case), text))
                    lab.forget_everything()
                    lab.sync()

        threads = [threading.Thread(target=work, args=(lab,)) for lab in labs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertTrue(not failures, "\n\n".join(failures))
        self.assertEqual(sum(fired.values()), len(cases))
        return sum(number * count for number, count in fired.items())

    def test_every_fault_is_recovered_from(self):
        labs = self.labs()
        faults = self.faults(labs)
        self.chance.shuffle(faults)
        self.assertGreaterEqual(len(faults), 3 * 40)
        fired = self.prove_all(labs, [(fault,) for fault in faults])
        self.total(failpoints=len(all_points()), cases=len(faults), fired=fired, verdict="equal")
