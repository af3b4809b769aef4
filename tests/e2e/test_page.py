"""The page for people in a headless Chromium (tests/page)."""

import subprocess
from pathlib import Path

from harness import *
from test_status import FLAGS, Status

SCRIPT = Path(__file__).resolve().parents[1] / "page/page_test.js"


class Page(Status):
    def browse(self, port, step, *more):
        """A browser that goes through the step; its output is read line by line."""
        browser = subprocess.Popen(["node", str(SCRIPT), "http://127.0.0.1:%d/" % port, step, *more], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        self.addCleanup(browser.stdout.close)
        self.addCleanup(browser.stderr.close)
        self.addCleanup(browser.kill)
        return browser

    def finish(self, browser):
        out, err = browser.communicate(timeout=PATIENCE)
        self.assertEqual(browser.returncode, 0, out + err)
        return out

    def test_it_is_live_and_readable(self):
        home = self.installed()
        daemon, port = self.serving(home)
        self.until_fresh(port)
        browser = self.browse(port, "live")
        self.assertEqual(browser.stdout.readline(), "ready\n", browser.poll() and browser.stderr.read())
        self.zoho.post("create", module="Leads", count=7)
        print(self.finish(browser).strip(), end=" ")
        self.leave(daemon)

    def test_trouble(self):
        zoho = self.simulator(*FLAGS)
        zoho.faults({"path": "/crm/v6/Leads", "every": 1, "action": {"kind": "deny", "code": "NO_PERMISSION"}})
        home = self.installed(simulator=zoho)
        daemon, port = self.serving(home)
        self.finish(self.browse(port, "failing"))
        self.leave(daemon)

    def test_while_it_reads(self):
        zoho = self.simulator("--records", "leads=15000,contacts=40", "--users", "3")
        zoho.post("mode", latency_ms=1500)  # It has to last until somebody has looked.
        home = self.installed(simulator=zoho)
        daemon, port = self.serving(home)
        self.finish(self.browse(port, "busy"))
        daemon.kill()
