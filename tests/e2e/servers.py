"""The simulated Zoho and the databases that the tests run against."""

import atexit
import http.client
import json
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import psycopg2


def wait_until(condition, seconds, what, pause=0.02):
    """Polls until `condition()` is true and returns its value."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError("not within %g s: %s" % (seconds, what))
        time.sleep(pause)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


# In every secret of the tests, and nowhere else: see harness.Daemon.finish().
CANARY = "canary-" + secrets.token_hex(12)


class Simulator:
    """One running `zoho_simulator`."""

    client_id = "sim-client"
    client_secret = CANARY + "-client"
    refresh_token = CANARY + "-refresh"
    soid = "ZohoCRM.808232144"
    keep_alive = 60  # Seconds; the server ends idle connections later than that.

    def __init__(self, *flags):
        self._errors = tempfile.TemporaryFile(mode="w+")
        self.process = subprocess.Popen(
            [os.environ["ZOHO_SIMULATOR"], "--port", "0", "--client-secret", self.client_secret,
             "--refresh-token", self.refresh_token, *flags],
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        ready = re.fullmatch(r"listening on (http://127\.0\.0\.1:(\d+))\n", self.process.stdout.readline())
        if not ready:
            self._errors.seek(0)
            raise AssertionError("the simulator did not start: " + self._errors.read())
        self.url, self.port = ready.group(1), int(ready.group(2))
        self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        self._last_use = time.monotonic()
        self._lock = threading.Lock()

    def _request(self, method, path, body=None):
        with self._lock:
            text = None if body is None else json.dumps(body)
            if time.monotonic() - self._last_use > self.keep_alive:
                self._connection.close()  # The next request opens it again.
            self._last_use = time.monotonic()
            self._connection.request(method, "/_sim/" + path, body=text)
            response = self._connection.getresponse()
            data = response.read()
        assert response.status == 200, (path, response.status, data)
        return data

    def post(self, path, **body):
        return json.loads(self._request("POST", path, body))

    def get(self, path):
        return json.loads(self._request("GET", path))

    def ids(self, what, module, **body):
        """A change; returns the ids of the records it hit."""
        return {int(i) for i in self.post(what, module=module, **body)["ids"]}

    def faults(self, *rules):
        self._request("POST", "faults", {"rules": list(rules)})

    def clear_faults(self):
        self._request("DELETE", "faults")

    def ledger_lines(self, module, view="list"):
        """The raw NDJSON lines, a thousand at a time: a large module is never held whole."""
        step, start = 1000, 0
        while True:
            query = "?view=%s&from_line=%d&to_line=%d" % (view, start, start + step)
            lines = self._request("GET", "ledger/" + module + query).decode().splitlines()
            yield from lines
            start += step
            if len(lines) < step or module in ("users", "modules"):
                return

    def fields(self, module):
        return self.get("fields/" + module)["fields"]

    def versions(self, module, record):
        return self.get("versions/%s/%d" % (module, record))["versions"]

    def history(self, module):
        """Id to its versions: Modified_Time in seconds, when it came to be in microseconds, whether deleted by it."""
        entries = (json.loads(line) for line in self._request("GET", "history/" + module).decode().splitlines())
        return {int(entry["id"]): entry["versions"] for entry in entries}

    def requests(self, kind=None):
        return [r for r in self.get("requests")["requests"] if kind in (None, r["kind"])]

    def forget_requests(self):
        self._request("DELETE", "requests")

    def stats(self):
        return self.get("stats")

    def cpu_seconds(self):
        return self.stats()["cpu_seconds"]

    def now(self):
        """The organisation's clock, in seconds."""
        return self.get("clock")["now_us"] / 1e6

    def stop(self):
        self._connection.close()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(20)
        self.process.stdout.close()
        self._errors.close()
        return code


