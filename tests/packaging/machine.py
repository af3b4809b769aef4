"""A Debian system in a folder, booted with its own systemd. Root only."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from servers import wait_until

BOOT = 120  # Seconds; a booted system takes five on an idle machine.
APT = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-y", "-q", "--no-install-recommends",
       "-o", "Dpkg::Options::=--force-confold"]


class Machine:
    """A tree; commands run in it by chroot until it is booted, and in its namespaces from then on."""

    def __init__(self, tree):
        self.tree = Path(tree)
        self._nspawn = None
        self._inside = ["chroot", str(self.tree)]

    def boot(self):
        (self.tree / "etc/machine-id").write_text("")
        self._log = tempfile.TemporaryFile()
        self._nspawn = subprocess.Popen(
            ["systemd-nspawn", "--boot", "-D", str(self.tree), "--register=no", "--keep-unit",
             "--machine=zohosyncd-test", "--console=pipe"],
            stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT)
        wait_until(self._is_up, BOOT, "the system is up", pause=0.5)

    def _is_up(self):
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children").read_text().split()
        if not children:
            return False
        # Until the tree is set up the child is a helper, not yet its init.
        self._inside = ["nsenter", "-t", children[0], "-m", "-u", "-i", "-n", "-p", "-C"]
        return self.run("systemctl", "is-system-running", check=False).strip() in ("running", "degraded")

    def power_off(self):
        if self._nspawn is not None:
            self.run("systemctl", "poweroff", check=False)
            try:
                self._nspawn.wait(BOOT)
            except subprocess.TimeoutExpired:
                self._nspawn.kill()
                self._nspawn.wait()
            self._nspawn = None

    def run(self, *command, check=True, timeout=600):
        done = subprocess.run([*self._inside, *map(str, command)], stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout, check=False,
                              env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"})
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout[-6000:]}")
        return done.stdout

    def apt(self, *arguments):
        return self.run(*APT, *arguments)

    def install(self, package):
        shutil.copy(package, self.tree / "var/tmp")
        return self.apt("install", "/var/tmp/" + Path(package).name)

    def path(self, name):
        return self.tree / name.lstrip("/")

    def mode(self, name):
        """`root:zohosyncd 640`"""
        return self.run("stat", "-c", "%U:%G %a", name).strip()

    def property(self, name, unit="zohosyncd"):
        return self.run("systemctl", "show", "-P", name, unit).strip()

    def journal(self, *arguments):
        return self.run("journalctl", "-u", "zohosyncd", "-o", "cat", "--no-pager", *arguments)

    def main_pid_outside(self):
        """The service's main process as this system, not the tree's, counts it."""
        inside = self.property("MainPID")
        for status in Path("/proc").glob("[0-9]*/status"):
            try:
                text = status.read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if "\nNSpid:" in text and text.startswith("Name:\tzohosyncd\n"):
                numbers = text.split("\nNSpid:")[1].split("\n")[0].split()
                if len(numbers) > 1 and numbers[1] == inside:
                    return int(status.parent.name)
        raise AssertionError("there is no process " + inside)

    def traces(self, name):
        """Every file of the tree that bears `name`, without what the test itself put there."""
        found = []
        for folder, folders, files in os.walk(self.tree):
            inside = folder.removeprefix(str(self.tree))
            if inside.startswith(("/proc", "/sys", "/dev", "/run/systemd/units", "/var/tmp", "/var/log/journal")):
                folders.clear()
                continue
            found += [f"{inside}/{entry}" for entry in folders + files if name in entry]
        return sorted(found)
