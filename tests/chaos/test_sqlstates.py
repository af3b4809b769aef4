"""What PostgreSQL may answer, one condition at a time: what becomes of the streams, and what the log says."""

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import psycopg2

from chaos import FULL, sized
from database import DatabaseChaos, Mount, events, needs_root, spread
from servers import PostgresServer, free_port, wait_until

PASSWORD = "correct horse"
# A shared machine in CI gets more than what is promised.
READY_WITHIN = 3 if FULL else 15
BACK_WITHIN = 2 if FULL else 10


def start_server():
    """With a role whose password counts."""
    server = PostgresServer("")
    hba = Path(server._data(), "pg_hba.conf")
    hba.write_text("host all zoho 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n"
                   "host replication all 127.0.0.1/32 trust\nlocal all all trust\n")
    server.admin("select pg_reload_conf()")
    server.admin("create role zoho login password '%s'" % PASSWORD)
    return server


class SqlStates(DatabaseChaos):
    streams = ["leads", "contacts"]
    server = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = start_server()
        cls.addClassCleanup(cls.server.stop)

    def setUp(self):
        super().setUp()
        self.target = self.own_target(self.server)
        self.server.admin("alter database %s owner to zoho" % self.target.name)

    def installed(self, records="leads=230,contacts=210", port=None, first=True, **settings):
        self.simulator_, self.home = self.prepared(self.target, port, flags=("--records", records, "--scale", "0.05"), **settings)
        self.home.target_entry.update(user="zoho", password=PASSWORD)
        self.home.write()
        if first:
            self.sync(self.home)
        return self.home

    def session(self):
        connection = psycopg2.connect(application_name="e2e", **{
            k: v for k, v in self.target.parameters.items() if k in ("host", "port", "user", "dbname")})
        self.addCleanup(connection.close)
        return connection

    def blocked_pid(self):
        found = self.target.rows("select pid from pg_stat_activity where usename = 'zoho' and datname = %s"
                                 " and wait_event_type = 'Lock'", self.target.name)
        return found[0][0] if found else None

    def wait_until_blocked(self):
        return wait_until(self.blocked_pid, 30, "the daemon waits for a lock")

    def wait_until_asleep(self):
        return wait_until(lambda: [pid for (pid,) in self.target.rows(
            "select pid from pg_stat_activity where usename = 'zoho' and wait_event = 'PgSleep'")],
            30, "the daemon is within a statement")[0]

    def edited(self):
        """Two leads of which the daemon writes the lower id first."""
        low, high = sorted(self.simulator_.ids("edit", "Leads", count=2))
        return low, high

    def assert_ends_equal(self, log, sqlstate, kind, level="warn"):
        self.assert_said(log, sqlstate, kind, level)
        self.assert_equal_to_ledger(self.simulator_, self.target, self.streams, at_least=400)

    def assert_said(self, log, sqlstate, kind, level="warn"):
        found = events(log, "run_failed", sqlstate=sqlstate, kind=kind)
        self.assertTrue(found, log[-3000:])
        for line in found:
            self.assertEqual(line.split()[1], level, line)

    # The same again may pass

    def test_a_deadlock(self):
        home = self.installed()
        low, high = self.edited()
        other = self.session()
        cursor = other.cursor()
        cursor.execute("set deadlock_timeout = '100s'")  # The daemon finds it first.
        cursor.execute("update zoho_crm.leads set last_name = last_name where id = %s", (high,))
        daemon = self.started(home, "sync")
        self.wait_until_blocked()
        crossing = threading.Thread(target=lambda: cursor.execute(
            "update zoho_crm.leads set last_name = last_name where id = %s", (low,)))
        crossing.start()
        crossing.join(30)
        other.rollback()
        result = daemon.finish()
        self.assertEqual(result.code, 0, result.err[-3000:])
        self.assert_ends_equal(result.err, "40P01", "sink_conflict")

    def test_a_serialisation_failure(self):
        home = self.installed()
        _, high = self.edited()
        self.server.admin("alter database %s set default_transaction_isolation = 'repeatable read'" % self.target.name)
        other = self.session()
        other.cursor().execute("update zoho_crm.leads set last_name = last_name where id = %s", (high,))
        daemon = self.started(home, "sync")
        self.wait_until_blocked()
        other.commit()
        result = daemon.finish()
        self.assertEqual(result.code, 0, result.err[-3000:])
        self.assert_ends_equal(result.err, "40001", "sink_conflict")

    def test_a_table_that_somebody_locks(self):
        home = self.installed()
        self.edited()
        self.simulator_.post("edit", module="Contacts", count=5)
        other = self.session()
        other.cursor().execute("lock table zoho_crm.leads in access exclusive mode")
        daemon = self.started(home, "sync")
        # The other stream goes on meanwhile.
        wait_until(lambda: "stream=contacts" in "".join(events(daemon.err(), "run_finished")), 30, "contacts are done")
        self.assertFalse(events(daemon.err(), "run_failed"))
        wait_until(lambda: events(daemon.err(), "run_failed", sqlstate="55P03"), 30, "the lock is given up")
        other.rollback()
        result = daemon.finish()
        self.assertEqual(result.code, 0, result.err[-3000:])
        self.assert_ends_equal(result.err, "55P03", "sink_conflict")

    def test_a_statement_that_is_cancelled(self):
        home = self.installed()
        _, high = self.edited()
        other = self.session()
        other.cursor().execute("update zoho_crm.leads set last_name = last_name where id = %s", (high,))
        daemon = self.started(home, "sync")
        self.target.rows("select pg_cancel_backend(%s)", self.wait_until_blocked())
        wait_until(lambda: events(daemon.err(), "run_failed"), 30, "it says so")
        other.rollback()
        result = daemon.finish()
        self.assertEqual(result.code, 0, result.err[-3000:])
        self.assert_ends_equal(result.err, "57014", "sink_conflict")

    def once(self, body):
        """A trigger on leads whose first call of all does `body`; a sequence does not roll back."""
        self.target.rows("create sequence public.calls; grant usage on public.calls to zoho;"
                         "create function public.once() returns trigger language plpgsql as $$ begin"
                         " if nextval('public.calls') = 1 then %s; end if; return null; end $$;"
                         "create trigger once before insert or update on zoho_crm.leads"
                         " for each statement execute function public.once()" % body)

    def test_the_statement_timeout(self):
        """The one of the connection is kept."""
        home = self.installed()
        home.target_entry["statement_timeout"] = "1s"
        home.write()
        self.once("perform pg_sleep(20)")
        self.edited()
        result = self.sync(home)
        self.assertLess(result.seconds, 15)
        self.assert_ends_equal(result.err, "57014", "sink_conflict")

    # The server is there, and then it is not

    def test_a_storm_of_terminated_backends(self):
        storms = sized(25, 300)
        home = self.installed()
        self.audit(self.target)
        self.target.rows("grant usage on schema audit to zoho; grant insert on audit.writes to zoho")
        self.simulator_.post("churn", modules=["Leads", "Contacts"], edits_per_second=30, edits_per_request=1,
                             deletes_per_second=1)
        daemon = self.started(home, "run")
        killed = 0
        for _ in range(storms):
            time.sleep(self.chance.uniform(0.02, 0.5))
            killed += self.target.rows("select count(pg_terminate_backend(pid)) from pg_stat_activity"
                                       " where usename = 'zoho' and datname = %s", self.target.name)[0][0]
        # Blows that fall between runs go unnoticed; one falls within a statement for certain.
        self.once("perform pg_sleep(20)")
        self.target.rows("select pg_terminate_backend(%s)", self.wait_until_asleep())
        wait_until(lambda: events(daemon.err(), "run_failed", kind="sink_down"), 30, "it says so")
        result = self.settle(self.simulator_, self.target, daemon)
        written = self.assert_counts_are_true(self.target)
        self.assertGreaterEqual(killed, storms // 3)  # Some blows fall while nobody is connected.
        self.assertGreaterEqual(written, storms // 3)
        self.total(backends_terminated=killed, rows_written=written)

    def test_a_server_that_turns_read_only(self):
        home = self.installed()
        daemon = self.started(home, "run")
        wait_until(lambda: "run_finished" in daemon.err(), 60, "it works")
        self.addCleanup(self.writable)
        self.server.admin("alter system set default_transaction_read_only = on")
        self.server.admin("select pg_reload_conf()")
        wait_until(lambda: events(daemon.err(), "run_failed", sqlstate="25006"), 30, "it says so")
        time.sleep(2)
        before = self.commits(self.target)
        self.writable()
        self.until_next_commit(self.target, time.monotonic(), before, BACK_WITHIN + 1)
        self.edited()
        result = self.settle(self.simulator_, self.target, daemon)
        self.assert_said(result.err, "25006", "sink_down")

    def writable(self):
        connection = psycopg2.connect(self.server.conninfo, options="-c default_transaction_read_only=off")
        connection.autocommit = True
        connection.cursor().execute("alter system reset default_transaction_read_only")
        connection.close()
        self.server.admin("select pg_reload_conf()")

    def test_no_connection_is_left(self):
        home = self.installed()
        taken = []
        self.addCleanup(lambda: [c.close() for c in taken])
        self.target.connection()
        try:
            while True:
                taken.append(self.session())
        except psycopg2.OperationalError as full:
            self.assertIn("too many", str(full))
        daemon = self.started(home, "run")
        wait_until(lambda: events(daemon.err(), "waiting", kind="sink_down", error="53300"), 30, "it says so")
        for connection in taken:
            connection.close()
        self.edited()
        self.settle(self.simulator_, self.target, daemon)

    # Only an operator can help

    def test_a_changed_password(self):
        home = self.installed()
        self.addCleanup(self.server.admin, "alter role zoho password '%s'" % PASSWORD)
        daemon = self.started(home, "run")
        wait_until(lambda: "run_finished" in daemon.err(), 60, "it works")
        self.server.admin("alter role zoho password 'battery staple'")
        self.target.rows("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'zoho'")
        wait_until(lambda: events(daemon.err(), "run_failed", sqlstate="28P01", kind="sink_refused"), 30, "it says so")
        result, _ = daemon.terminate()
        self.assertNotIn(PASSWORD, result.err)
        refused = home.run("sync")
        self.assertEqual(refused.code, 69, refused.err[-2000:])
        self.assertIn("28P01", refused.err)
        home.target_entry["password"] = "battery staple"
        home.write()
        self.edited()
        self.sync(home)
        self.assert_ends_equal(result.err, "28P01", "sink_refused", "error")

    def blocked_until_mended(self, mend, sqlstate, kind="sink_refused"):
        """The stream is blocked and says why, the other one goes on; mended, it ends equal."""
        self.simulator_.post("edit", module="Contacts", count=5)
        result = self.sync(self.home, code=1)
        self.assert_said(result.err, sqlstate, kind, "error")
        state = self.states(self.target)
        self.assertEqual((state["leads"]["status"], state["contacts"]["status"]), ("blocked", "ok"))
        self.assertIn(sqlstate, state["leads"]["last_error"])
        self.assert_equal_to_ledger(self.simulator_, self.target, ["contacts"])
        mend()
        self.sync(self.home)
        self.assert_equal_to_ledger(self.simulator_, self.target, self.streams, at_least=400)
        return result

    def test_rights_that_were_revoked(self):
        self.installed()
        self.edited()
        self.target.rows("revoke insert, update on zoho_crm.leads from zoho")
        self.blocked_until_mended(lambda: self.target.rows("grant insert, update on zoho_crm.leads to zoho"), "42501")

    def test_a_damaged_page(self):
        self.installed()
        self.edited()
        path = self.target.rows("select pg_relation_filepath('zoho_crm.leads')")[0][0]
        self.forget_connection(self.target)
        self.server.pause("fast")
        with open(Path(self.server._data(), path), "r+b") as file:
            file.write(b"\xff" * 8192)
        self.server.resume()
        # Only a table of its own is ever rebuilt, and only when the operator has dropped it.
        self.blocked_until_mended(lambda: self.target.rows("drop table zoho_crm.leads"), "XX001")

    def dropped_meanwhile(self, statement):
        """Dropped between the first look and the first write of a run."""
        home = self.installed()
        self.simulator_.post("edit", module="Leads", count=30)
        self.simulator_.post("edit", module="Contacts", count=30)
        self.simulator_.faults(*({"path": "/crm/v6/%s\\?" % m, "action": {"kind": "stall", "delay_ms": 1500}}
                                 for m in ("Leads", "Contacts")))
        self.simulator_.forget_requests()
        daemon = self.started(home, "sync")
        wait_until(lambda: {r["kind"] for r in self.simulator_.requests()} >= {"list:Leads", "list:Contacts"}, 30,
                   "both lists are asked for")
        self.target.rows(statement)
        result = daemon.finish()
        self.assertEqual(result.code, 1, result.err[-3000:])
        self.assert_clean(result)
        self.simulator_.clear_faults()
        return result

    def test_a_table_that_was_dropped(self):
        result = self.dropped_meanwhile("drop table zoho_crm.leads")
        self.assert_said(result.err, "42P01", "sink_refused", "error")
        self.assertEqual(self.states(self.target)["leads"]["status"], "blocked")
        self.assert_equal_to_ledger(self.simulator_, self.target, ["contacts"])
        self.sync(self.home)
        self.assert_equal_to_ledger(self.simulator_, self.target, self.streams, at_least=400)

    def test_a_schema_that_was_dropped(self):
        result = self.dropped_meanwhile("drop schema zoho_crm cascade")
        found = events(result.err, "run_failed", kind="sink_refused")
        self.assertTrue(any("42P01" in line or "3F000" in line for line in found), result.err[-3000:])
        self.sync(self.home)
        self.assert_equal_to_ledger(self.simulator_, self.target, self.streams, at_least=400)

    def test_a_state_schema_that_was_dropped(self):
        result = self.dropped_meanwhile("drop schema zohosync cascade")
        self.assert_said(result.err, "42P01", "sink_refused", "error")
        self.sync(self.home)
        self.assert_equal_to_ledger(self.simulator_, self.target, self.streams, at_least=400)

    def test_a_table_that_was_renamed(self):
        """Nothing is made in its place while the run goes on; the next one starts a table of its own."""
        self.dropped_meanwhile("alter table zoho_crm.leads rename to elsewhere")
        self.assertEqual(self.target.rows("select count(*) from zoho_crm.elsewhere")[0][0], 230)
        self.sync(self.home)
        self.assertEqual(self.target.rows("select count(*) from zoho_crm.elsewhere")[0][0], 230)
        self.assert_equal_to_ledger(self.simulator_, self.target, self.streams, at_least=400)

    def test_an_encoding_that_can_not_hold_texts(self):
        home = self.installed(first=False)
        name = self.target.name + "_ascii"
        self.server.admin("create database %s owner zoho encoding 'SQL_ASCII' template template0 lc_collate 'C' lc_ctype 'C'" % name)
        self.addCleanup(self.server.admin, "drop database %s with (force)" % name)
        home.target_entry["database"] = name
        home.write()
        result = home.run("sync")
        self.assertEqual(result.code, 69, result.err[-2000:])
        self.assertIn("SQL_ASCII; it must be UTF8", result.err)

    def test_commits_are_durable_whatever_the_server_prefers(self):
        home = self.installed()
        self.server.admin("alter database %s set synchronous_commit = off" % self.target.name)
        self.target.rows("create table public.seen (setting text); grant insert on public.seen to zoho")
        self.once("insert into public.seen values (current_setting('synchronous_commit'))")
        self.edited()
        self.sync(home)
        self.assertEqual(self.target.rows("select setting from public.seen"), [("on",)])

    # Disks

    @needs_root
    def test_a_full_disk(self):
        disk = Mount(3)
        self.addCleanup(disk.remove)
        name = "small_" + self.target.name
        self.server.admin("create tablespace %s location '%s'" % (name, disk.room))
        self.addCleanup(self.server.admin, "drop tablespace if exists %s" % name)
        self.addCleanup(self.drop, self.target)
        self.server.admin("grant create on tablespace %s to zoho" % name)
        self.server.admin("alter database %s set default_tablespace = %s" % (self.target.name, name))
        home = self.installed("leads=4000,contacts=210", first=False)
        daemon = self.started(home, "run")
        wait_until(lambda: events(daemon.err(), "run_failed", sqlstate="53100", kind="sink_full"), 60, "it says so")
        kept = self.target.rows("select count(*) from zoho_crm.leads")[0][0]
        self.assertLess(kept, 4000)
        disk.resize(200)
        self.settle(self.simulator_, self.target, daemon)

    @needs_root
    def test_a_full_disk_of_the_log(self):
        """The server gives up altogether, and can not start before there is space."""
        server = start_server()
        self.addCleanup(server.stop)
        server.admin("alter system set max_wal_size = '32MB'")
        server.admin("alter system set min_wal_size = '32MB'")
        self.target = self.own_target(server)
        server.admin("alter database %s owner to zoho" % self.target.name)
        server.pause("fast")
        self.forget_connection(self.target)
        disk = Mount(40)
        self.addCleanup(disk.remove)
        wal = Path(server._data(), "pg_wal")
        subprocess.run(["cp", "-a", str(wal) + "/.", disk.room], check=True)
        shutil.rmtree(wal)
        wal.symlink_to(disk.room)
        server.resume()
        home = self.installed()
        self.simulator_.post("churn", modules=["Leads", "Contacts"], edits_per_second=20)
        daemon = self.started(home, "run")
        wait_until(lambda: "run_finished" in daemon.err(), 60, "it works")
        with self.assertRaises(psycopg2.Error):
            server.admin("create table public.junk as select repeat('x', 900) from generate_series(1, 200000)")
        wait_until(lambda: "could not write" in Path(server.directory, "log").read_text() and
                   "PANIC" in Path(server.directory, "log").read_text(), 30, "the server panics")
        wait_until(lambda: events(daemon.err(), "run_failed", kind="sink_down"), 30, "it says so")
        self.forget_connection(self.target)
        try:
            server.pause("immediate")
        except AssertionError:
            pass  # It is down.
        disk.resize(400)
        self.forget_connection(self.target)
        accepted = self.returning(server, server.resume)
        back = self.until_next_commit(self.target, accepted, self.commits(self.target))
        self.assertLessEqual(back, BACK_WITHIN)
        self.settle(self.simulator_, self.target, daemon)

    # Killed is not gone

    def test_the_backend_of_a_killed_client(self):
        took = []
        for _ in range(sized(1, 10)):
            target = self.target = self.own_target(self.server)
            self.server.admin("alter database %s owner to zoho" % target.name)
            home = self.installed()
            self.once("perform pg_sleep(60)")
            self.edited()
            daemon = self.started(home, "run")
            wait_until(lambda: target.rows("select 1 from pg_stat_activity where datname = %s and wait_event = 'PgSleep'",
                                           target.name), 60, "a statement hangs")
            time.sleep(self.chance.uniform(0, 2))
            before = self.commits(target)
            daemon.signal(signal.SIGKILL)
            killed = time.monotonic()
            daemon.finish()
            again = self.started(home, "run")
            took.append(self.until_next_commit(target, killed, before))
            self.settle(self.simulator_, target, again)
        self.assertLessEqual(max(took), READY_WITHIN)
        self.total(killed_in_a_statement=len(took), next_commit=spread(took))


class Failover(DatabaseChaos):
    """A primary that is lost, and a standby that had not yet received its last commits."""

    streams = ["leads", "contacts"]

    def standby_of(self, server):
        standby = PostgresServer.__new__(PostgresServer)
        standby.directory = tempfile.mkdtemp(prefix="zohosyncd-e2e-pg-")
        os.chmod(standby.directory, 0o755)
        if os.geteuid() == 0:
            shutil.chown(standby.directory, "postgres")
        standby.port = free_port()
        standby._tool("pg_basebackup", "-d", "host=127.0.0.1 port=%d user=postgres" % server.port, "-D", standby._data(),
                      "-R", "-X", "stream", "-c", "fast")
        standby._settings = "-p %d -k %s -c listen_addresses=127.0.0.1 -c max_connections=60 -c fsync=off" % (
            standby.port, standby.directory)
        self.addCleanup(standby.stop)
        standby.resume()
        standby.conninfo = "host=127.0.0.1 port=%d user=postgres dbname=postgres" % standby.port
        standby.parameters = {"host": "127.0.0.1", "port": str(standby.port), "user": "postgres", "dbname": "postgres"}
        return standby

    def test_a_promoted_standby_that_lags(self):
        server = start_server()
        self.addCleanup(server.stop)
        target = self.own_target(server)
        proxy = self.proxy(server)
        simulator, home = self.prepared(target, proxy.port, streams=self.streams)
        self.sync(home)
        standby = self.standby_of(server)
        simulator.post("churn", modules=["Leads", "Contacts"], edits_per_second=40, deletes_per_second=2, creates_per_second=2)
        daemon = self.started(home, "run")
        wait_until(lambda: daemon.err().count("run_finished") > 4, 60, "it works")
        # From now on the standby hears no more; what is committed meanwhile is lost with the primary.
        standby.admin("alter system set primary_conninfo = ''")
        standby.admin("select pg_reload_conf()")
        time.sleep(0.5)
        before, more = self.commits(target), daemon.err().count("run_finished")
        wait_until(lambda: self.commits(target) != before and daemon.err().count("run_finished") > more + 4, 60, "more commits")
        counted = sum(int(row[0]) for row in target.rows("select rows_upserted from zohosync.sync_state"))
        self.forget_connection(target)
        server.pause("immediate")
        proxy.upstream = ("127.0.0.1", standby.port)
        proxy.reset_all()
        wait_until(lambda: events(daemon.err(), "run_failed", kind="sink_down", error="read-only"), 30,
                   "the standby is not written to")
        target.parameters = {**target.parameters, "port": str(standby.port)}
        lost = counted - sum(int(row[0]) for row in target.rows("select rows_upserted from zohosync.sync_state"))
        self.assertGreater(lost, 0, "the standby had everything")
        before = self.commits(target)
        promoted = time.monotonic()
        standby.admin("select pg_promote()")
        back = self.until_next_commit(target, promoted, before)
        self.assertLessEqual(back, BACK_WITHIN + 1)
        target.server = standby
        self.settle(simulator, target, daemon, self.streams)
        self.total(commits_lost_by_failover=lost, back=spread([back]))
