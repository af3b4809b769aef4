"""Runs the real zohosyncd: configuration in a directory of its own, and what came of it."""

import json
import os
import resource
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from dataclasses import dataclass
from pathlib import Path

import oracle
from servers import CANARY, PostgresTarget, Simulator, SqliteTarget, wait_until

RECORD_STREAMS = ["accounts", "calls", "campaigns", "contacts", "deals", "leads", "meetings", "notes",
                  "products", "quotes", "tasks", "vendors"]
LOOSE_STREAMS = ["users", "modules"]
STREAMS = RECORD_STREAMS + LOOSE_STREAMS

# 1 is for CI; about 30 gives the sizes that a release is judged by.
SCALE = float(os.environ.get("ZOHOSYNCD_E2E_SCALE", "1"))

# Set to anything, each run writes what it can at level trace, and everything it leaves is searched for secrets.
TRACES = bool(os.environ.get("ZOHOSYNCD_E2E_TRACE"))
VERBS_WITH_A_LOG = ("run", "sync", "verify", "discover", "status", "migrate", "reset", "check", "plan")

# Builds with sanitizers are several times slower; nothing here measures speed, so one generous limit serves all.
PATIENCE = 240

# libpqxx 6.4 loses a result of some 2 KiB whenever a connection breaks under it.
LEAKS_OF_LIBRARIES = Path(__file__).with_name("leaks_of_libraries.supp")


def scaled(count, most=None):
    count = int(count * SCALE)
    return count if most is None else min(count, most)


def module_of(stream):
    return {"meetings": "Events"}.get(stream, stream.capitalize())


@dataclass
class Result:
    """How a run of the binary ended."""

    code: int
    out: str
    err: str
    seconds: float
    user_seconds: float = 0.0
    system_seconds: float = 0.0
    peak_rss: int = 0

    @property
    def text(self):
        return self.out + self.err


class Daemon:
    """A running process of the binary. Output goes to files, so that a full pipe never stops it."""

    def __init__(self, command, environment, directory):
        self._out = tempfile.TemporaryFile()
        self._err = tempfile.TemporaryFile()
        self._begun = time.monotonic()
        self.process = subprocess.Popen(command, env=environment, cwd=directory, stdin=subprocess.DEVNULL,
                                        stdout=self._out, stderr=self._err)
        self.pid = self.process.pid
        self._result = None

    def is_running(self):
        return self._result is None and self.process.poll() is None

    def err(self):
        return self._text(self._err)

    @staticmethod
    def _text(file):
        # pread: the child writes through the same file offset.
        return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode(errors="replace")

    def minds(self, number):
        """Whether the program has seen to the signal; before its first instruction of ours it has not."""
        status = Path("/proc/%d/status" % self.pid).read_text()
        masks = [int(line.split()[1], 16) for line in status.splitlines() if line.startswith(("SigBlk:", "SigCgt:"))]
        return any(mask >> (number - 1) & 1 for mask in masks)

    def signal(self, number):
        self.process.send_signal(number)

    def finish(self, timeout=PATIENCE):
        """Waits for the end."""
        if self._result is None:
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError("still running after %g s:\n%s" % (timeout, self.err()[-4000:])) from None
            self._result = Result(self.process.returncode, self._text(self._out), self._text(self._err),
                                  time.monotonic() - self._begun)
            self._out.close()
            self._err.close()
            assert CANARY not in self._result.text, "a secret was told"
        return self._result

    def kill(self):
        if self.is_running():
            self.process.kill()
        return self.finish()

    def terminate(self, timeout=PATIENCE):
        """SIGTERM; returns the result and how long the leave took."""
        self.keeps_its_secrets()
        begun = time.monotonic()
        self.signal(signal.SIGTERM)
        result = self.finish(timeout)
        return result, time.monotonic() - begun


    def keeps_its_secrets(self):
        """From the list of processes, and from the processes that it may have begun."""
        process = Path("/proc/%d" % self.pid)
        try:
            assert CANARY.encode() not in (process / "cmdline").read_bytes()
            children = [task.read_text() for task in process.glob("task/*/children")]
        except OSError:
            return  # It has ended.
        assert not "".join(children).strip(), "it has children, and they its environment: %s" % children


