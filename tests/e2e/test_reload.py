"""SIGHUP and systemd: a changed configuration takes over whole or not at all, and what systemd is told is true."""

import json
import os
import random
import signal
import socket
import time

from catalogue import events, matches
from harness import PATIENCE, EndToEnd
from servers import wait_until

SIZES = ("--records", "leads=450,contacts=450,deals=450,tasks=450")
MUTATIONS = int(os.environ.get("ZOHOSYNCD_E2E_MUTATIONS", "24"))


class Notices:
    """systemd's end of $NOTIFY_SOCKET."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.setblocking(False)
        self.lines = []

    def read(self):
        """Every line so far."""
        while True:
            try:
                self.lines += self.socket.recv(4096).decode().split("\n")
            except BlockingIOError:
                return self.lines


class Reload(EndToEnd):
    def setUp(self):
        self.simulator_ = self.simulator(*SIZES)
        self.target = self.postgres()
        self.home = self.install(self.simulator_, self.target, streams={"leads": None, "contacts": None})
        self.home.defaults["schedule"] = "@every 1s"
        self.home.write()

    def run_daemon(self):
        self.notices = Notices(self.home.directory / "notify")
        self.addCleanup(self.notices.socket.close)
        self.home.environment["NOTIFY_SOCKET"] = str(self.home.directory / "notify")
        daemon = self.started(self.home, "run", "--log-format", "json")
        self.seen = 0
        return daemon

    def wait_for(self, daemon, name, **fields):
        """The next log line with that event, behind the last one that was waited for."""
        def found():
            lines = daemon.err().split("\n")[:-1]
            for number, line in enumerate(lines[self.seen:], self.seen + 1):
                if any(matches(e, fields) for e in events(line, name)):
                    self.seen = number
                    return events(line, name)[0]
            return None

        try:
            return wait_until(found, PATIENCE / 2, "the event %s %s" % (name, fields), pause=0.05)
        except AssertionError as error:
            raise AssertionError("%s\n%s" % (error, daemon.err()[-3000:])) from None

    def reload(self, daemon, outcome="reloaded", **fields):
        self.home.write()
        daemon.signal(signal.SIGHUP)
        return self.wait_for(daemon, outcome, **fields)

    def churn(self):
        self.simulator_.post("churn", modules=["Leads", "Contacts", "Deals"], edits_per_second=20, deletes_per_second=1)

    def goes_on(self, daemon, stream):
        """The stream's runs end well, from now on."""
        self.seen = daemon.err().count("\n")
        self.wait_for(daemon, "run_finished", stream=stream)

    def leaves(self, daemon):
        result, took = daemon.terminate()
        self.assertEqual(result.code, 0, result.err[-3000:])
        self.assertLess(took, 5)
        self.assert_clean(result)
        return result

    def runs(self, daemon, stream):
        return len([e for e in events(daemon.err(), "run_finished") if e["stream"] == stream])

    def test_streams_are_added_removed_and_retargeted(self):
        daemon = self.run_daemon()
        self.wait_for(daemon, "run_finished", stream="leads")
        self.churn()

        self.home.streams = {"leads": {"object": "copy.{stream_name}"}, "deals": None}
        self.reload(daemon, streams=2)
        self.wait_for(daemon, "run_finished", stream="deals")
        wait_until(lambda: self.target.has_table("copy.leads"), PATIENCE, "leads have moved")
        contacts = self.runs(daemon, "contacts")

        self.home.streams["tasks"] = {"schedule": "@every 2s"}
        self.reload(daemon, streams=3)
        self.goes_on(daemon, "tasks")
        self.goes_on(daemon, "tasks")
        self.quiet(self.simulator_)
        self.wait_until_equal(self.simulator_, self.target, ["deals", "tasks"], PATIENCE)
        self.assertEqual(self.runs(daemon, "contacts"), contacts)
        self.target.table = lambda stream: "copy." + stream
        self.wait_until_equal(self.simulator_, self.target, ["leads"], PATIENCE)
        # Neither the token nor the lease was given up on the way.
        self.assertEqual(len(self.simulator_.requests("token")), 1)
        self.assertEqual(self.target.rows("select epoch from zohosync.lease")[0][0], 1)
        self.leaves(daemon)

    def test_a_scan_under_way_goes_on_where_it_was(self):
        self.simulator_ = self.simulator("--records", "leads=9000")
        self.home = self.install(self.simulator_, self.target, streams={"leads": None})
        self.home.inputs = {"rate": 20, "concurrency": 3}
        self.home.write()
        daemon = self.run_daemon()
        wait_until(lambda: self.target.has_table("zoho_crm.leads") and
                   self.target.rows("select count(*) from zoho_crm.leads")[0][0] > 1000, PATIENCE, "some pages are in", pause=0.1)
        self.home.streams["contacts"] = None
        self.reload(daemon)
        self.wait_for(daemon, "scan_resumed", stream="leads")
        self.wait_for(daemon, "run_finished", stream="leads")
        self.wait_until_equal(self.simulator_, self.target, ["leads"], PATIENCE)
        self.leaves(daemon)

    def test_a_wrong_configuration_changes_nothing(self):
        daemon = self.run_daemon()
        self.wait_for(daemon, "run_finished", stream="contacts")
        self.churn()
        good = dict(self.home.streams)

        self.home.streams = {"leads": {"schedule": "every now and then"}, "deals": None}
        refused = self.reload(daemon, "reload_refused")
        self.assertIn("replication.yaml", refused["error"])
        self.assertIn("schedule", refused["error"])
        self.goes_on(daemon, "contacts")
        self.assertFalse(self.target.has_table("zoho_crm.deals"))
        wait_until(lambda: any("old one is in use" in line for line in self.notices.read()), 10, "systemd is told")

        self.home.streams = {"leads": None, "No_Such_Module": None}
        self.assertIn("No_Such_Module", self.reload(daemon, "reload_refused")["error"])
        self.goes_on(daemon, "contacts")

        self.home.streams = good
        self.home.secrets["client_secret"] = "wrong"
        self.assertIn("check client_secret", self.reload(daemon, "reload_refused")["error"])
        self.assertNotIn('"wrong"', daemon.err())
        self.goes_on(daemon, "contacts")
        self.home.secrets["client_secret"] = self.simulator_.client_secret

        entry = dict(self.home.target_entry)
        self.home.target_entry["database"] = "no_such_database"
        self.assertIn("no_such_database", self.reload(daemon, "reload_refused")["error"])
        self.goes_on(daemon, "contacts")

        self.home.target_entry.update(entry)
        self.home.target_entry.pop("database", None) if "database" not in entry else None
        self.reload(daemon, "reloaded")
        self.goes_on(daemon, "contacts")
        wait_until(lambda: self.notices.read()[-1] == "STATUS=syncing 2 streams", 10, "systemd is told")
        self.quiet(self.simulator_)
        self.wait_until_equal(self.simulator_, self.target, ["leads", "contacts"], PATIENCE)
        self.leaves(daemon)

    def test_another_database_takes_over(self):
        daemon = self.run_daemon()
        self.wait_for(daemon, "run_finished", stream="leads")
        other = self.postgres()
        self.home.target_entry = other.connection_entry()
        self.reload(daemon)
        self.churn()
        self.goes_on(daemon, "leads")
        self.quiet(self.simulator_)
        self.wait_until_equal(self.simulator_, other, ["leads", "contacts"], PATIENCE)
        self.assertEqual(self.target.rows("select count(*) from zohosync.lease where holder is not null")[0][0], 0)
        self.assertEqual(len(self.simulator_.requests("token")), 1)
        self.leaves(daemon)

    def test_what_is_waited_for_can_be_mended(self):
        """Nothing is synced yet, so that there is nothing to protect from a change."""
        self.home.secrets["client_secret"] = "wrong"
        self.home.write()
        daemon = self.run_daemon()
        self.wait_for(daemon, "waiting", kind="auth_refused")
        self.home.secrets["client_secret"] = self.simulator_.client_secret
        self.reload(daemon)
        self.goes_on(daemon, "leads")
        self.leaves(daemon)

    def test_a_thousand_signals_are_few_reloads(self):
        daemon = self.run_daemon()
        self.wait_for(daemon, "run_finished", stream="leads")
        for _ in range(1000):
            daemon.signal(signal.SIGHUP)
        self.wait_for(daemon, "reloaded")
        self.goes_on(daemon, "leads")
        self.goes_on(daemon, "leads")
        self.assertLess(len(events(daemon.err(), "reloaded")), 10)
        self.quiet(self.simulator_)
        self.wait_until_equal(self.simulator_, self.target, ["leads", "contacts"], PATIENCE)
        self.leaves(daemon)

    def test_mutated_configurations(self):
        """Each would sync into a schema of its own if it were taken up; the old one goes on."""
        seed = int(os.environ.get("ZOHOSYNCD_E2E_SEED", random.randrange(1_000_000)))
        print("seed %d" % seed, end=" ", flush=True)
        chance = random.Random(seed)
        daemon = self.run_daemon()
        self.wait_for(daemon, "run_finished", stream="contacts")
        self.churn()
        good = self.home.replication_file.read_text()
        refused = 0
        for number in range(MUTATIONS):
            content = json.loads(good)
            content["defaults"]["object"] = "wrong_%d.{stream_name}" % number
            content["streams"]["deals"] = None
            self.home.replication_file.write_text(mutated(chance, json.dumps(content, indent=2)))
            daemon.signal(signal.SIGHUP)
            self.wait_for(daemon, "reload_refused")
            refused += 1
        self.goes_on(daemon, "leads")
        self.assertEqual(events(daemon.err(), "reloaded"), [])
        self.home.replication_file.write_text(good)
        self.wait_for(daemon, "reloaded", streams=2)  # A changed file is seen without a signal.
        self.goes_on(daemon, "contacts")
        self.quiet(self.simulator_)
        self.wait_until_equal(self.simulator_, self.target, ["leads", "contacts"], PATIENCE)
        self.assertEqual(self.target.rows("select nspname from pg_namespace where nspname like 'wrong%'"), [])
        self.assertEqual(self.target.rows("select stream from zohosync.sync_state order by 1"), [("contacts",), ("leads",)])
        print("%d refused" % refused, end=" ", flush=True)
        self.leaves(daemon)

    def test_systemd_is_told(self):
        self.home.environment["WATCHDOG_USEC"] = "1000000"
        daemon = self.run_daemon()
        wait_until(lambda: "STATUS=syncing 2 streams" in self.notices.read(), PATIENCE, "it syncs")
        self.assertIn("READY=1", self.notices.lines)
        fed = self.notices.lines.count("WATCHDOG=1")
        wait_until(lambda: self.notices.read().count("WATCHDOG=1") >= fed + 3, 10, "the watchdog is fed")
        self.reload(daemon)
        wait_until(lambda: self.notices.read().count("READY=1") == 2, 10, "the reload is over")
        self.assertIn("RELOADING=1", self.notices.lines)
        self.leaves(daemon)
        self.assertIn("STOPPING=1", self.notices.read())

    def test_ready_says_what_is_waited_for(self):
        """A target that is down at the boot must not fail the boot."""
        self.home.target_entry["port"] = 1
        self.home.write()
        daemon = self.run_daemon()
        wait_until(lambda: "READY=1" in self.notices.read(), 60, "ready in spite of it", pause=0.2)
        self.assertIn("STATUS=waiting for the target", self.notices.lines)
        self.leaves(daemon)


def mutated(chance, text):
    """The file with a mistake in it that no reader may overlook."""
    lines = text.split("\n")
    kind = chance.randrange(6)
    if kind == 0:  # Cut off, as by an editor that is still writing.
        return text[:chance.randrange(1, len(text) - 2)]
    if kind == 1:
        return text.replace('"schedule": "@every 1s"', '"schedule": "%s"' % chance.choice(("often", "@every", "61 * * * *")))
    if kind == 2:
        return text.replace('"mode": "incremental"', '"mode": "%s"' % chance.choice(("increment", "all", "full")))
    if kind == 3:
        return text.replace('"source": "ZOHO_CRM"', '"source": "%s"' % chance.choice(("ZOHO", "WAREHOUSE", "")))
    if kind == 4:
        return text.replace('"deals": null', '"%s": null' % chance.choice(("dealz", "no such", "Deals_/_x")))
    at = chance.randrange(1, len(lines) - 1)
    return "\n".join(lines[:at] + [chance.choice(("\t: [", "}}", "- ]"))] + lines[at:])