class PostgresServer:
    """ZOHOSYNCD_TEST_PG, or a throw-away server that is removed at exit."""

    _shared = None

    @classmethod
    def shared(cls):
        if cls._shared is None:
            cls._shared = cls(os.environ.get("ZOHOSYNCD_TEST_PG", ""))
        return cls._shared

    def __init__(self, conninfo="", durable=False):
        self.directory = None
        self.conninfo = conninfo or self._start(durable)
        with psycopg2.connect(self.conninfo) as connection:
            self.parameters = connection.info.dsn_parameters
        connection.close()

    def _start(self, durable):
        self.directory = tempfile.mkdtemp(prefix="zohosyncd-e2e-pg-")
        atexit.register(self.stop)
        if os.geteuid() == 0:
            os.chown(self.directory, pwd.getpwnam("postgres").pw_uid, -1)
        self.port = free_port()
        self._tool("initdb", "-D", self._data(), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        self._settings = "-p %d -k %s -c listen_addresses=127.0.0.1 -c max_connections=60 -c fsync=%s" % (
            self.port, self.directory, "on" if durable else "off")
        self.resume()
        return "host=127.0.0.1 port=%d user=postgres dbname=postgres" % self.port

    def _data(self):
        return self.directory + "/data"

    def _tool(self, name, *arguments):
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/" + name), key=lambda p: int(p.parts[4]))
        if not found:
            raise AssertionError("no PostgreSQL server is installed; name one in ZOHOSYNCD_TEST_PG")
        command = [str(found[-1]), *arguments]
        if os.geteuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        done = subprocess.run(command, cwd=self.directory, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise AssertionError("%s failed: %s" % (name, done.stderr))

    def resume(self):
        self._tool("pg_ctl", "-D", self._data(), "-w", "-l", self.directory + "/log", "-o", self._settings, "start")

    def pause(self, mode="immediate"):
        """Takes the server down; possible only for our own."""
        self._tool("pg_ctl", "-D", self._data(), "-m", mode, "stop")

    def postmaster(self):
        return int(Path(self._data(), "postmaster.pid").read_text().splitlines()[0])

    def stop(self):
        if self.directory is None:
            return
        try:
            self.pause()
        except AssertionError:
            pass  # A test had it down already.
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory = None

    def admin(self, statement):
        connection = psycopg2.connect(self.conninfo)
        try:
            connection.autocommit = True
            connection.cursor().execute(statement)
        finally:
            connection.close()


def quoted(name):
    return ".".join('"%s"' % part for part in name.split("."))


class PostgresTarget:
    """A database of its own for one test."""

    kind = "postgres"
    state_prefix = "zohosync."

    def __init__(self, server=None):
        self.server = server or PostgresServer.shared()
        self.name = "e2e_" + secrets.token_hex(6)
        self.server.admin("create database " + self.name)
        self.parameters = {**self.server.parameters, "dbname": self.name}
        self._connection = None

    def connection_entry(self):
        """How env.yaml names it."""
        known = self.parameters
        entry = {"type": "postgres", "host": known["host"], "port": int(known["port"]), "user": known["user"],
                 "database": self.name, "schema": "zoho_crm"}
        # A server that asks for no password takes any.
        entry["password"] = known.get("password") or os.environ.get("PGPASSWORD") or CANARY + "-password"
        return entry

    def connection(self):
        if self._connection is None or self._connection.closed:
            chosen = {k: v for k, v in self.parameters.items() if k in ("host", "port", "user", "password", "dbname")}
            self._connection = psycopg2.connect(application_name="e2e", **chosen)
            self._connection.autocommit = True
        return self._connection

    def rows(self, statement, *values):
        cursor = self.connection().cursor()
        cursor.execute(statement, values or None)
        return cursor.fetchall() if cursor.description else []

    def table(self, stream):
        return "zoho_crm." + stream.lower()

    def quoted_table(self, stream):
        return quoted(self.table(stream))

    def has_table(self, name):
        return self.rows("select to_regclass(%s)", name)[0][0] is not None

    def backends(self):
        return [row[0] for row in self.rows(
            "select pid from pg_stat_activity where datname = %s and application_name <> 'e2e'", self.name)]

    def settle(self):
        """Waits until no other session is left, so that nothing is still being committed or counted."""
        wait_until(lambda: not self.backends(), 20, "the sessions of a dead daemon end")

    def row_versions(self, stream):
        """Changes whenever a row is written, whatever it says."""
        return {row[0]: row[1:] for row in self.rows(
            "select id, xmin::text, ctid::text from " + self.table(stream))}

    def write_counts(self):
        """Rows inserted, updated and deleted so far, per table."""
        return {schema + "." + table: counts for schema, table, *counts in self.rows(
            "select schemaname, relname, n_tup_ins, n_tup_upd, n_tup_del from pg_stat_user_tables")}

    def drop(self):
        if self._connection is not None:
            self._connection.close()
        self.server.admin("drop database if exists %s with (force)" % self.name)

    def everything(self):
        """All that the database holds, as text; nothing when its server is down."""
        chosen = ["%s=%s" % (k, v) for k, v in self.parameters.items() if k in ("host", "port", "user", "password", "dbname")]
        return subprocess.run(["pg_dump", "-d", " ".join(chosen)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


class SqliteTarget:
    """A file of its own for one test."""

    kind = "sqlite"
    state_prefix = "zohosync_"

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="zohosyncd-e2e-sqlite-")
        self.path = self.directory + "/target.db"
        self._connection = None

    def connection_entry(self):
        return {"type": "sqlite", "instance": self.path}

    def connection(self):
        if self._connection is None:
            # A test may hand its target from one thread to another.
            self._connection = sqlite3.connect(self.path, timeout=20, isolation_level=None, check_same_thread=False)
        return self._connection

    def rows(self, statement, *values):
        return self.connection().execute(statement, values).fetchall()

    def table(self, stream):
        return stream.lower()

    def quoted_table(self, stream):
        return quoted(self.table(stream))

    def has_table(self, name):
        return bool(self.rows("select 1 from sqlite_master where type = 'table' and name = ?", name))

    def settle(self):
        pass

    def row_versions(self, stream):
        """What a row holds and when it was written: a rewrite of the same content shows in _synced_at only."""
        return {row[0]: row for row in self.rows("select id, * from " + self.table(stream))}

    def everything(self):
        return b"".join(path.read_bytes() for path in Path(self.directory).iterdir())

    def drop(self):
        if self._connection is not None:
            self._connection.close()
        shutil.rmtree(self.directory, ignore_errors=True)
