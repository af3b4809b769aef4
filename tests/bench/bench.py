#!/usr/bin/python3
"""Loads records through the whole pipe and says what it cost.

bench.py --binary PATH --simulator PATH [--pg CONNINFO] [--records 200000] [--fields 45] [--sqlite]

The simulator serves pre-serialised pages without gzip; the limiter is opened (inputs.rate, daemon.credits). For each
size it prints rows a second, CPU per row of the daemon, of PostgreSQL's backends and of the simulator, the daemon's peak
memory and the requests; then, on the same server, a raw COPY of the same rows into a table of the same shape, an idle
run and a run after 1 % of the records changed. Without --pg a PostgreSQL with fsync on is started in a temporary directory.
"""

import argparse
import io
import json
import os
import resource
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))

import oracle  # noqa: E402
from harness import Installation  # noqa: E402
from servers import PostgresServer, PostgresTarget, Simulator, SqliteTarget, wait_until  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_of(pid):
    """CPU seconds of a process so far; None when it is gone."""
    try:
        words = Path("/proc/%d/stat" % pid).read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return (int(words[11]) + int(words[12])) / TICKS


class ServerCpu:
    """CPU of PostgreSQL's processes: dead backends count in the postmaster's children, living ones for themselves."""

    def __init__(self, server):
        self.postmaster = server.postmaster() if server.directory else None

    def seconds(self):
        if self.postmaster is None:
            return None
        words = Path("/proc/%d/stat" % self.postmaster).read_text().rsplit(")", 1)[1].split()
        reaped = (int(words[13]) + int(words[14])) / TICKS
        children = Path("/proc/%d/task/%d/children" % (self.postmaster, self.postmaster)).read_text().split()
        return reaped + cpu_of(self.postmaster) + sum(cpu_of(int(pid)) or 0 for pid in children)


