#!/usr/bin/env python3
"""The container's image, really run: as another user than root, on a read-only root file system, with no capability.
Started by scripts/package-test with ZOHO_SIMULATOR and CONTAINERS_STORAGE_CONF in the environment. Root only."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))

import oracle  # noqa: E402
from servers import PostgresTarget, Simulator, free_port, wait_until  # noqa: E402

IMAGE = "localhost/zohosyncd"
BASE = "docker.io/library/debian:bookworm-slim"
STREAMS = ["leads", "contacts", "deals", "users"]
# What podman needs where it may not raise its own limits and has no systemd for the checks of health.
HERE = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024", "--no-healthcheck", "--network", "host"]
PATIENCE = 120


def podman(*arguments, check=True):
    done = subprocess.run(["podman", "--runtime", "runc", "--cgroup-manager", "cgroupfs", *map(str, arguments)],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        raise AssertionError(f"podman {arguments}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def inspect(*arguments):
    return json.loads(podman("inspect", *arguments).stdout)[0]


class Image(unittest.TestCase):
    def setUp(self):
        self.simulator = Simulator()
        self.addCleanup(self.simulator.stop)
        self.target = PostgresTarget()
        self.addCleanup(self.target.drop)
        work = tempfile.TemporaryDirectory()
        self.addCleanup(work.cleanup)
        os.chmod(work.name, 0o755)
        self.port = free_port()
        self.replication = Path(work.name) / "replication.yaml"
        self.replicate(STREAMS)

    def replicate(self, streams):
        self.replication.write_text(json.dumps({
            "source": "ZOHO_CRM", "target": "WAREHOUSE", "streams": {name: None for name in streams},
            "defaults": {"mode": "incremental", "object": "zoho_crm.{stream_name}", "schedule": "@every 2s"},
            "daemon": {"credits": {"daily": 10_000_000}, "listen": f"127.0.0.1:{self.port}"}}))

    def start(self):
        z = self.simulator
        zoho = {"type": "api", "spec": "zoho_crm", "inputs": {"rate": 100, "anchor_date": "all"},
                "secrets": {"client_id": z.client_id, "client_secret": z.client_secret, "soid": z.soid,
                            "accounts_url": z.url, "api_domain": z.url}}
        container = podman(
            "run", "-d", *HERE, "--read-only", "--cap-drop", "all", "--security-opt", "no-new-privileges",
            "--memory", "256m", "-v", f"{self.replication}:/etc/zohosyncd/replication.yaml:ro",
            "-e", "ZOHO_CRM=" + json.dumps(zoho), "-e", "WAREHOUSE=" + json.dumps(self.target.connection_entry()),
            IMAGE).stdout.strip()
        self.addCleanup(podman, "rm", "-f", container, check=False)
        return container

    def wait_until_equal(self, container, streams):
        def is_equal():
            return all(self.target.has_table(self.target.table(s)) for s in streams) and all(
                oracle.compare(self.simulator, self.target, s).is_equal() for s in streams)
        try:
            wait_until(is_equal, PATIENCE, "the target equals the ledger", pause=0.5)
        except AssertionError:
            self.fail(podman("logs", container).stderr[-4000:])

    def test_it_runs_without_rights_and_syncs_and_stops(self):
        container = self.start()
        self.wait_until_equal(container, STREAMS)

        pid = inspect(container)["State"]["Pid"]
        status = Path(f"/proc/{pid}/status").read_text()
        self.assertIn("\nUid:\t65532\t65532\t65532\t65532\n", status)
        self.assertIn("\nNSpid:\t%d\t1\n" % pid, status)
        self.assertIn("\nCapEff:\t0000000000000000\n", status)
        self.assertIn("\nCapBnd:\t0000000000000000\n", status)
        self.assertIn("\nNoNewPrivs:\t1\n", status)
        root = next(line for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines() if line.split()[4] == "/")
        self.assertIn("ro", root.split()[5].split(","))

        check = ["exec", container, *inspect(IMAGE)["Healthcheck"]["Test"][1:]]
        podman(*check)
        os.kill(pid, signal.SIGSTOP)
        self.assertEqual(podman(*check, check=False).returncode, 1)
        os.kill(pid, signal.SIGCONT)

        begun = time.monotonic()
        podman("kill", "--signal", "TERM", container)
        podman("wait", container)
        seconds = time.monotonic() - begun
        print(f"stopped in {seconds:.2f} s")
        self.assertLessEqual(seconds, 5)
        self.assertEqual(inspect(container)["State"]["ExitCode"], 0)

    def test_it_reads_its_configuration_anew_on_hup(self):
        container = self.start()
        self.wait_until_equal(container, STREAMS)
        self.replicate([*STREAMS, "accounts"])

        podman("kill", "--signal", "HUP", container)

        self.wait_until_equal(container, [*STREAMS, "accounts"])

    def test_it_is_small_and_knows_how_it_is_run(self):
        image, base = inspect(IMAGE), inspect(BASE)
        print(f"image {image['Size'] / 1e6:.0f} MB, of which the base {base['Size'] / 1e6:.0f} MB")

        self.assertEqual(image["Config"]["User"], "65532:65532")
        self.assertEqual(image["Config"]["Entrypoint"], ["/usr/bin/zohosyncd"])
        self.assertEqual(image["Config"]["Cmd"], ["run"])
        # What we add to Debian: the libraries, their certificates and time zones, the program.
        self.assertLess(image["Size"] - base["Size"], 60e6)


if __name__ == "__main__":
    unittest.main(verbosity=2)
