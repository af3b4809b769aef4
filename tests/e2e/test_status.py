"""The status server over real sockets: what it answers, to whom, and while others are slow or hang."""

import http.client
import json
import os
import re
import signal
import socket
import stat
import subprocess
import threading
import time

from harness import *
from servers import PostgresServer, free_port, wait_until

FLAGS = ("--records", "leads=300,contacts=40", "--users", "3")
CHOSEN = {"leads": None, "contacts": None, "users": None}


class Unix(http.client.HTTPConnection):
    """HTTP over a socket in the file system."""

    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(self._path)


class Status(EndToEnd):
    def installed(self, target=None, simulator=None, **daemon):
        self.zoho = simulator or self.simulator(*FLAGS)
        home = self.install(self.zoho, target or self.sqlite(), streams=CHOSEN)
        home.defaults["schedule"] = "@every 1s"
        home.daemon.update({"listen": "127.0.0.1:0", **daemon})
        home.write()
        return home

    def serving(self, home):
        """A daemon and the port that it has taken."""
        daemon = self.started(home, "run")
        found = wait_until(lambda: re.search(r"event=status_listening address=\S+:(\d+)", daemon.err()), PATIENCE, "it listens")
        return daemon, int(found.group(1))

    def ask(self, port, path, method="GET", body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text, dict(answer.getheaders())

    def status(self, port):
        return json.loads(self.ask(port, "/api/status")[1])

    def status_of_all(self, port):
        """Once it tells the rows and a run of every stream."""
        said = self.status(port)
        has_rows = all(stream["rows"] for stream in said["streams"])
        return said if has_rows and {run["stream"] for run in said["runs"]} == set(CHOSEN) else None

    def until_fresh(self, port):
        wait_until(lambda: self.ask(port, "/freshz?max=600")[0] == 200, PATIENCE, "all streams are fresh", pause=0.2)

    def leave(self, daemon):
        result, took = daemon.terminate()
        self.assertEqual(result.code, 0, result.text[-3000:])
        self.assert_clean(result)
        return took


class Answers(Status):
    def test_what_it_tells(self):
        home = self.installed(self.postgres())
        daemon, port = self.serving(home)
        self.until_fresh(port)
        self.assertEqual(self.ask(port, "/livez")[:2], (200, "ok\n"))
        self.assertEqual(self.ask(port, "/readyz")[0], 200)
        # Rows are counted after the runs were read, and a run may end in between.
        said = wait_until(lambda: self.status_of_all(port), PATIENCE, "rows were counted, and runs are listed", pause=0.2)
        self.assertEqual([s["stream"] for s in said["streams"]], list(CHOSEN))
        self.assertEqual((said["phase"], said["live"], said["ready"], said["fresh"]), ("syncing", True, True, True))
        rows = {s["stream"]: s["rows"] for s in said["streams"]}
        self.assertEqual(rows, {s: home.target.rows("select count(*) from " + home.target.table(s))[0][0] for s in CHOSEN})
        self.assertEqual(sum(run["inserted"] for run in said["runs"]), sum(rows.values()))
        # Each was counted before it went out, and the simulator's count is asked for later.
        self.assertGreater(said["zoho"]["requests_sent"], 0)
        self.assertLessEqual(said["zoho"]["requests_sent"], len(self.zoho.requests()))
        self.leave(daemon)

    def test_metrics(self):
        home = self.installed()
        daemon, port = self.serving(home)
        self.until_fresh(port)
        code, text, headers = self.ask(port, "/metrics")
        self.assertEqual(code, 200)
        self.assertTrue(headers["Content-Type"].startswith("text/plain; version=0.0.4"), headers)
        checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
        # The contract has this one in hours.
        complaints = [line for line in checked.stderr.splitlines() if line and "credits_forecast_hours" not in line]
        self.assertEqual(complaints, [])
        for stream in CHOSEN:
            self.assertRegex(text, r'zohosyncd_freshness_seconds\{stream="%s"\} \d' % stream)
        self.assertIn('zohosyncd_stream_state{stream="leads",state="ok"} 1', text)
        names = set(re.findall(r"^# TYPE (\S+)", text, re.M))
        self.assertTrue(all(name.startswith("zohosyncd_") for name in names), names)
        figures = {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in text.splitlines() if line[0] != "#"}
        for stream, rows in (("leads", 300), ("contacts", 40)):
            self.assertEqual(figures['zohosyncd_rows_upserted_total{stream="%s"}' % stream], rows)
        self.assertGreaterEqual(figures['zohosyncd_runs_total{outcome="ok",stream="users"}'], 1)
        self.assertEqual(figures['zohosyncd_token_requests_total{outcome="ok"}'], 1)
        self.assertEqual(figures['zohosyncd_auth_state{state="ok"}'], 1)
        self.assertIn("zohosyncd_lock_age_seconds", figures)
        lists = figures['zohosyncd_http_requests_total{endpoint="list",outcome="200"}']
        self.assertEqual(figures['zohosyncd_http_request_seconds_count{endpoint="list"}'],
                         sum(value for name, value in figures.items() if name.startswith('zohosyncd_http_requests_total{endpoint="list"')))
        self.assertGreaterEqual(lists, 3)
        self.leave(daemon)

    def test_metrics_of_trouble(self):
        zoho = self.simulator(*FLAGS)
        zoho.faults({"path": "/crm/v6/Leads", "every": 1, "action": {"kind": "status", "status": 500}},
                    {"path": "/crm/v6/Contacts", "nth": 1, "action": {"kind": "invalid_token"}})
        home = self.installed(simulator=zoho)
        daemon, port = self.serving(home)

        def counted(series):
            found = re.search(r"^zohosyncd_%s (\d+)" % re.escape(series), self.ask(port, "/metrics")[1], re.M)
            return int(found.group(1)) if found else 0

        for series in ('errors_total{kind="server_error",stream="leads"}', 'runs_total{outcome="failed",stream="leads"}',
                       'http_requests_total{endpoint="list",outcome="server_error"}',
                       'http_requests_total{endpoint="list",outcome="unauthorized"}', 'retries_total{reason="token_refused"}',
                       'token_requests_total{outcome="ok"}', 'consecutive_failures{stream="leads"}',
                       'stream_state{stream="leads",state="backoff"}'):
            wait_until(lambda: counted(series) >= 1, PATIENCE, series, pause=0.2)
        self.leave(daemon)

    def test_who_may_ask(self):
        home = self.installed()
        token = home.directory / "token"
        token.write_text("correct horse battery\n")
        token.chmod(0o600)
        daemon, port = self.serving(home)
        code, text, headers = self.ask(port, "/", Accept_Encoding="gzip, deflate, br")
        self.assertEqual(code, 200)
        self.assertNotIn("Content-Encoding", headers)  # Compressing takes longer than loading.
        self.assertIn("<!doctype html>", text)
        self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
        self.assertNotIn("unsafe", headers["Content-Security-Policy"])
        self.assertEqual((headers["X-Content-Type-Options"], headers["Referrer-Policy"]), ("nosniff", "no-referrer"))
        for method in ("POST", "PUT", "DELETE", "HEAD", "OPTIONS"):
            self.assertEqual(self.ask(port, "/api/status", method, body="x" if method == "POST" else None)[0], 405, method)
        for host, code in (("localhost:1", 200), ("127.0.0.1", 200), ("[::1]:%d" % port, 200), ("evil.example", 421),
                           ("127.0.0.1.evil.example", 421), ("localhost.evil.example:80", 421)):
            self.assertEqual(self.ask(port, "/api/status", Host=host)[0], code, host)
        self.assertEqual(self.ask(port, "/nothing")[0], 404)
        self.assertEqual(self.ask(port, "/freshz?max=soon")[0], 400)
        self.leave(daemon)

        home.daemon.update(listen="0.0.0.0:0", token_file=str(token))
        home.write()
        daemon, port = self.serving(home)
        self.assertEqual(self.ask(port, "/api/status", Host="status.example")[0], 401)
        self.assertEqual(self.ask(port, "/metrics", Authorization="Bearer wrong horse battery")[0], 401)
        self.assertEqual(self.ask(port, "/metrics", Authorization="Bearer correct horse battery")[0], 200)
        self.assertEqual(self.ask(port, "/livez")[0], 200)
        self.leave(daemon)
        token.chmod(0o644)
        self.assertEqual(home.run("run").code, 77)

    def test_health_check(self):
        path = "unix:/tmp/zohosyncd-%d-%s.sock" % (os.getpid(), os.urandom(4).hex())
        home = self.installed(listen=path)
        check = ("--healthcheck", "-r", str(home.replication_file), "--env-file", str(home.env_file))
        nobody = home.run(*check)
        self.assertEqual(nobody.code, 1)
        self.assertIn("no answer", nobody.err)
        daemon = self.started(home, "run")
        file = path.partition(":")[2]
        wait_until(lambda: "status_listening" in daemon.err(), PATIENCE, "it listens")
        self.assertEqual(stat.S_IMODE(os.stat(file).st_mode), 0o660)
        connection = Unix(file)
        connection.request("GET", "/livez")
        self.assertEqual(connection.getresponse().status, 200)
        self.assertEqual(home.run(*check).code, 0)
        daemon.kill()
        # The socket of a process that was killed is no hindrance to the next.
        self.assertTrue(os.path.exists(file))
        daemon = self.started(home, "run")
        wait_until(lambda: "status_listening" in daemon.err(), PATIENCE, "it listens again")
        self.leave(daemon)
        self.assertFalse(os.path.exists(file))
        home.daemon["listen"] = "off"
        home.write()
        off = home.run(*check)
        self.assertEqual((off.code, "daemon.listen is off" in off.err), (1, True), off.err)

    def test_a_port_that_is_taken(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            home = self.installed(listen="127.0.0.1:%d" % other.getsockname()[1])
            daemon = self.started(home, "run")
            wait_until(lambda: "run_finished" in daemon.err(), PATIENCE, "it syncs all the same")
            said = [line for line in daemon.err().splitlines() if "status_not_listening" in line]
            self.assertEqual(len(said), 1, daemon.err()[-3000:])
            self.assertIn("change daemon.listen", said[0])
            self.leave(daemon)


class Hardship(Status):
    def test_slow_clients_hold_up_nobody(self):
        home = self.installed()
        daemon, port = self.serving(home)
        self.until_fresh(port)
        slow = []
        try:
            for number in range(60):
                client = socket.create_connection(("127.0.0.1", port), timeout=30)
                client.sendall(b"GET /api/status HTT" if number % 2 else b"")
                slow.append(client)
            before = self.status(port)["zoho"]["requests_sent"]
            wait_until(lambda: self.status(port)["zoho"]["requests_sent"] > before + 10, PATIENCE, "it syncs meanwhile", pause=0.1)
            # However they behave, they are gone after two seconds.
            for client in slow:
                client.settimeout(PATIENCE)
                self.assertEqual(client.recv(100), b"")
        finally:
            for client in slow:
                client.close()
        huge = socket.create_connection(("127.0.0.1", port), timeout=30)
        huge.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * 8192)
        self.assertIn(b" 431 ", huge.recv(100))
        huge.close()
        self.leave(daemon)


class ChangedTable(Status):
    def test_a_table_that_can_not_be_counted_hides_no_other(self):
        home = self.installed(self.postgres())
        daemon, port = self.serving(home)
        self.until_fresh(port)
        home.target.rows("alter table zoho_crm.leads rename to leads_before;"
                         " create view zoho_crm.leads as select id from zoho_crm.leads_before")
        self.leave(daemon)
        # The first thing that a daemon does is to count.
        daemon, port = self.serving(home)
        state = lambda: {s["stream"]: s for s in self.status(port)["streams"]}
        wait_until(lambda: state()["leads"]["status"] == "blocked", PATIENCE, "the stream is blocked", pause=0.2)
        wait_until(lambda: state()["contacts"]["rows"] == 40, PATIENCE, "the others are counted", pause=0.2)
        self.assertIsNone(self.status(port)["target"]["error"])
        self.assertEqual(self.ask(port, "/freshz?max=600&streams=contacts")[0], 200)
        self.leave(daemon)


class StoppedDatabase(Status):
    def test_it_answers_while_the_database_hangs(self):
        server = PostgresServer("")
        self.addCleanup(server.stop)
        target = PostgresTarget(server)
        home = self.installed(target)
        daemon, port = self.serving(home)
        self.until_fresh(port)
        group = [server.postmaster()] + target.backends()
        for process in group:
            os.kill(process, signal.SIGSTOP)
        try:
            stopped = time.monotonic()
            first = json.loads(self.ask(port, "/freshz?max=600")[1])["freshness_seconds"]["leads"]
            wait_until(lambda: self.status(port)["target"]["read_age_seconds"] >= 4, PATIENCE, "the last look grows old", pause=0.2)
            later = json.loads(self.ask(port, "/freshz?max=600")[1])["freshness_seconds"]["leads"]
            # What can not be seen to be fresh ages.
            self.assertGreaterEqual(later, first + 3)
            self.assertGreaterEqual(later, int(time.monotonic() - stopped) - 1)
            self.assertEqual(self.ask(port, "/freshz?max=1")[0], 503)
            self.assertEqual(self.ask(port, "/metrics")[0], 200)
            self.assertEqual(self.ask(port, "/livez")[0], 200)
        finally:
            for process in group:
                os.kill(process, signal.SIGCONT)
        self.until_fresh(port)
        wait_until(lambda: self.status(port)["target"]["read_age_seconds"] <= 2, PATIENCE, "it looks again", pause=0.2)
        self.leave(daemon)
