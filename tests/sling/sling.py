"""What a user of Sling has: a home with ~/.sling/env.yaml, a directory with replication.yaml, and an environment.

Files are written as text, the way a user would; nothing is passed on the command line that Sling would not need.
"""

import json
import os
import shutil
import tempfile
import textwrap
from pathlib import Path

import harness
from harness import Daemon, EndToEnd

ENDPOINTS = ["accounts", "calls", "campaigns", "contacts", "deals", "leads", "meetings", "modules", "notes", "products",
             "quotes", "tasks", "users", "vendors"]

# Small, and every module has some.
SMALL = ("--scale", "0.05")


def text(content):
    """Indented text in a test, as it stands in a file."""
    return textwrap.dedent(content).lstrip("\n")


def line_of(content, fragment):
    """The number of the first line that has the fragment."""
    for number, line in enumerate(text(content).splitlines(), 1):
        if fragment in line:
            return number
    raise AssertionError("no line with %r" % fragment)


class User:
    """A directory to work in and a home; the binary is run in the one with the other."""

    def __init__(self):
        self.directory = Path(tempfile.mkdtemp(prefix="zohosyncd-sling-"))
        self.home = self.directory / "home"
        self.work = self.directory / "work"
        self.state = self.directory / "state"
        for path in (self.home / ".sling", self.work, self.state):
            path.mkdir(parents=True, mode=0o700)
        self.environment = {}

    @property
    def env_yaml(self):
        return self.home / ".sling" / "env.yaml"

    @property
    def replication_yaml(self):
        return self.work / "replication.yaml"

    def write_env(self, content, mode=0o600):
        """~/.sling/env.yaml, as text."""
        self.env_yaml.write_text(text(content))
        self.env_yaml.chmod(mode)

    def write_replication(self, content):
        """replication.yaml in the working directory, as text or bytes."""
        if isinstance(content, bytes):
            self.replication_yaml.write_bytes(content)
        else:
            self.replication_yaml.write_text(text(content))

    def write(self, name, content):
        """Any other file in the working directory."""
        path = self.work / name
        path.write_text(text(content))
        path.chmod(0o600)
        return path

    def start(self, *arguments):
        environment = {k: v for k, v in os.environ.items()
                       if k in ("PATH", "LANG", "TZ", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS")}
        environment.setdefault("LSAN_OPTIONS", f"suppressions={harness.LEAKS_OF_LIBRARIES}:print_suppressions=0")
        environment.update(HOME=str(self.home), STATE_DIRECTORY=str(self.state), **self.environment)
        return Daemon([os.environ["ZOHOSYNCD_BINARY"], *arguments], environment, self.work)

    def run(self, *arguments, timeout=harness.PATIENCE):
        return self.start(*arguments).finish(timeout)

    def remove(self):
        shutil.rmtree(self.directory, ignore_errors=True)


def zoho_entry(simulator, **inputs):
    """The connection ZOHO_CRM, one line of flow YAML. The rate is no matter of these tests unless they say so."""
    secrets = {"client_id": simulator.client_id, "client_secret": simulator.client_secret, "soid": simulator.soid,
               "accounts_url": simulator.url, "api_domain": simulator.url}
    return json.dumps({"type": "api", "spec": "zoho_crm", "secrets": secrets,
                       "inputs": {"rate": 500, "concurrency": 10, **inputs}})


def env_of(simulator, target, **inputs):
    """An env.yaml with ZOHO_CRM and MY_POSTGRES (whatever the target's kind)."""
    return "connections:\n  ZOHO_CRM: %s\n  MY_POSTGRES: %s\n" % (
        zoho_entry(simulator, **inputs), json.dumps(target.connection_entry()))


# Connections that nobody ever talks to: for tests of files alone.
OFFLINE_ENV = """
connections:
  ZOHO_CRM:
    type: api
    spec: zoho_crm
    secrets: { client_id: MY_ID, client_secret: MY_SECRET, soid: ZohoCRM.12345678 }
  MY_POSTGRES:
    type: postgres
    host: db.example.com
    user: sling
    password: pw
    database: warehouse
    schema: public
    sslmode: require
"""


class SlingTest(EndToEnd):
    """Each test gets a user of its own."""

    def setUp(self):
        self.user = self.new_user()

    def new_user(self):
        user = User()
        self.addCleanup(user.remove)
        return user

    def offline(self, replication, *arguments, code=0, env=OFFLINE_ENV):
        """`check --offline` of a file; Zoho and the database hear nothing."""
        self.user.write_env(env)
        self.user.write_replication(replication)
        result = self.user.run("check", "--offline", *arguments)
        self.assertEqual(result.code, code, result.text[-4000:])
        self.assert_clean(result)
        return result

    def prepare(self, simulator, target, replication, **inputs):
        """The user's files for a simulated Zoho and a target."""
        self.user.write_env(env_of(simulator, target, **inputs))
        self.user.write_replication(replication)

    def ok(self, *arguments, code=0):
        """Runs a verb that must end with the code."""
        result = self.user.run(*arguments)
        self.assertEqual(result.code, code, result.text[-6000:])
        self.assert_clean(result)
        return result

    def plan(self, *arguments):
        """`plan --json`, parsed: what the program understood, before it does anything."""
        return json.loads(self.ok("plan", "--json", *arguments).out)


class SlingTestOfTargets(SlingTest):
    """Goes through both targets, each with a user of its own."""

    def targets(self):
        return self.postgres(), self.sqlite()

    def prepare(self, *arguments, **inputs):
        self.user = self.new_user()  # A home for each target.
        super().prepare(*arguments, **inputs)


__all__ = [name for name in globals() if not name.startswith("_")]
