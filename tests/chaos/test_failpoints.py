"""A fault at every step on the way from a request to a commit, and a second one while recovering from the first.

A fault is a failpoint of daemon/runtime/failpoint.hpp, and kill (SIGKILL), throw (the error that is natural there) or
hang (longer than every deadline, which are one second here). After it a plain `sync` has to make the target equal to
the ledger.
"""

import os
import queue
import re
import shutil
import tempfile
import threading
import time
import traceback
from dataclasses import dataclass, replace
from pathlib import Path

import oracle
from chaos import FULL, Chaos, sized
from harness import Installation
from servers import PostgresTarget, Simulator, SqliteTarget, wait_until

TABLE = Path(__file__).resolve().parents[2] / "daemon/runtime/failpoint.hpp"
STREAMS = ["contacts", "vendors", "users"]
# `contacts` is read in two slices; `users` goes through a stage.
FLAGS = ("--scale", "0.01", "--records", "contacts=6,vendors=5", "--fields", "contacts=60", "--users", "3",
         "--token-limit", "1000000")
TARGETS = ("postgres", "sqlite")
KINDS = ("kill", "throw", "hang:1500")
DEADLINE_MS = 1000
# So many others follow each fault in the full size.
SECOND_FAULTS = int(os.environ.get("ZOHOSYNCD_CHAOS_SECOND_FAULTS", "4"))
# More than the processors: most of a case is waiting.
WORKERS = ("postgres", "postgres", "postgres", "postgres", "sqlite", "sqlite")

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
# These are passed when the daemon leaves.
LEAVING = {"lease.release", "lease.released", "postgres.lease.release", "sqlite.lease.release"}
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

    def orders(self):
        return ([PROVOKED[self.point]] if self.point in PROVOKED else []) + [self.order()]

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
        self.home.daemon["details"] = "all"
        self.home.inputs["rate"] = 100  # Details take half of it.
        self.simulator.post("mode", single_rich_text="left_out")  # It takes a request of its own.
        self.simulator.post("fields", module="Vendors", add=[
            {"api_name": "Story", "data_type": "richtext", "filled": True},
            {"api_name": "Partners", "data_type": "multiselectlookup", "filled": True},
            {"api_name": "Visits", "data_type": "subform", "filled": True}])
        self.home.defaults["schedule"] = "@every 1s"
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
        # One that was not changed of late: the next restore must not show in the list.
        self.gone = self.target.rows("select id from %s where _deleted_at is null order by modified_time, id limit 1"
                                     % self.target.table("vendors"))[0][0]
        simulator.post("delete", module="Vendors", ids=[str(self.gone)])
        simulator.post("edit", module="users", index=self.round % 3)

    # Runs

    def start(self, orders, verb="sync", has_deadlines=True):
        self.log.unlink(missing_ok=True)
        self.home.environment = {"ZOHOSYNCD_FAILPOINTS": ";".join(orders), "ZOHOSYNCD_FAILPOINT_LOG": str(self.log)}
        if has_deadlines:
            self.home.environment["ZOHOSYNCD_DEADLINE_MS"] = str(DEADLINE_MS)
        return self.home.start(verb)

    def sync(self, *orders):
        return self.checked(self.start(orders).finish())

    def undisturbed_sync(self):
        """Has to succeed on a busy machine, too."""
        return self.checked(self.start([], has_deadlines=False).finish())

    @staticmethod
    def checked(result):
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
            result = self.sync(*fault.orders())
            has_fired = self.has_fired(fault)
            fired += has_fired
            if number == 0 and not has_fired:
                raise Failure("it was never passed: " + result.err[-3000:])
            wanted = {-9} if has_fired and fault.kind == "kill" else {0, 1}
            if result.code not in wanted:
                raise Failure("%s ended with %d: %s" % (fault.order(), result.code, result.err[-4000:]))
            self.compare(partial=True)
        self.recover()
        return fired

    def leave(self, fault):
        """SIGTERM while a thread hangs for ever. Returns how long the leave took."""
        self.prepare(fault)
        daemon = self.start(fault.orders(), "run")
        try:
            sign = "recorder.finished" if fault.point in LEAVING else fault.point + " hang"
            wait_until(lambda: sign in self.passed(), 60, "the daemon passes " + sign)
            result, took = daemon.terminate(30)
        finally:
            daemon.kill()
        self.checked(result)
        if result.code != 0 or took >= 5 or not self.has_fired(fault):
            raise Failure("left with %d after %.1f s: %s" % (result.code, took, result.err[-3000:]))
        self.recover()
        return took

    def recover(self):
        result = self.undisturbed_sync()
        if result.code != 0:
            raise Failure("the recovery ended with %d: %s" % (result.code, result.err[-4000:]))
        self.compare()
        self.check_state()

    def prepare(self, fault):
        self.simulator.post("mode", latency_ms=120 if fault.point in SLOW else 0)
        if fault.is_first_load:
            self.forget_everything()
        else:
            if self.gone is None:  # A restore needs an earlier deletion.
                self.change()
                self.undisturbed_sync()
            self.change()
        if fault.point.startswith("token."):
            self.forget_token()

    def compare(self, partial=False):
        for stream in STREAMS:
            # The table of users gets its columns with the first page.
            if partial and (stream == "users" or not self.target.has_table(self.target.table(stream))):
                continue
            report = oracle.compare(self.simulator, self.target, stream, partial=partial, details=stream != "users")
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
    points = {}  # What reached() found; the same for all tests.

    def setUp(self):
        super().setUp()
        self.directory = Path(tempfile.mkdtemp(prefix="zohosyncd-chaos-"))
        self.addCleanup(shutil.rmtree, self.directory)

    def lab(self, kind):
        lab = Lab(kind, self.chance.randrange(10**6), self.directory)
        self.addCleanup(lab.close)
        result = lab.undisturbed_sync()
        self.assertEqual(result.code, 0, result.err[-4000:])
        return lab

    def labs(self):
        return [self.lab(kind) for kind in WORKERS]

    def reached(self, labs):
        """Points passed by (target, is_first_load). Those that need another fault or more time are taken for passed; their
        own cases prove it."""
        points = Failpoints.points
        for kind in TARGETS:
            if (kind, True) in points:
                continue
            lab = next(lab for lab in labs if lab.kind == kind)
            lab.change()
            lab.undisturbed_sync()
            lab.change()  # Now there is a deletion that can be taken back.
            lab.undisturbed_sync()
            points[kind, False] = set(lab.passed()) | {
                p for p in {*PROVOKED, *SLOW} if p.split(".")[0] in ("engine", "lease", kind)}
            lab.forget_everything()
            # Records that were changed in the second of the call are read by id, too: in no first load of a case.
            time.sleep(1.5)
            lab.undisturbed_sync()
            points[kind, True] = set(lab.passed())
        return points

    def faults(self, labs):
        """Each point with each kind. What both targets share is proved with PostgreSQL, in the full size with both; and
        while following changes, in the full size during a first load, too."""
        reached = self.reached(labs)
        self.assertEqual(len(set(all_points())), len(all_points()))
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

    def each(self, labs, cases, what):
        """Calls `what(lab, *case)` for each case and returns what it returned. Any Failure fails the test, with its case."""
        waiting, failures, results = {kind: queue.SimpleQueue() for kind in TARGETS}, [], []
        for case in cases:
            waiting[case[0].target].put(case)

        def work(lab):
            while len(failures) < 10:
                try:
                    case = waiting[lab.kind].get_nowait()
                except queue.Empty:
                    return
                try:
                    results.append(what(lab, *case))
                except Exception as failure:  # Whatever it is, the other cases go on.
                    text = str(failure) if isinstance(failure, Failure) else traceback.format_exc()
                    failures.append("%s\n%s" % (" then ".join(f.text() for f in case), text))
                    print("\nfailed: " + failures[-1][:1000], flush=True)
                    lab.forget_everything()
                    lab.undisturbed_sync()

        threads = [threading.Thread(target=work, args=(lab,)) for lab in labs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertTrue(not failures, "\n\n".join(failures))
        self.assertEqual(len(results), len(cases))
        return results

    def test_every_fault_is_recovered_from(self):
        labs = self.labs()
        faults = self.faults(labs)
        self.chance.shuffle(faults)
        self.assertGreaterEqual(len(faults), 3 * 40)
        fired = self.each(labs, [(fault,) for fault in faults], Lab.prove)
        self.total(failpoints=len(all_points()), cases=len(faults), fired=sum(fired), verdict="equal")

    def test_a_second_fault_while_recovering(self):
        # Each fault and once more the same; and each with others, drawn from all that a run passes.
        labs = self.labs()
        faults = self.faults(labs)
        cases = [(fault, fault) for fault in faults]
        for fault in faults:
            others = [f for f in faults if f.target == fault.target and not f.is_first_load and f.point not in PROVOKED]
            cases += [(fault, other) for other in self.chance.sample(others, SECOND_FAULTS)]
        self.chance.shuffle(cases)
        cases = cases[:sized(25, None)]
        fired = self.each(labs, cases, Lab.prove)
        self.total(pairs=len(cases), second_faults_fired=sum(fired) - len(cases), verdict="equal")

    def test_it_leaves_while_a_thread_hangs(self):
        labs = self.labs()
        faults = [replace(f, kind="hang") for f in self.faults(labs) if f.kind == "kill"]
        self.chance.shuffle(faults)
        faults = faults[:sized(6, None)]
        took = self.each(labs, [(fault,) for fault in faults], Lab.leave)
        self.total(hanging_failpoints=len(faults), slowest_leave="%.2f s" % max(took))
