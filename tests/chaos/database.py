"""A daemon under load on a PostgreSQL of its own, and means of proving from the database what it wrote."""

import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
import unittest

import psycopg2

import pg_proxy
from chaos import Chaos
from servers import PostgresServer, PostgresTarget, wait_until

RECORDS = ["leads", "contacts", "deals"]
STREAMS = RECORDS + ["users"]
FLAGS = ("--records", "leads=420,contacts=230,deals=210", "--fields", "deals=60", "--users", "15")
CHURN = {"edits_per_second": 30, "deletes_per_second": 2, "restores_per_second": 1, "creates_per_second": 2}

# Counts in the same transaction, row by row, and knows nothing of what the daemon counts.
AUDIT = """
create schema audit;
create table audit.writes (target text, kind text);
create function audit.note() returns trigger language plpgsql as $$
begin
    insert into audit.writes values (tg_table_schema || '.' || tg_table_name, case
        when tg_op = 'INSERT' then 'upserted'
        when new._deleted_at is null then 'upserted'
        when old._deleted_at is null then 'deleted'
        else 'corrected' end);
    return null;
end $$;
"""


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))]


def spread(seconds):
    """What a report says of a list of durations."""
    return "p50 %.2f s, p99 %.2f s, max %.2f s" % (percentile(seconds, 0.5), percentile(seconds, 0.99), max(seconds))


def fields_of(line):
    """A log line as a mapping of its keys."""
    found = re.findall(r'(\w+)=("(?:[^"\\]|\\.)*"|\S*)', line)
    return {key: value[1:-1].replace('\\"', '"') if value.startswith('"') else value for key, value in found}


def events(log, name, **texts):
    """The log lines of an event whose fields contain the given texts."""
    lines = [line for line in log.splitlines() if " event=%s" % name in line]
    return [line for line in lines
            if (found := fields_of(line))["event"] == name and all(text in found.get(key, "") for key, text in texts.items())]


needs_root = unittest.skipUnless(os.geteuid() == 0, "mounts a tmpfs, which only root may")


class Mount:
    """A small tmpfs that PostgreSQL may write to."""

    def __init__(self, megabytes):
        self.path = tempfile.mkdtemp(prefix="zohosyncd-chaos-fs-")
        os.chmod(self.path, 0o755)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%dm" % megabytes, "tmpfs", self.path], check=True)
        self.room = self.path + "/room"
        os.mkdir(self.room)
        shutil.chown(self.room, "postgres")

    def resize(self, megabytes):
        subprocess.run(["mount", "-o", "remount,size=%dm" % megabytes, self.path], check=True)

    def remove(self):
        subprocess.run(["umount", "-l", self.path], check=False)
        shutil.rmtree(self.path, ignore_errors=True)


class DatabaseChaos(Chaos):
    """A test makes its server, its organisation and its installation with these."""

    streams = STREAMS

    def own_server(self):
        server = PostgresServer("")
        self.addCleanup(server.stop)
        return server

    def own_target(self, server):
        target = PostgresTarget(server)
        self.addCleanup(self.drop, target)
        return target

    @staticmethod
    def drop(target):
        try:
            target.drop()
        except psycopg2.Error:
            pass  # The test left its server down; it goes away as a whole.

    def proxy(self, server):
        proxy = pg_proxy.PgProxy(server.parameters["port"], server.parameters["host"])
        self.addCleanup(proxy.close)
        return proxy

    def prepared(self, target, port=None, streams=None, schedule="@every 1s", flags=FLAGS, **settings):
        """An organisation and its installation; the daemon reaches PostgreSQL by `port`."""
        simulator = self.simulator("--seed", str(self.seed), *flags)
        home = self.install(simulator, target, streams={s: None for s in streams or self.streams}, **settings)
        if port:
            home.target_entry["port"] = port
        home.defaults["schedule"] = schedule
        home.daemon["overlap"] = "5s"
        home.write()
        return simulator, home

    def load(self, simulator, **churn):
        simulator.post("churn", modules=[m.capitalize() for m in RECORDS], **{**CHURN, **churn})

    # What was written

    def audit(self, target):
        """From now on every row that is written is counted by a trigger, too."""
        target.rows(AUDIT)
        for stream in self.streams:
            target.rows("create trigger audit after insert or update on %s for each row execute function audit.note()"
                        % target.table(stream))
        self.counted_before = self.counted(target)

    def counted(self, target):
        return {row[0]: (int(row[1]), int(row[2])) for row in target.rows(
            "select target, rows_upserted, rows_deleted from zohosync.sync_state")}

    def assert_counts_are_true(self, target):
        """The totals in sync_state are what the triggers saw: no commit is counted twice or missed."""
        seen = {(target, kind): int(count) for target, kind, count in target.rows(
            "select target, kind, count(*) from audit.writes group by 1, 2")}
        written = 0
        for table, (upserted, deleted) in self.counted(target).items():
            before = self.counted_before[table]
            self.assertEqual((table, upserted - before[0], deleted - before[1]),
                             (table, seen.get((table, "upserted"), 0), seen.get((table, "deleted"), 0)))
            written += upserted - before[0] + deleted - before[1]
        twice = target.rows("select stream, finished_at, count(*) from zohosync.sync_runs group by 1, 2 having count(*) > 1")
        self.assertEqual(twice, [])
        for stream, in_runs, total in target.rows(
                "select stream, sum(r.rows_inserted + r.rows_updated), max(s.rows_upserted)"
                " from zohosync.sync_runs r join zohosync.sync_state s using (connection, stream, target) group by 1"):
            # A run that ended in a failure has no row, though its pages are in.
            self.assertLessEqual(in_runs, total, stream)
        return written

    # Coming back

    def returning(self, server, start):
        """Runs `start` beside, and returns a connection of the first instant at which the server takes one."""
        starter = threading.Thread(target=start)
        starter.start()
        deadline = time.monotonic() + 60
        while True:
            try:
                connection = psycopg2.connect(server.conninfo, connect_timeout=2)
                break
            except psycopg2.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
        connection.close()
        accepted = time.monotonic()
        starter.join()
        return accepted

    def commits(self, target):
        return target.rows("select stream, commit_id from zohosync.sync_state order by 1")

    def until_next_commit(self, target, since, before, patience=60):
        """Seconds from `since` until a stream's state differs from `before`."""
        wait_until(lambda: self.commits(target) != before, patience, "a new commit", pause=0.01)
        return time.monotonic() - since

    def forget_connection(self, target):
        if target._connection is not None:
            target._connection.close()

    # The end

    def settle(self, simulator, target, daemon, streams=None, patience=120):
        """All is quiet and the daemon that was left has to make the target equal; then it leaves in order."""
        self.quiet(simulator)
        self.assertTrue(daemon.is_running(), daemon.err()[-4000:] if daemon.is_running() else daemon.finish().err[-4000:])
        self.wait_until_equal(simulator, target, streams or self.streams, patience)
        result, took = daemon.terminate()
        self.assertEqual(result.code, 0, result.text[-3000:])
        self.assertLess(took, 5)
        self.assert_clean(result)
        self.assert_equal_to_ledger(simulator, target, streams or self.streams, at_least=300)
        return result


__all__ = [name for name in globals() if not name.startswith("_")]
