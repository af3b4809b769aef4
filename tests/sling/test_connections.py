"""Connections as Sling reads them: from env.yaml, variables, .env.sling and bodies in variables (§6, statements 74 to 85)."""

import base64
import calendar
import json
import os
import shlex
import sqlite3
import tempfile
import time
import unittest
from pathlib import Path
from urllib.parse import quote

from harness import Daemon, EndToEnd
from listeners import PostgresDoor, Proxy
from servers import CANARY

SMALL = ("--records", "leads=12,contacts=3", "--scale", "0.01")
REPLICATION = """\
source: ZOHO_CRM
target: MY_POSTGRES
defaults:
  mode: incremental
  object: zoho_crm.{stream_name}
streams:
  leads:
"""


class Connections(EndToEnd):
    """Everything in one home directory, with files as a user would write them."""

    def setUp(self):
        self.sim = self.simulator(*SMALL)
        folder = tempfile.TemporaryDirectory(prefix="zohosyncd-sling-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.home = self.folder / "home"
        self.work = self.folder / "work"
        for path in (self.home / ".sling", self.work, self.folder / "state"):
            path.mkdir(parents=True, mode=0o700)
        self.secrets = {"client_id": self.sim.client_id, "client_secret": self.sim.client_secret, "soid": self.sim.soid,
                        "accounts_url": self.sim.url, "api_domain": self.sim.url}

    def write(self, path, text):
        path.write_text(text)
        path.chmod(0o600)

    def env_yaml(self, text):
        self.write(self.home / ".sling/env.yaml", text)

    def run_it(self, *arguments, code=0, **variables):
        """The program as a user starts it: no flag names a file."""
        environment = {k: v for k, v in os.environ.items() if k in ("PATH", "LANG", "ASAN_OPTIONS", "LSAN_OPTIONS")}
        environment.update(HOME=str(self.home), STATE_DIRECTORY=str(self.folder / "state"), **variables)
        result = Daemon([os.environ["ZOHOSYNCD_BINARY"], *arguments], environment, self.work).finish()
        self.assert_clean(result)
        if code is not None:
            self.assertEqual(result.code, code, result.text[-4000:])
        return result

    def door(self):
        door = PostgresDoor()
        self.addCleanup(door.close)
        return door

    def zoho_yaml(self, **changes):
        secrets = {**self.secrets, **changes}
        lines = "".join("      %s: %s\n" % (k, json.dumps(v)) for k, v in secrets.items() if v is not None)
        return "  ZOHO_CRM:\n    type: api\n    spec: zoho_crm\n    secrets:\n" + lines

    def pg_url(self, target, **query):
        known = target.parameters
        password = known.get("password") or CANARY + "@:/%"
        text = "&".join("%s=%s" % (k, quote(v, safe="")) for k, v in query.items())
        return "postgres://%s:%s@%s:%s/%s%s" % (quote(known["user"], safe=""), quote(password, safe=""), known["host"],
                                                known["port"], target.name, "?" + text if text else "")

    # 74, 75: env.yaml

    def test_74_the_env_yaml_of_the_manual_loads(self):
        door = self.door()
        self.env_yaml("connections:\n" + self.zoho_yaml() + "    inputs:\n      anchor_date: \"2024-01-01\"   # optional\n"
                      "  My_Postgres:\n    type: postgres\n    host: 127.0.0.1\n    port: %d\n    user: sling\n"
                      "    password: ${PG_PASSWORD}\n    database: warehouse\n    schema: public\n" % door.port)
        self.run_it("conns", "test", "zoho_crm")
        self.run_it("conns", "test", "MY_POSTGRES", code=None, PG_PASSWORD=CANARY + " of 'quotes' and \\")
        self.assertEqual(door.passwords[0], CANARY + " of 'quotes' and \\")
        self.assertEqual((door.parameters[0]["user"], door.parameters[0]["database"]), ("sling", "warehouse"))
        listed = self.run_it("conns", "list").out
        self.assertIn("MY_POSTGRES", listed)
        self.assertNotIn("My_Postgres", listed)

    def test_74_a_variable_that_is_not_set_stays_as_it_is_written(self):
        door = self.door()
        self.env_yaml("connections:\n  PG: { type: postgres, host: 127.0.0.1, port: %d, user: u, password: '${NOT_SET}', "
                      "database: d }\n" % door.port)
        result = self.run_it("conns", "test", "PG", code=None)
        self.assertEqual(door.passwords[0], "${NOT_SET}")
        self.assertIn("env.yaml:2", result.err)

    def test_75_SLING_HOME_DIR_is_honoured(self):
        other = self.folder / "elsewhere"
        other.mkdir()
        self.env_yaml("connections:\n  OF_HOME: { type: sqlite, instance: a.db }\n")
        self.write(other / "env.yaml", "connections:\n  OF_ELSEWHERE: { type: sqlite, instance: a.db }\n")
        self.assertIn("OF_HOME", self.run_it("conns", "list").out)
        listed = self.run_it("conns", "list", SLING_HOME_DIR=str(other)).out
        self.assertIn("OF_ELSEWHERE", listed)
        self.assertNotIn("OF_HOME", listed)

    # 76 to 79: variables

    def test_76_a_variable_may_hold_flow_yaml_or_json_with_nested_maps_or_texts(self):
        flow = "{ type: api, spec: zoho_crm, secrets: { %s } }" % ", ".join(
            '%s: "%s"' % pair for pair in self.secrets.items())
        body = {"type": "api", "spec": "zoho_crm"}
        for name, value in {
                "flow": flow,
                "json": json.dumps({**body, "secrets": self.secrets}),
                "indented json": json.dumps({**body, "secrets": self.secrets}, indent=2),
                "json in a text": json.dumps({**body, "secrets": json.dumps(self.secrets)}),
                "yaml in a text": json.dumps({**body, "secrets": "\n".join("%s: %s" % p for p in self.secrets.items())}),
        }.items():
            with self.subTest(name):
                self.sim.forget_requests()
                self.assertIn("success", self.run_it("conns", "test", "ZOHO_CRM", ZOHO_CRM=value).text)
                self.assertTrue(self.sim.requests())

    def test_77_a_variable_may_hold_a_postgres_url(self):
        for scheme in ("postgres", "postgresql"):
            with self.subTest(scheme):
                door = self.door()
                url = "%s://us%%40er:p%%20a%%2Fs%%25%%3A@127.0.0.1:%d/ware%%20house?sslmode=prefer" % (scheme, door.port)
                self.run_it("conns", "test", "MY_POSTGRES", code=None, MY_POSTGRES=url)
                self.assertEqual(door.passwords[0], "p a/s%:")
                self.assertEqual((door.parameters[0]["user"], door.parameters[0]["database"]), ("us@er", "ware house"))
                self.assertGreater(door.ssl_requests, 0)

    def test_77_role_and_schema_in_the_query_of_a_url_count(self):
        target = self.postgres()
        role = target.name + "_role"
        target.rows('create role %s; grant create on database %s to %s' % (role, target.name, role))
        self.addCleanup(target.server.admin, "drop role " + role)
        self.addCleanup(target.rows, "drop owned by " + role)
        self.write(self.work / "replication.yaml", REPLICATION.replace("zoho_crm.{", "'{").replace("}", "}'")
                   + "daemon: { listen: 'off' }\n")
        self.env_yaml("connections:\n" + self.zoho_yaml())
        self.run_it("sync", MY_POSTGRES=self.pg_url(target, role=role, schema="crm", sslmode="disable"))
        owner = target.rows("select tableowner from pg_tables where schemaname = 'crm' and tablename = 'leads'")
        self.assertEqual(owner, [(role,)])
        self.assertEqual(target.rows("select count(*) from crm.leads"), [(12,)])

    def test_77_a_sqlite_url_works(self):
        self.env_yaml("connections:\n" + self.zoho_yaml())
        self.write(self.work / "replication.yaml", REPLICATION + "daemon: { listen: 'off' }\n")
        path = self.folder / "with space.db"
        self.run_it("sync", MY_POSTGRES="sqlite://" + quote(str(path)))
        self.assertTrue(path.exists())

    def test_78_a_variable_beats_env_yaml_and_dot_env_never_beats_a_variable(self):
        doors = {name: self.door() for name in ("file", "dot-env", "variable")}
        url = "postgres://%s@127.0.0.1:%d/d"
        self.env_yaml("connections:\n  PG: %s\n" % (url % ("file", doors["file"].port)))

        def who(**variables):
            before = {name: len(door.parameters) for name, door in doors.items()}
            self.run_it("conns", "test", "PG", code=None, **variables)
            return [name for name, door in doors.items() if len(door.parameters) > before[name]]

        self.assertEqual(who(), ["file"])
        self.write(self.work / ".env.sling", "# ours\nPG='%s'\n" % (url % ("dot", doors["dot-env"].port)))
        self.assertEqual(who(), ["dot-env"])
        self.assertEqual(who(PG=url % ("variable", doors["variable"].port)), ["variable"])

    def test_78_dot_env_holds_comments_quotes_and_values_of_several_lines(self):
        self.write(self.work / ".env.sling", "# a comment\n\nONE={ type: sqlite, instance: one.db }\n"
                   "TWO='{\n  \"type\": \"sqlite\",\n  \"instance\": \"two.db\"\n}'\n"
                   "THREE=\"sqlite://three.db\"\n")
        listed = self.run_it("conns", "list").out
        for name in ("ONE", "TWO", "THREE"):
            self.assertRegex(listed, r"\| %s +\| DB - SQLite +\| sling dot-env +\|" % name)

    def test_79_aliases_ports_and_the_default_of_sslmode(self):
        for port in ("%d", "'%d'"):
            with self.subTest(port):
                door = self.door()
                self.env_yaml("connections:\n  PG:\n    type: postgresql\n    host: 127.0.0.1\n    port: " + port % door.port
                              + "\n    username: alias\n    password: p\n    dbname: other\n")
                self.run_it("conns", "test", "pg", code=None)
                self.assertEqual((door.parameters[0]["user"], door.parameters[0]["database"]), ("alias", "other"))
                self.assertEqual(door.ssl_requests, 0, "sslmode is disable by default")

    def test_79_a_remote_postgres_without_tls_is_warned_of(self):
        self.write(self.work / "replication.yaml", REPLICATION)
        remote = "    type: postgres\n    host: db.example.com\n    user: u\n    password: p\n    database: d\n"
        for mode, warns in (("", True), ("prefer", True), ("require", False), ("verify-full", False)):
            with self.subTest(mode):
                self.env_yaml("connections:\n" + self.zoho_yaml() + "  MY_POSTGRES:\n" + remote
                              + ("    sslmode: %s\n" % mode if mode else ""))
                text = self.run_it("check", "--offline", code=None).text
                self.assertEqual("not encrypted" in text, warns, text)
        self.env_yaml("connections:\n" + self.zoho_yaml() + "  MY_POSTGRES:\n" + remote.replace("db.example.com", "127.0.0.1"))
        self.assertNotIn("not encrypted", self.run_it("check", "--offline", code=None).text)

    # 80 to 84: Zoho

    def test_80_a_missing_secret_is_named_with_its_connection_and_nothing_runs(self):
        target = self.postgres()
        self.write(self.work / "replication.yaml", REPLICATION)
        for secret in ("client_id", "client_secret", "soid"):
            with self.subTest(secret):
                self.env_yaml("connections:\n" + self.zoho_yaml(**{secret: None}))
                self.sim.forget_requests()
                result = self.run_it("sync", code=65, MY_POSTGRES=self.pg_url(target))
                self.assertRegex(result.err, r"env\.yaml:\d+: .*ZOHO_CRM.*%s" % secret)
                self.assertEqual(self.sim.requests(), [])
                self.assertFalse(target.rows("select 1 from pg_tables where schemaname in ('zoho_crm', 'zohosync')"))

    def test_81_the_accounts_url_of_each_data_centre_is_used_as_given(self):
        for ending in ("zoho.com", "zoho.eu", "zoho.in", "zoho.com.au", "zoho.jp", "zohocloud.ca"):
            for slash in ("", "/"):
                with self.subTest(ending + slash):
                    self.assertEqual(self.asked_host("https://accounts.%s%s" % (ending, slash)),
                                     "accounts.%s:443" % ending)
        self.assertEqual(self.asked_host(None), "accounts.zoho.com:443", "the default is the United States'")

    def asked_host(self, accounts_url):
        proxy = Proxy()
        self.addCleanup(proxy.close)
        domain = "https://www.zohoapis." + accounts_url.strip("/").split(".zoho")[-1].split(".", 1)[1] \
            if accounts_url and "cloud" not in accounts_url else None
        self.env_yaml("connections:\n" + self.zoho_yaml(accounts_url=accounts_url, api_domain=domain))
        daemon = self.start_it("conns", "test", "ZOHO_CRM", HTTPS_PROXY="http://127.0.0.1:%d" % proxy.port)
        deadline = time.monotonic() + 30
        while not proxy.hosts and time.monotonic() < deadline:
            time.sleep(0.02)
        daemon.kill()
        return proxy.hosts[0] if proxy.hosts else None

    def start_it(self, *arguments, **variables):
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.home), "STATE_DIRECTORY": str(self.folder / "state"),
                       **variables}
        daemon = Daemon([os.environ["ZOHOSYNCD_BINARY"], *arguments], environment, self.work)
        self.addCleanup(daemon.kill)
        return daemon

    def test_81_the_api_domain_of_each_data_centre_is_used_as_given(self):
        for ending in ("com", "eu", "in", "com.au", "jp", "ca"):
            with self.subTest(ending):
                self.env_yaml("connections:\n" + self.zoho_yaml(api_domain="https://www.zohoapis.%s/" % ending))
                (self.folder / "state/token-ZOHO_CRM.json").unlink(missing_ok=True)
                # The token reply names the simulator: another host than the one that is configured.
                result = self.run_it("conns", "test", "ZOHO_CRM", code=69)
                self.assertRegex(result.err, r"www\.zohoapis\.%s\b" % ending.replace(".", r"\."))

    def test_82_the_anchor_is_a_date_or_a_text_and_a_year_ago_by_default(self):
        self.write(self.work / "replication.yaml", REPLICATION + "daemon: { listen: 'off' }\n")
        for written in ("2024-03-01", '"2024-03-01"'):
            with self.subTest(written):
                self.assertEqual(self.anchor("    inputs:\n      anchor_date: %s\n" % written), "2024-03-01T00:00:00Z")
        year = 365 * 24 * 3600
        seconds = time.strptime(self.anchor(""), "%Y-%m-%dT%H:%M:%SZ")
        self.assertAlmostEqual(self.sim.now() - year, calendar.timegm(seconds), delta=120)
        for bad in ("2024-13-01", "01.03.2024", "last year"):
            with self.subTest(bad):
                self.env_yaml("connections:\n" + self.zoho_yaml() + "    inputs:\n      anchor_date: %s\n" % bad)
                result = self.run_it("sync", code=65, MY_POSTGRES="sqlite://x.db")
                self.assertRegex(result.err, r"env\.yaml:12: ZOHO_CRM\.inputs\.anchor_date: .*YYYY-MM-DD")

    def anchor(self, inputs):
        self.env_yaml("connections:\n" + self.zoho_yaml() + inputs)
        path = self.folder / ("target%d.db" % len(list(self.folder.glob("*.db"))))
        self.run_it("sync", MY_POSTGRES="sqlite://%s" % path)
        connection = sqlite3.connect(path)
        try:
            return connection.execute("select anchor from zohosync_sync_state where stream = 'leads'").fetchone()[0]
        finally:
            connection.close()

    def test_83_any_other_spec_is_refused(self):
        self.write(self.work / "replication.yaml", REPLICATION)
        for spec in ("stripe", "file://zoho.yaml", "https://example.com/spec.yaml", "MY_S3/spec.yaml"):
            with self.subTest(spec):
                self.env_yaml("connections:\n" + self.zoho_yaml().replace("zoho_crm", spec))
                result = self.run_it("sync", code=65, MY_POSTGRES="sqlite://x.db")
                self.assertRegex(result.err, r"env\.yaml:4: ZOHO_CRM\.spec: .*zoho_crm")
        self.env_yaml("connections:\n" + self.zoho_yaml().replace("spec: zoho_crm", "spec: '  zoho_crm '"))
        self.run_it("conns", "test", "ZOHO_CRM")

    def test_84_no_secret_is_ever_printed(self):
        """Every run here is searched for CANARY, which is in every secret, when it ends."""
        target = self.postgres()
        self.write(self.work / "replication.yaml", REPLICATION + "daemon: { listen: 'off' }\n")
        self.env_yaml("connections:\n" + self.zoho_yaml() + "  MY_POSTGRES: %s\n" % json.dumps(self.pg_url(target)))
        for arguments in (["conns", "list"], ["conns", "test", "ZOHO_CRM", "--log-level", "trace"],
                          ["conns", "test", "MY_POSTGRES", "--log-level", "trace"], ["check"], ["plan"],
                          ["sync", "--log-level", "trace"]):
            with self.subTest(shlex.join(arguments)):
                self.run_it(*arguments, code=None)
        # What is wrong is told without what it is.
        self.env_yaml("connections:\n" + self.zoho_yaml(client_id=None, api_domain="http://nowhere.example.com")
                      + "  MY_POSTGRES: 'postgres://u:%s/%%zz@h/d'\n" % CANARY)
        self.run_it("sync", code=65)
        self.run_it("conns", "test", "MY_POSTGRES", code=65)
        self.env_yaml("connections:\n  ZOHO_CRM: { secrets: { client_secret: %s\n" % CANARY)
        self.run_it("conns", "list", code=65)

    # 85: wrapped values and bodies

    def test_85_a_value_wrapped_in_base64_is_decoded(self):
        door = self.door()
        url = "postgres://wrapped@127.0.0.1:%d/d" % door.port
        self.run_it("conns", "test", "PG", code=None, PG="base64:%s:46esab" % base64.b64encode(url.encode()).decode())
        self.assertEqual(door.parameters[0]["user"], "wrapped")
        body = json.dumps({"type": "api", "spec": "zoho_crm", "secrets": self.secrets})
        self.run_it("conns", "test", "ZOHO_CRM", ZOHO_CRM="base64:%s:46esab" % base64.b64encode(body.encode()).decode())

    def test_85_a_variable_may_hold_the_body_of_env_yaml(self):
        for name in ("ENV_YAML", "SLING_ENV_YAML"):
            with self.subTest(name):
                door = self.door()
                body = ("connections:\n" + self.zoho_yaml()
                        + "  PG: { type: postgres, host: 127.0.0.1, port: %d, user: body, password: '${PW}', database: d }\n"
                        % door.port)
                self.env_yaml("connections:\n  PG: postgres://file@127.0.0.1:1/d\n")
                self.run_it("conns", "test", "PG", code=None, PW="secret", **{name: body})
                self.assertEqual((door.parameters[0]["user"], door.passwords[0]), ("body", "secret"))
                self.run_it("conns", "test", "ZOHO_CRM", **{name: body})
                self.assertRegex(self.run_it("conns", "list", **{name: body}).out, r"\| PG +\| DB - PostgreSQL +\| env-var env yaml +\|")
                wrapped = "base64:%s:46esab" % base64.b64encode(body.encode()).decode()
                self.run_it("conns", "test", "ZOHO_CRM", **{name: wrapped})

    def test_85_a_connection_of_dbt_is_refused_by_name(self):
        dbt = self.home / ".dbt"
        dbt.mkdir()
        self.write(dbt / "profiles.yml", "shop:\n  target: dev\n  outputs:\n    dev: { type: postgres, host: h, user: u, "
                   "password: p, port: 5432, dbname: d, schema: s }\n")
        self.env_yaml("connections:\n" + self.zoho_yaml())
        self.write(self.work / "replication.yaml", REPLICATION.replace("MY_POSTGRES", "SHOP/DEV"))
        result = self.run_it("sync", code=65)
        self.assertIn("replication.yaml:2: target: could not find target connection: SHOP/DEV", result.err)
        self.assertIn("profiles of dbt are not read", result.err)


if __name__ == "__main__":
    unittest.main()