class Installation:
    """A home directory with env.yaml, replication.yaml and the daemon's state."""

    def __init__(self, simulator, target, **settings):
        self.directory = Path(tempfile.mkdtemp(prefix="zohosyncd-e2e-home-"))
        self.state = self.directory / "state"
        self.state.mkdir(mode=0o700)
        (self.directory / "home").mkdir()
        self.secrets = {"client_id": simulator.client_id, "client_secret": simulator.client_secret,
                        "soid": simulator.soid, "accounts_url": simulator.url, "api_domain": simulator.url}
        # Tests are about results unless they are about the pace.
        self.inputs = {"rate": 500, "concurrency": 10}
        self.target = target
        self.target_entry = target.connection_entry()
        self.streams = {"*": None}
        self.defaults = {"mode": "incremental", "object": "zoho_crm.{stream_name}"}
        self.daemon = {"listen": "off", "state_dir": str(self.state), "credits": {"daily": 10_000_000}}
        self.environment = {}
        for name, value in settings.items():
            assert hasattr(self, name), name
            setattr(self, name, value)
        self.write()

    @property
    def env_file(self):
        return self.directory / "env.yaml"

    @property
    def replication_file(self):
        return self.directory / "replication.yaml"

    def write(self):
        # JSON is YAML, and needs no library.
        self.write_env({"ZOHO_CRM": {"type": "api", "spec": "zoho_crm", "secrets": self.secrets, "inputs": self.inputs},
                        "WAREHOUSE": self.target_entry})
        self.write_replication({"source": "ZOHO_CRM", "target": "WAREHOUSE", "defaults": self.defaults,
                                "streams": self.streams, "daemon": self.daemon})

    def write_env(self, connections):
        self.env_file.write_text(json.dumps({"connections": connections}, indent=2))
        self.env_file.chmod(0o600)

    def write_replication(self, content):
        text = content if isinstance(content, str) else json.dumps(content, indent=2)
        self.replication_file.write_text(text)

    def command(self, *arguments):
        files = [] if arguments[0].startswith("-") or arguments[0] == "conns" else ["-r", str(self.replication_file)]
        if not arguments[0].startswith("-"):
            files += ["--env-file", str(self.env_file)]
        return [os.environ["ZOHOSYNCD_BINARY"], *arguments, *files]

    def start(self, *arguments):
        environment = {k: v for k, v in os.environ.items()
                       if k in ("PATH", "LANG", "TZ", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS")}
        environment.setdefault("LSAN_OPTIONS", f"suppressions={LEAKS_OF_LIBRARIES}:print_suppressions=0")
        environment.update(HOME=str(self.directory / "home"), STATE_DIRECTORY=str(self.state), **self.environment)
        if TRACES and arguments[0] in VERBS_WITH_A_LOG and "--log-level" not in arguments:
            arguments += ("--log-level", "trace")
        return Daemon(self.command(*arguments), environment, self.directory)

    def run(self, *arguments, timeout=PATIENCE):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        result = self.start(*arguments).finish(timeout)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        result.user_seconds = after.ru_utime - before.ru_utime
        result.system_seconds = after.ru_stime - before.ru_stime
        return result

    def remove(self):
        if TRACES:
            self.search_what_is_left()
        shutil.rmtree(self.directory, ignore_errors=True)

    def search_what_is_left(self):
        """Core files, too: none is ever left."""
        left = {path.name: path.read_bytes() for path in self.state.rglob("*") if path.is_file()}
        assert not [name for name in left if name.startswith("core")], sorted(left)
        left["the target"] = self.target.everything()
        told = [name for name, content in left.items() if CANARY.encode() in content]
        assert not told, "a secret in %s" % told


class EndToEnd(unittest.TestCase):
    """What every scenario needs. Each test gets servers and directories of its own."""

    maxDiff = 4000

    def simulator(self, *flags):
        simulator = Simulator(*flags)
        self.addCleanup(simulator.stop)
        return simulator

    def postgres(self):
        target = PostgresTarget()
        self.addCleanup(target.drop)
        return target

    def sqlite(self):
        target = SqliteTarget()
        self.addCleanup(target.drop)
        return target

    def install(self, simulator, target, **settings):
        installation = Installation(simulator, target, **settings)
        self.addCleanup(installation.remove)
        return installation

    def sync(self, installation, *arguments, code=0, timeout=PATIENCE):
        result = installation.run("sync", *arguments, timeout=timeout)
        self.assertEqual(result.code, code, result.text[-6000:])
        self.assert_clean(result)
        return result

    def started(self, installation, *arguments):
        daemon = installation.start(*arguments)
        self.addCleanup(daemon.kill)
        return daemon

    def assert_clean(self, result):
        """No crash, and no finding of a sanitizer."""
        self.assertGreaterEqual(result.code, 0, result.err[-6000:])
        for mark in ("AddressSanitizer", "ThreadSanitizer", "runtime error:", "LeakSanitizer"):
            self.assertNotIn(mark, result.err, result.err[-8000:])

    def differences(self, simulator, target, streams, **options):
        reports = [oracle.compare(simulator, target, stream, **options) for stream in streams]
        return [report for report in reports if not report.is_equal()]

    def assert_equal_to_ledger(self, simulator, target, streams=None, at_least=1, **options):
        """Every field of every record, and a run that compared nothing has failed, too."""
        compared = 0
        for stream in streams or STREAMS:
            report = oracle.compare(simulator, target, stream, **options)
            self.assertTrue(report.is_equal(), report.text())
            compared += report.rows
        self.assertGreaterEqual(compared, at_least)
        return compared

    def quiet(self, simulator):
        """Stops all churn and lets the second pass: a scan leaves what is as young as its first reply to the next."""
        simulator.post("churn")
        last = int(simulator.now())
        wait_until(lambda: int(simulator.now()) > last, 5, "the next second")

    def wait_until_equal(self, simulator, target, streams, seconds):
        def is_equal():
            return not self.differences(simulator, target, streams)

        try:
            wait_until(is_equal, seconds, "the target equals the ledger", pause=0.5)
        except AssertionError:
            self.fail("\n".join(r.text() for r in self.differences(simulator, target, streams)))

    def states(self, target):
        names = ["stream", "status", "mode", "consistent_as_of", "high_water_mark", "deletes_mark", "scan",
                 "rows_upserted", "rows_deleted", "consecutive_failures", "last_error", "org", "anchor", "generation"]
        statement = "select %s from %ssync_state" % (", ".join(names), target.state_prefix)
        return {row[0]: dict(zip(names, row)) for row in target.rows(statement)}


def needs_own_postgres(test):
    """For tests that take the server down."""
    return unittest.skipIf(os.environ.get("ZOHOSYNCD_TEST_PG"), "would stop the given server")(test)


__all__ = [name for name in globals() if not name.startswith("_")]
