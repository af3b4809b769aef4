"""What the tests of the fault catalogue share: many small worlds side by side, and log lines as data."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from harness import PATIENCE, EndToEnd, Installation
from servers import Simulator, SqliteTarget, wait_until

# Most of a case is waiting for back-off, so more of them than cores pass side by side.
SIDE_BY_SIDE = 6


def status(code, **more):
    return {"kind": "status", "status": code, **more}


def events(text, name=None):
    """The log lines of a run under `--log-format json`."""
    lines = [json.loads(line) for line in text.split("\n") if line.startswith("{")]
    return [line for line in lines if name in (None, line["event"])]


class World:
    """One simulator, one target, one configuration; tasks alone, a narrow module, unless other streams are named."""

    def __init__(self, *flags, streams=("tasks",), through=None, **settings):
        self._stack = ExitStack()
        sizes = ",".join("%s=450" % s for s in streams)
        self.simulator = Simulator(*(flags or ("--records", sizes, "--no-gzip")))
        self._stack.callback(self.simulator.stop)
        self.target = SqliteTarget()
        self._stack.callback(self.target.drop)
        self.home = Installation(self.simulator, self.target, streams={s: None for s in streams}, **settings)
        self._stack.callback(self.home.remove)
        self.streams = streams
        if through is not None:
            self.proxy = through(self.simulator)
            self._stack.callback(self.proxy.stop)
            self.go_through(self.proxy.url)

    def go_through(self, url):
        self.home.secrets.update(accounts_url=url, api_domain=url)
        self.home.write()
        self.simulator.post("token", api_domain=url)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stack.close()

    def sync(self, *arguments):
        return self.home.run("sync", "--log-format", "json", *arguments)

    def run(self):
        """Starts the daemon; it is killed with the world."""
        daemon = self.home.start("run", "--log-format", "json")
        self._stack.callback(daemon.kill)
        return daemon

    def wait_for(self, daemon, name, **fields):
        """Waits for a log line with that event whose fields contain what is given; returns it."""
        def found():
            lines = daemon.err().split("\n")[:-1]  # The last one may be half written.
            return next((line for line in events("\n".join(lines), name) if matches(line, fields)), None)

        try:
            return wait_until(found, PATIENCE / 2, "the event %s %s" % (name, fields), pause=0.05)
        except AssertionError as error:
            raise AssertionError("%s\n%s" % (error, daemon.err()[-3000:])) from None


def matches(line, fields):
    return all(str(wanted) in str(line.get(key.rstrip("_"), "")) for key, wanted in fields.items())


class Catalogue(EndToEnd):
    def expect(self, text, name, **fields):
        """The run said so. Fields are compared by part of their text; `for_` is the key `for`."""
        found = events(text, name)
        if not any(matches(line, fields) for line in found):
            raise AssertionError("no event %s %s in\n%s" % (name, fields, text[-3000:]))

    def expect_none(self, text, name):
        if events(text, name):
            raise AssertionError("unexpected %s" % events(text, name))

    def ended(self, result, code=0):
        if result.code != code:
            raise AssertionError("code %s instead of %d:\n%s" % (result.code, code, result.text[-4000:]))
        self.assert_clean(result)
        return result.err

    def fired(self, world):
        """Every fault that was planted happened; then they are taken away."""
        for rule in world.simulator.get("faults")["rules"]:
            if rule["hits"] == 0:
                raise AssertionError("a fault never happened: %s" % rule)
        world.simulator.clear_faults()

    def whole(self, world, at_least=1):
        self.assert_equal_to_ledger(world.simulator, world.target, world.streams, at_least=at_least)

    def side_by_side(self, cases, check):
        """Runs `check(case)` for each name and case, several at once, and reports each by its name."""
        begun = time.monotonic()
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            results = {name: pool.submit(check, case) for name, case in cases.items()}
        print("%d cases, %.1f s" % (len(cases), time.monotonic() - begun), end=" ", flush=True)
        for name, result in results.items():
            with self.subTest(name):
                result.result()


__all__ = [name for name in globals() if not name.startswith("_")]