class PeakMemory(threading.Thread):
    """VmHWM of a process, read until it ends."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.kib = pid, 0
        self.start()

    def run(self):
        while True:
            try:
                text = Path("/proc/%d/status" % self.pid).read_text()
            except (FileNotFoundError, ProcessLookupError):
                return
            peak = [line for line in text.splitlines() if line.startswith("VmHWM")]
            if not peak:
                return
            self.kib = int(peak[0].split()[1])
            time.sleep(0.02)


class Bench:
    def __init__(self, arguments):
        self.arguments = arguments
        self.server = PostgresServer(arguments.pg or "", durable=True)
        self.cpu = ServerCpu(self.server)

    def measured(self, simulator, home, rows):
        """One sync, and its cost for each of `rows`."""
        simulator.forget_requests()
        others = simulator.cpu_seconds(), self.cpu.seconds()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        daemon = home.start("sync", "--log-level", "warn")
        memory = PeakMemory(daemon.pid)
        result = daemon.finish(3600)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if result.code != 0:
            sys.exit(result.text)
        home.target.settle()
        stats = simulator.stats()
        own = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        server = None if others[1] is None else self.cpu.seconds() - others[1]
        return {"seconds": result.seconds, "rows_per_second": rows / result.seconds, "own_cpu_us": 1e6 * own / rows,
                "own_cpu_seconds": own, "simulator_cpu_us": 1e6 * (stats["cpu_seconds"] - others[0]) / rows,
                "postgres_cpu_us": None if server is None else 1e6 * server / rows, "peak_rss_mib": memory.kib / 1024,
                "requests": stats["requests"], "mib_received": stats["bytes"] / 2**20}

    def raw_copy(self, target):
        """The same rows by COPY into an empty table of the same shape, key included."""
        cursor = target.connection().cursor()
        text = io.BytesIO()
        cursor.copy_expert("copy zoho_crm.deals to stdout", text)
        cursor.execute("create table public.copied (like zoho_crm.deals including all)")
        text.seek(0)
        before, begun = self.cpu.seconds(), time.monotonic()
        cursor.copy_expert("copy public.copied from stdin", text)
        seconds = time.monotonic() - begun
        rows = cursor.rowcount
        cpu = None if before is None else 1e6 * (self.cpu.seconds() - before) / rows
        cursor.execute("drop table public.copied")
        return {"seconds": seconds, "rows_per_second": rows / seconds, "postgres_cpu_us": cpu,
                "mib": text.getbuffer().nbytes / 2**20}

    def size(self, records):
        simulator = Simulator("--no-gzip", "--bench", "deals=%d,fields=%d" % (records, self.arguments.fields), "--threads", "16")
        target = SqliteTarget() if self.arguments.sqlite else PostgresTarget(self.server)
        try:
            home = Installation(simulator, target, streams={"deals": None}, inputs={"rate": 10000, "concurrency": 3, "anchor_date": "all"})
            home.daemon.update(overlap="1s", credits={"daily": 1_000_000_000, "reserve": "0%"})
            home.write()
            load = self.measured(simulator, home, records)
            found = target.rows("select count(*) from " + target.table("deals"))[0][0]
            if found != records:
                sys.exit("%d rows of %d arrived" % (found, records))
            copy = None if self.arguments.sqlite else self.raw_copy(target)
            idle = self.measured(simulator, home, records)
            changed = max(1, records // 100)
            simulator.post("edit", module="Deals", count=changed)
            last = int(simulator.now())
            wait_until(lambda: int(simulator.now()) > last, 5, "the next second")
            edited = self.measured(simulator, home, changed)
            if records <= self.arguments.compare:
                report = oracle.compare(simulator, target, "deals")
                if not report.is_equal():
                    sys.exit(report.text())
            home.remove()
            return {"records": records, "load": load, "copy": copy, "idle": idle, "one_percent": edited}
        finally:
            target.drop()
            simulator.stop()


def number(value, digits=1):
    return "-" if value is None else "{:,.{}f}".format(value, digits)


def show(result, arguments):
    load, copy = result["load"], result["copy"]
    print("\n%s records x %d fields into %s" % (format(result["records"], ","), arguments.fields,
                                                "SQLite" if arguments.sqlite else "PostgreSQL"))
    print("  %-10s %9s %12s %26s %10s %9s" % ("", "seconds", "rows/s", "CPU us/row: own pg sim", "peak MiB", "requests"))
    for name in ("load", "one_percent", "idle"):
        run = result[name]
        print("  %-10s %9s %12s %10s %8s %8s %9s %9d" % (
            name, number(run["seconds"], 2), number(run["rows_per_second"], 0) if name != "idle" else "-",
            *(number(run[k]) if name != "idle" else "-" for k in ("own_cpu_us", "postgres_cpu_us", "simulator_cpu_us")),
            number(run["peak_rss_mib"]), run["requests"]))
    print("  idle: %.0f ms of our CPU" % (1e3 * result["idle"]["own_cpu_seconds"]))
    if copy:
        print("  %-10s %9s %12s %10s %8s   (%s MiB)" % ("raw COPY", number(copy["seconds"], 2), number(copy["rows_per_second"], 0),
                                                    "", number(copy["postgres_cpu_us"]), number(copy["mib"], 0)))
        print("  end to end: %.2f x raw COPY" % (load["rows_per_second"] / copy["rows_per_second"]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--simulator", required=True)
    parser.add_argument("--pg", help="conninfo of a superuser; its CPU is then not measured")
    parser.add_argument("--records", default="200000", help="one size, or several with commas")
    parser.add_argument("--fields", type=int, default=45)
    parser.add_argument("--sqlite", action="store_true")
    parser.add_argument("--compare", type=int, default=20000, help="compare all fields with the ledger up to this size")
    parser.add_argument("--json", help="also write the figures here")
    arguments = parser.parse_args()
    os.environ["ZOHOSYNCD_BINARY"] = str(Path(arguments.binary).resolve())
    os.environ["ZOHO_SIMULATOR"] = str(Path(arguments.simulator).resolve())
    bench = Bench(arguments)
    results = []
    for records in map(int, arguments.records.split(",")):
        results.append(bench.size(records))
        show(results[-1], arguments)
    peaks = [r["load"]["peak_rss_mib"] for r in results]
    if len(peaks) > 1:
        print("\npeak memory over all sizes: %.1f to %.1f MiB" % (min(peaks), max(peaks)))
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(results, indent=2) + "\n")
    bench.server.stop()


if __name__ == "__main__":
    main()
