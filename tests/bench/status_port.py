#!/usr/bin/python3
"""What the status port costs the sync, and how fast it answers.

status_port.py --binary PATH --simulator PATH [--records 30000] [--rate 5] [--pairs 4] [--clients 1000]

Loads the records with `run`, in turn without and with so many clients that connect, send a byte now and then, and come
back as soon as they are put out; prints the rows a second of each and the ratio of the medians. Then it stops every process
of PostgreSQL with SIGSTOP and times /metrics and /freshz.
"""

import argparse
import http.client
import os
import re
import selectors
import signal
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))

from harness import Installation  # noqa: E402
from servers import PostgresServer, PostgresTarget, Simulator, wait_until  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")
BYTE_EVERY = 0.5


def cpu_of(pid):
    words = Path("/proc/%d/stat" % pid).read_text().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / TICKS


class SlowClient:
    """Never finishes its request."""

    TEXT = b"GET /api/status HTTP/1.1\r\nHost: localhost\r\nX-Slow: " + b"x" * 4000

    def __init__(self, port, selector):
        self.port, self.selector = port, selector
        self.connect()

    def connect(self):
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.connect_ex(("127.0.0.1", self.port))
        self.sent = 0
        self.selector.register(self.socket, selectors.EVENT_READ, self)

    def send(self):
        try:
            self.socket.send(self.TEXT[self.sent:self.sent + 1])
            self.sent += 1
        except BlockingIOError:
            pass  # Still in the queue.
        except OSError:
            self.again()

    def again(self):
        self.selector.unregister(self.socket)
        self.socket.close()
        self.connect()


def crowd(port, clients):
    """The clients' process: until it is killed."""
    selector = selectors.DefaultSelector()
    everybody = [SlowClient(port, selector) for _ in range(clients)]
    at = time.monotonic()
    while True:
        for key, _ in selector.select(BYTE_EVERY / 10):
            try:
                if not key.data.socket.recv(100):
                    key.data.again()
            except OSError:
                key.data.again()
        if time.monotonic() >= at:
            for client in everybody:
                client.send()
            at += BYTE_EVERY


def serving(home):
    daemon = home.start("run")
    found = wait_until(lambda: re.search(r"event=status_listening address=\S+:(\d+)", daemon.err()), 60, "it listens")
    return daemon, int(found.group(1))


def ask(port, path):
    begun = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path)
    connection.getresponse().read()
    connection.close()
    return time.monotonic() - begun


class Bench:
    def __init__(self, arguments):
        self.arguments = arguments
        self.server = PostgresServer("", durable=True)
        self.simulator = Simulator("--no-gzip", "--bench", "deals=%d,fields=45" % arguments.records, "--threads", "16")

    def installed(self, target, streams, rate, listen="127.0.0.1:0"):
        home = Installation(self.simulator, target, streams=streams, inputs={"rate": rate, "concurrency": 3, "anchor_date": "all"})
        home.defaults["schedule"] = "@every 1h"
        home.daemon.update(listen=listen, verify="off", credits={"daily": 1_000_000_000, "reserve": "0%"})
        home.write()
        return home

    def load(self, clients):
        target = PostgresTarget(self.server)
        home = self.installed(target, {"deals": None}, self.arguments.rate)
        daemon, port = serving(home)
        attack = subprocess.Popen([sys.executable, __file__, "--crowd", str(port), "--clients", str(clients)]) if clients else None
        begun = time.monotonic()
        wait_until(lambda: "event=run_finished" in daemon.err(), 3600, "it is loaded", pause=0.05)
        seconds, cpu = time.monotonic() - begun, cpu_of(daemon.pid)
        if attack:
            attack.kill()
            attack.wait()
        daemon.kill()
        rows = target.rows("select count(*) from zoho_crm.deals")[0][0]
        assert rows == self.arguments.records, rows
        home.remove()
        target.drop()
        return rows / seconds, 1e6 * cpu / rows

    def pairs(self):
        quiet, crowded = [], []
        for number in range(self.arguments.pairs):
            for clients, figures in ((0, quiet), (self.arguments.clients, crowded)):
                figures.append(self.load(clients))
                print("pair %d, %4d clients: %8.1f rows/s, %5.1f us of CPU a row" % (number + 1, clients, *figures[-1]), flush=True)
        with_, without = (statistics.median(f[0] for f in figures) for figures in (crowded, quiet))
        print("medians: %.1f without, %.1f with: %+.2f %%" % (without, with_, 100 * (with_ / without - 1)), flush=True)

    def stopped_database(self):
        target = PostgresTarget(self.server)
        home = self.installed(target, {"deals": None, "users": None, "modules": None}, 500)
        daemon, port = serving(home)
        wait_until(lambda: daemon.err().count("event=run_finished") >= 3, 600, "it is loaded", pause=0.1)
        group = [self.server.postmaster()] + target.backends()
        for process in group:
            os.kill(process, signal.SIGSTOP)
        try:
            time.sleep(3)
            for path in ("/metrics", "/freshz?max=600"):
                took = sorted(1000 * ask(port, path) for _ in range(300))
                print("%-16s while the database is stopped: median %.2f ms, 99 %% %.2f ms, most %.2f ms" % (
                    path, took[150], took[297], took[-1]), flush=True)
        finally:
            for process in group:
                os.kill(process, signal.SIGCONT)
        daemon.kill()
        home.remove()
        target.drop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary")
    parser.add_argument("--simulator")
    parser.add_argument("--records", type=int, default=30_000)
    parser.add_argument("--rate", type=int, default=5)
    parser.add_argument("--pairs", type=int, default=4)
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--crowd", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.crowd:
        crowd(arguments.crowd, arguments.clients)
    os.environ["ZOHOSYNCD_BINARY"] = str(Path(arguments.binary).resolve())
    os.environ["ZOHO_SIMULATOR"] = str(Path(arguments.simulator).resolve())
    bench = Bench(arguments)
    try:
        bench.stopped_database()
        bench.pairs()
    finally:
        bench.simulator.stop()


if __name__ == "__main__":
    main()
