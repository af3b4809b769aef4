#!/usr/bin/env python3
"""The Debian package in a Debian system of its own that is really booted, from the first installation to the purge.
Started by scripts/package-test with ZOHO_SIMULATOR, TREE, PACKAGE and NEXT_PACKAGE in the environment. Root only.
The tests are one life of one machine, in the order of their names."""

import json
import os
import re
import signal
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))

import oracle  # noqa: E402
from machine import Machine  # noqa: E402
from servers import PostgresTarget, Simulator, wait_until  # noqa: E402

PACKAGE, NEXT_PACKAGE = os.environ["PACKAGE"], os.environ["NEXT_PACKAGE"]
STREAMS = ["leads", "contacts", "deals"]
UNIT = "/usr/lib/systemd/system/zohosyncd.service"
START = 60  # Seconds until a service must be up or down, on a busy machine.


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.machine = Machine(os.environ["TREE"])
        cls.addClassCleanup(cls.machine.power_off)
        cls.simulator = Simulator()
        cls.addClassCleanup(cls.simulator.stop)
        cls.target = PostgresTarget()
        cls.addClassCleanup(cls.target.drop)

    def write(self, name, text):
        # Into the file that is there: its owner and mode are the package's.
        self.machine.path(name).write_text(text)

    def configure(self, streams=STREAMS):
        z = self.simulator
        zoho = {"type": "api", "spec": "zoho_crm", "inputs": {"rate": 100, "anchor_date": "all"},
                "secrets": {"client_id": z.client_id, "client_secret": "credential:zohosyncd_client_secret",
                            "soid": z.soid, "accounts_url": z.url, "api_domain": z.url}}
        self.write("/etc/zohosyncd/env.yaml", json.dumps({"connections": {
            "ZOHO_CRM": zoho, "WAREHOUSE": self.target.connection_entry()}}))
        self.replicate(streams)

    def replicate(self, streams):
        self.write("/etc/zohosyncd/replication.yaml", json.dumps({
            "source": "ZOHO_CRM", "target": "WAREHOUSE", "streams": {name: None for name in streams},
            "defaults": {"mode": "incremental", "object": "zoho_crm.{stream_name}", "schedule": "@every 2s"},
            "daemon": {"credits": {"daily": 10_000_000}}}))

    def wait_for(self, state, seconds=START):
        wait_until(lambda: self.machine.property("ActiveState") == state, seconds, "the service is " + state, pause=0.2)

    def wait_until_equal(self, streams=STREAMS):
        def is_equal():
            return all(self.target.has_table(self.target.table(s)) for s in streams) and all(
                oracle.compare(self.simulator, self.target, s).is_equal() for s in streams)
        wait_until(is_equal, START, "the target equals the ledger", pause=0.5)

    def edit(self, module="Leads", count=5):
        return self.simulator.ids("edit", module, count=count)

    def wait_for_line(self, text, since):
        return wait_until(lambda: [line for line in self.machine.journal("--since", since).splitlines() if text in line],
                          START, "a line with " + text, pause=0.3)

    def now(self):
        return self.machine.run("date", "+%F %T.%6N").strip()

    def test_01_in_a_tree_that_is_not_booted_it_installs_and_purges(self):
        machine = self.machine
        self.assertEqual(machine.traces("zohosyncd"), [])

        machine.apt("update")
        machine.install(PACKAGE)
        self.assertIn("zohosyncd 0.", machine.run("zohosyncd", "--version"))
        self.assertEqual(machine.run("dpkg", "--verify", "zohosyncd"), "")
        machine.apt("purge", "zohosyncd")

        self.assertEqual(machine.traces("zohosyncd"), [])

    def test_02_it_installs_in_a_booted_system_and_waits_for_its_configuration(self):
        machine = self.machine
        machine.boot()

        machine.install(PACKAGE)

        self.assertEqual(machine.property("UnitFileState"), "disabled")
        self.assertEqual(machine.property("ActiveState"), "inactive")
        self.assertEqual(machine.mode("/etc/zohosyncd"), "root:zohosyncd 750")
        for name in ("env.yaml", "replication.yaml"):
            self.assertEqual(machine.mode("/etc/zohosyncd/" + name), "root:zohosyncd 640")
        self.assertEqual(machine.mode("/etc/zohosyncd/credentials"), "root:root 700")
        self.assertEqual(machine.mode("/var/lib/zohosyncd"), "zohosyncd:zohosyncd 750")

    def test_03_with_a_wrong_configuration_it_says_what_is_wrong_and_is_not_tried_again(self):
        machine, since = self.machine, self.now()
        self.write("/etc/zohosyncd/replication.yaml", "source: ZOHO_CRM\ntarget: WAREHOUSE\nstreams:\n  leeds:\n")

        machine.run("systemctl", "start", "zohosyncd", check=False)
        self.wait_for("failed")

        self.assertEqual(machine.property("ExecMainStatus"), "65")
        self.assertEqual(machine.property("Result"), "exit-code")
        self.assertTrue(self.wait_for_line("leeds", since))
        time.sleep(6)  # RestartSec is 5.
        self.assertEqual(machine.property("NRestarts"), "0")
        self.assertEqual(machine.property("ActiveState"), "failed")

    def test_04_it_starts_as_its_own_user_without_rights_and_syncs(self):
        machine = self.machine
        secret = machine.path("/etc/zohosyncd/credentials/client_secret")
        secret.write_text(self.simulator.client_secret + "\n")
        secret.chmod(0o600)
        self.configure()

        begun = time.monotonic()
        machine.run("systemctl", "enable", "--now", "zohosyncd")
        print(f"READY after {time.monotonic() - begun:.1f} s; {machine.property('StatusText')}")

        self.wait_for("active")
        self.wait_until_equal()
        status = Path(f"/proc/{machine.main_pid_outside()}/status").read_text()
        self.assertNotIn("\nUid:\t0\t", status)
        self.assertIn("\nCapEff:\t0000000000000000\n", status)
        self.assertIn("\nNoNewPrivs:\t1\n", status)
        self.assertIn("\nSeccomp:\t2\n", status)
        self.assertEqual(machine.property("User"), "zohosyncd")
        self.assertNotEqual(machine.property("StatusText"), "")
        print(machine.run("systemd-analyze", "security", "zohosyncd").strip().splitlines()[-1])

    def test_05_systemctl_reload_takes_up_a_stream_without_a_restart(self):
        machine, pid, since = self.machine, self.machine.property("MainPID"), self.now()
        self.replicate([*STREAMS, "accounts"])

        machine.run("systemctl", "reload", "zohosyncd")

        self.wait_until_equal([*STREAMS, "accounts"])
        self.assertEqual(machine.property("MainPID"), pid)
        self.assertEqual(machine.property("ActiveState"), "active")
        print("\n".join(self.wait_for_line("reload", since)))

    def test_06_a_reload_of_a_wrong_file_keeps_the_old_configuration_at_work(self):
        machine, pid, since = self.machine, self.machine.property("MainPID"), self.now()
        self.write("/etc/zohosyncd/replication.yaml", "source: ZOHO_CRM\ntarget: WAREHOUSE\nstreams:\n  leeds:\n")

        machine.run("systemctl", "reload", "zohosyncd", check=False)

        print("\n".join(self.wait_for_line("leeds", since)))
        self.edit()
        self.wait_until_equal()
        self.assertEqual(machine.property("MainPID"), pid)
        self.assertEqual(machine.property("ActiveState"), "active")
        self.replicate(STREAMS)
        machine.run("systemctl", "reload", "zohosyncd")

    def test_07_one_that_hangs_is_killed_by_the_watchdog_and_started_again(self):
        machine, since = self.machine, self.now()
        limit = int(re.search(r"\nWatchdogSec=(\d+)\n", machine.path(UNIT).read_text())[1])
        begun = time.monotonic()

        os.kill(machine.main_pid_outside(), signal.SIGSTOP)

        wait_until(lambda: machine.property("NRestarts") == "1", limit + START, "a restart", pause=0.5)
        self.wait_for("active")
        print(f"restarted {time.monotonic() - begun:.0f} s after it was stopped; limit {limit} s")
        self.assertTrue([line for line in machine.run("journalctl", "--since", since).splitlines() if
                         "Watchdog timeout" in line])
        self.edit()
        self.wait_until_equal()

    def test_08_it_feeds_the_watchdog_as_long_as_it_is_well(self):
        pid = self.machine.property("MainPID")
        self.assertNotEqual(pid, "0")

        time.sleep(75)  # WatchdogSec is 60.

        self.assertEqual(self.machine.property("MainPID"), pid)

    def test_09_an_upgrade_restarts_it_and_keeps_configuration_and_rows(self):
        machine, pid = self.machine, self.machine.property("MainPID")
        before = self.target.row_versions("contacts")
        configuration = machine.path("/etc/zohosyncd/env.yaml").read_text()

        machine.install(NEXT_PACKAGE)

        self.assertNotEqual(machine.property("MainPID"), pid)
        self.wait_for("active")
        self.assertEqual(machine.property("UnitFileState"), "enabled")
        self.assertEqual(machine.path("/etc/zohosyncd/env.yaml").read_text(), configuration)
        self.assertEqual(machine.mode("/etc/zohosyncd/env.yaml"), "root:zohosyncd 640")
        self.edit()
        self.wait_until_equal()
        self.assertEqual(self.target.row_versions("contacts"), before)

    def test_10_it_leaves_within_five_seconds(self):
        begun = time.monotonic()

        self.machine.run("systemctl", "stop", "zohosyncd")

        seconds = time.monotonic() - begun
        print(f"stopped in {seconds:.2f} s")
        self.assertLess(seconds, 6)  # Five, and what systemctl itself takes.
        self.assertEqual(self.machine.property("Result"), "success")

    def test_11_an_upgrade_does_not_start_what_was_stopped(self):
        self.machine.run("systemctl", "disable", "zohosyncd")

        self.machine.apt("install", "--reinstall", "/var/tmp/" + Path(NEXT_PACKAGE).name)

        self.assertEqual(self.machine.property("ActiveState"), "inactive")

    def test_12_removed_it_leaves_its_configuration_and_stops(self):
        machine = self.machine
        machine.run("systemctl", "enable", "--now", "zohosyncd")
        self.wait_for("active")

        machine.apt("remove", "zohosyncd")

        self.assertFalse(machine.path("/usr/bin/zohosyncd").exists())
        self.assertTrue(machine.path("/etc/zohosyncd/env.yaml").exists())
        self.assertNotIn("running", machine.run("systemctl", "list-units", "zohosyncd*", check=False))

    def test_13_purged_it_leaves_nothing(self):
        self.machine.apt("purge", "zohosyncd")

        self.assertEqual(self.machine.traces("zohosyncd"), [])

    def test_14_no_secret_was_written_into_the_journal(self):
        whole = self.machine.run("journalctl", "--no-pager", "-o", "cat")

        self.assertIn("zohosyncd", whole)
        self.assertNotIn(self.simulator.client_secret, whole)


if __name__ == "__main__":
    unittest.main(verbosity=2, failfast="KEEP_GOING" not in os.environ)
