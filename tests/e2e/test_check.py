"""The doctor: each prepared defect is found, named, and told with what to change; and nothing is written."""

import json
import os
import unittest

from harness import EndToEnd
from servers import free_port, wait_until

SMALL = ("--records", "leads=20,contacts=10", "--scale", "0.02")


class Doctor(EndToEnd):
    """What the tests of `check` share."""

    def setUp(self):
        self.sim = self.simulator(*SMALL)

    def check(self, home, *arguments):
        """Runs `check --json`; returns the exit code and the lines by level."""
        result = home.run("check", "--json", *arguments)
        self.assert_clean(result)
        try:
            answer = json.loads(result.out)
        except ValueError:
            self.fail(result.text[-3000:])
        lines = answer["checks"]
        self.assertEqual(answer["failures"], sum(1 for line in lines if line["level"] == "FAIL"))
        self.assertEqual(answer["ok"], result.code == 0)
        return result.code, lines

    @staticmethod
    def told(lines, level):
        return [line for line in lines if line["level"] == level]

    def found(self, lines, level, check, *words):
        """Exactly one line of that level says all the words, and it is about that check."""
        fitting = [line for line in self.told(lines, level)
                   if line["check"] == check and all(w in (line["place"] or "") + " " + line["text"] for w in words)]
        self.assertEqual(len(fitting), 1, (level, check, words, lines))
        return fitting[0]


class Offline(Doctor):
    def setUp(self):
        super().setUp()
        self.target = self.sqlite()
        self.home = self.install(self.sim, self.target)

    def offline(self, code, *expected):
        """`expected`: level, check, words. Nothing else but ok may be told, and Zoho hears nothing."""
        got, lines = self.check(self.home, "--offline")
        self.assertEqual(got, code, lines)
        for level, check, *words in expected:
            self.found(lines, level, check, *words)
        self.assertEqual(len(lines) - len(self.told(lines, "ok")), len(expected), lines)
        self.assertEqual(self.sim.requests(), [])
        self.assertFalse(os.path.exists(self.target.path))

    def test_a_good_configuration(self):
        self.offline(0)

    def test_every_mistake_of_the_configuration(self):
        self.home.write_replication("source: ZOHO_CRM\ntarget: WAREHOUSE\ndefaults:\n  mode: sideways\n"
                                    "streams:\n  leads: {schedule: whenever, object: a.b}\ndaemon:\n  overlap: long\n")
        self.offline(65, ("FAIL", "configuration", "replication.yaml:4", "mode"),
                     ("FAIL", "configuration", "replication.yaml:6", "schedule"),
                     ("FAIL", "configuration", "replication.yaml:8", "overlap"))

    def test_a_secret_that_others_can_read(self):
        secret = self.home.directory / "secret"
        secret.write_text(self.sim.client_secret)
        secret.chmod(0o644)
        self.home.secrets["client_secret"] = "file:%s" % secret
        self.home.write()
        self.offline(77, ("FAIL", "file modes", "chmod 600", str(secret)))

    def test_an_env_file_that_others_can_read_warns(self):
        self.home.env_file.chmod(0o644)
        self.offline(0, ("warn", "configuration", "env.yaml"))

    def test_a_token_file_that_others_can_read(self):
        token = self.home.state / "token-ZOHO_CRM.json"
        token.write_text("{}")
        token.chmod(0o640)
        self.offline(77, ("FAIL", "token file", "chmod 600", str(token)))

    def test_a_state_directory_that_others_can_write(self):
        self.home.state.chmod(0o777)
        self.offline(0, ("warn", "state directory", "replication.yaml", "chmod 700"))

    def test_a_state_directory_that_is_a_file(self):
        self.home.daemon["state_dir"] = str(self.home.env_file)
        self.home.write()
        self.offline(1, ("FAIL", "state directory", "replication.yaml", "daemon.state_dir", "no directory"))

    def test_a_directory_without_room_for_the_sqlite_file(self):
        self.home.target_entry["instance"] = "/nonexistent/target.db"
        self.home.write()
        self.offline(1, ("FAIL", "target file", "env.yaml", "/nonexistent"))

    def test_a_state_directory_that_can_not_be_made(self):
        self.home.daemon["state_dir"] = str(self.home.env_file / "state")  # Not even root can make that.
        self.home.write()
        self.offline(0, ("warn", "state directory", "replication.yaml", "can not be made below", "outlives a restart"))

    def test_a_directory_where_the_sqlite_file_can_not_be_written(self):
        self.home.target_entry["instance"] = str(self.home.env_file / "target.db")
        self.home.write()
        self.offline(1, ("FAIL", "target file", "env.yaml", "can not be written by this user", "make or chown it"))

    def test_a_secret_that_is_not_there(self):
        self.home.secrets["client_secret"] = "file:/nonexistent/secret"
        self.home.write()
        self.offline(65, ("FAIL", "configuration", "env.yaml", "client_secret", "/nonexistent/secret"))

    def test_a_connection_that_is_not_defined(self):
        self.home.write_replication("source: ZOHO_CRN\ntarget: WAREHOUSE\nstreams: {leads: {object: a.b}}\n")
        self.offline(65, ("FAIL", "configuration", "replication.yaml:1", "ZOHO_CRN"))

    def test_schedules_that_do_not_fit_the_credits(self):
        self.home.daemon["credits"] = {"daily": 1000}
        self.home.write()
        self.offline(0, ("warn", "schedules", "daemon.credits", "700"))

    def test_the_table_says_the_same_as_the_json(self):
        self.home.daemon["state_dir"] = str(self.home.env_file)
        self.home.write()
        result = self.home.run("check", "--offline")
        self.assertEqual(result.code, 1, result.text)
        self.assertRegex(result.out, r"(?m)^ok    configuration ")
        self.assertRegex(result.out, r"(?m)^FAIL  state directory .*replication\.yaml:\d+: daemon\.state_dir: ")
        self.assertIn("1 failed", result.out)
        self.assertNotIn(self.sim.client_secret, result.text)


FAIL, WARN = "FAIL", "warn"


class Defect:
    """One thing that is wrong: how to make it so, and what the doctor has to say about it."""

    def __init__(self, name, level, check, *words, code=None, rest=()):
        self.name, self.level, self.check, self.words = name, level, check, words
        self.code = {FAIL: 1, WARN: 0}[level] if code is None else code
        self.rest = rest  # Further checks that the same defect fails.


# The prepare_… of each stands in the class below.
DEFECTS = [
    Defect("unknown client", FAIL, "credentials", "env.yaml", "secrets.client_id", "data centre"),
    Defect("wrong client secret", FAIL, "credentials", "env.yaml", "secrets.client_secret", "check client_secret"),
    Defect("wrong data centre", FAIL, "data centre", "env.yaml", "secrets.accounts_url", "data_center: eu"),
    Defect("soid of nobody", FAIL, "credentials", "env.yaml", "secrets"),
    Defect("scope for organisation missing", WARN, "organisation", "env.yaml", "inputs.scopes", "ZohoCRM.org.READ"),
    Defect("scope for users missing", FAIL, "endpoint users", "env.yaml", "inputs.scopes", "ZohoCRM.users.READ"),
    Defect("scope for one module missing", FAIL, "endpoint deals", "env.yaml", "inputs.scopes",
           "ZohoCRM.modules.READ", "GET /Deals"),
    Defect("scope for fields missing", FAIL, "endpoint leads", "inputs.scopes", "ZohoCRM.settings.READ",
           rest=("endpoint deals", "endpoint modules")),
    Defect("no permission for a module", FAIL, "endpoint deals", "replication.yaml", "streams.deals", "NO_PERMISSION",
           "disable the stream"),
    Defect("no permission for deletions", FAIL, "endpoint leads", "streams.leads", "/Leads/deleted", "NO_PERMISSION"),
    Defect("unknown module", FAIL, "endpoint Invoises", "replication.yaml", "streams.Invoises", "check the stream's name"),
    Defect("clock ten minutes behind", FAIL, "clock", "clock is 60", "s behind", "NTP"),
    Defect("clock ten minutes ahead", FAIL, "clock", "clock is 60", "s ahead", "NTP"),
    Defect("clock two minutes behind", WARN, "clock", "clock is 12", "s behind", "NTP"),
    Defect("no date in replies", WARN, "clock", "no Date", "proxy"),
    Defect("zoho not there", FAIL, "network", "env.yaml", "secrets.accounts_url"),
    Defect("api host not there", FAIL, "network", "env.yaml", "secrets.api_domain"),
    Defect("proxy not there", FAIL, "network", "env.yaml", "secrets.accounts_url", "HTTPS_PROXY", "127.0.0.1"),
    Defect("no encryption on the other side", FAIL, "network", "env.yaml", "secrets.accounts_url", "TLS"),
    Defect("refresh token of nobody", FAIL, "credentials", "env.yaml", "secrets.refresh_token"),
    Defect("zoho ill", FAIL, "network", "env.yaml", "502"),
    Defect("credits spent", FAIL, "credits", "replication.yaml", "daemon.credits", "allowed for 24 hours are spent"),
    Defect("credits spent by others", FAIL, "credits", "daemon.credits", "Zoho has"),
    Defect("more credits than the edition has", WARN, "credits", "daemon.credits", "60000"),
    Defect("server not there", FAIL, "target", "env.yaml", "WAREHOUSE.host"),
    Defect("no such database", FAIL, "target", "env.yaml", "WAREHOUSE.database", "create the database"),
    Defect("no such user", FAIL, "target", "env.yaml", "WAREHOUSE.user", "nobody_here"),
    Defect("read-only database", FAIL, "target", "read-only"),
    Defect("wrong encoding", FAIL, "target", "UTF8", "SQL_ASCII"),
    Defect("no right to make a schema", FAIL, "target rights", "schema zoho_crm", "CREATE SCHEMA", "AUTHORIZATION",
           rest=("target rights",)),
    Defect("no right to make tables", FAIL, "target rights", "schema zoho_crm", "GRANT USAGE, CREATE ON SCHEMA"),
    Defect("no right to write a table", FAIL, "target rights", "zoho_crm.leads", "GRANT", "UPDATE", "DELETE"),
    Defect("no right to read the state", FAIL, "target rights", "zohosync.sync_state", "GRANT"),
    Defect("a view in the place of a table", FAIL, "target tables", "zoho_crm.leads", "not a table"),
    Defect("row security", FAIL, "target tables", "zoho_crm.leads", "BYPASSRLS"),
    Defect("table of another role", WARN, "target tables", "zoho_crm.leads", "OWNER TO"),
    Defect("too few connections", FAIL, "target connections", "limited to 2", "CONNECTION LIMIT"),
    Defect("statement timeout too short", WARN, "target timeouts", "env.yaml", "statement_timeout", "900 ms"),
    Defect("database of another organisation", FAIL, "organisation", "replication.yaml", "target", "999", "808232144",
           code=78),
    Defect("state of a newer version", FAIL, "state schema", "version 99", "install a newer zohosyncd"),
]


class Online(Doctor):
    """Against a simulated Zoho and a real PostgreSQL."""

    def setUp(self):
        super().setUp()
        self.target = self.postgres()
        self.home = self.fresh_home()

    def fresh_home(self):
        home = self.install(self.sim, self.target)
        home.streams = {"leads": None, "deals": None, "users": None, "modules": None}
        home.daemon["credits"] = {"daily": 50_000}
        home.inputs["rate"] = 100
        home.write()
        return home

    def contents(self):
        """Every relation, with how often it was written."""
        return sorted(self.target.rows(
            "select n.nspname, c.relname, c.relkind::text, c.oid from pg_class c join pg_namespace n on "
            "n.oid = c.relnamespace where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'")), \
            self.target.write_counts()

    def role(self, *grants):
        """A role of its own with these rights, and the connection as that role."""
        name = "doctor_%s" % self.target.name
        self.target.rows("create role %s login" % name)
        self.addCleanup(self.target.server.admin, "drop role if exists %s" % name)
        self.addCleanup(self.target.rows, "drop owned by %s cascade" % name)
        for grant in grants:
            self.target.rows(grant.format(role=name))
        self.home.target_entry["user"] = name
        self.home.write()
        return name

    def with_tables(self):
        self.sync(self.home)
        self.target.settle()

    # One function a defect, named like it.

    def prepare_unknown_client(self):
        self.home.secrets["client_id"] = "1000.UNKNOWN"

    def prepare_wrong_client_secret(self):
        self.home.secrets["client_secret"] = "not-the-secret"

    def prepare_wrong_data_centre(self):
        self.home.secrets["api_domain"] = "https://www.zohoapis.com"
        self.sim.post("token", api_domain="https://www.zohoapis.eu")

    def prepare_soid_of_nobody(self):
        self.home.secrets["soid"] = "ZohoCRM.1"

    def scopes(self, *names):
        self.home.inputs["scopes"] = ",".join("ZohoCRM.%s.READ" % name for name in names)

    def prepare_scope_for_organisation_missing(self):
        self.scopes("modules", "settings", "users")

    def prepare_scope_for_users_missing(self):
        self.scopes("modules", "settings", "org")

    def prepare_scope_for_one_module_missing(self):
        self.scopes("modules.leads", "settings", "users", "org")

    def prepare_scope_for_fields_missing(self):
        self.scopes("modules", "users", "org")

    def prepare_no_permission_for_a_module(self):
        self.sim.faults({"path": "^/crm/v6/Deals", "action": {"kind": "deny", "code": "NO_PERMISSION"}})

    def prepare_no_permission_for_deletions(self):
        self.sim.faults({"path": "/Leads/deleted", "action": {"kind": "deny", "code": "NO_PERMISSION"}})

    def prepare_unknown_module(self):
        self.home.streams["Invoises"] = None

    # In whole seconds, and a busy machine takes some of them.
    def prepare_clock_ten_minutes_behind(self):
        self.sim.post("mode", date_header=606)

    def prepare_clock_ten_minutes_ahead(self):
        self.sim.post("mode", date_header=-602)

    def prepare_clock_two_minutes_behind(self):
        self.sim.post("mode", date_header=126)

    def prepare_no_date_in_replies(self):
        self.sim.post("mode", date_header="absent")

    def prepare_zoho_not_there(self):
        for key in ("accounts_url", "api_domain"):
            self.home.secrets[key] = "http://127.0.0.1:%d" % free_port()

    def prepare_api_host_not_there(self):
        self.home.secrets["api_domain"] = "http://127.0.0.1:%d" % free_port()

    def prepare_proxy_not_there(self):
        self.home.secrets.update(accounts_url="https://accounts.zoho.com", api_domain="https://www.zohoapis.com")
        self.home.environment["HTTPS_PROXY"] = "http://127.0.0.1:%d" % free_port()

    def prepare_no_encryption_on_the_other_side(self):
        self.home.secrets["accounts_url"] = self.sim.url.replace("http:", "https:")

    def prepare_refresh_token_of_nobody(self):
        del self.home.secrets["soid"]
        self.home.secrets["refresh_token"] = "1000.nobody"

    def prepare_zoho_ill(self):
        self.sim.faults({"path": "^/crm/", "action": {"kind": "status", "status": 502, "html": True}})

    def prepare_credits_spent(self):
        self.with_tables()
        self.target.rows("insert into zohosync.credits values ('ZOHO_CRM', date_trunc('minute', now()) - "
                         "interval '5 hours', 35000)")

    def prepare_credits_spent_by_others(self):
        self.sim.post("mode", credits_limit=4)  # Our reserve is far more than that.

    def prepare_more_credits_than_the_edition_has(self):
        self.home.daemon["credits"] = {"daily": 70_000}

    def prepare_server_not_there(self):
        self.home.target_entry["port"] = free_port()

    def prepare_no_such_database(self):
        self.home.target_entry["database"] = "not_there"

    def prepare_no_such_user(self):
        self.home.target_entry["user"] = "nobody_here"

    def prepare_read_only_database(self):
        self.target.rows("alter database %s set default_transaction_read_only = on" % self.target.name)

    def prepare_wrong_encoding(self):
        name = self.target.name + "_ascii"
        self.target.server.admin("create database %s encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C' "
                                 "template template0" % name)
        self.addCleanup(self.target.server.admin, "drop database %s with (force)" % name)
        self.home.target_entry["database"] = name

    def prepare_no_right_to_make_a_schema(self):
        self.role()

    def prepare_no_right_to_make_tables(self):
        self.target.rows("create schema zoho_crm")
        self.role("create schema zohosync authorization {role}", "grant usage on schema zoho_crm to {role}")

    def granted(self, *grants):
        """The tables are another's; the role may do all but what the grants leave out."""
        self.with_tables()
        return self.role("grant usage, create on schema zoho_crm, zohosync to {role}", *grants)

    def prepare_no_right_to_write_a_table(self):
        self.granted("grant all on all tables in schema zohosync, zoho_crm to {role}", *self.all_but(None),
                     "revoke update, delete on zoho_crm.leads from {role}")

    def all_but(self, table):
        return ["alter table zoho_crm.%s owner to {role}" % name
                for name in ("leads", "deals", "users", "modules") if name != table]

    def prepare_no_right_to_read_the_state(self):
        self.granted("grant all on all tables in schema zohosync, zoho_crm to {role}", *self.all_but(None),
                     "revoke select on zohosync.sync_state from {role}")

    def prepare_a_view_in_the_place_of_a_table(self):
        self.target.rows("create schema zoho_crm")
        self.target.rows("create view zoho_crm.leads as select 1 as id")

    def prepare_row_security(self):
        self.granted("grant all on all tables in schema zohosync, zoho_crm to {role}", *self.all_but(None),
                     "alter table zoho_crm.leads enable row level security",
                     "alter table zoho_crm.leads force row level security")

    def prepare_table_of_another_role(self):
        self.granted("grant all on all tables in schema zohosync, zoho_crm to {role}", *self.all_but("leads"))

    def prepare_too_few_connections(self):
        self.role("alter role {role} connection limit 2", "create schema zohosync authorization {role}",
                  "create schema zoho_crm authorization {role}")

    def prepare_statement_timeout_too_short(self):
        self.home.environment["PGOPTIONS"] = "-c statement_timeout=900"

    def prepare_database_of_another_organisation(self):
        self.with_tables()
        self.target.rows("update zohosync.sync_state set org = '999'")

    def prepare_state_of_a_newer_version(self):
        self.with_tables()
        self.target.rows("insert into zohosync.schema_migrations (version, name) values (99, 'later')")

    # The tests

    def test_nothing_wrong(self):
        code, lines = self.check(self.home)
        self.assertEqual(code, 0, lines)
        self.assertEqual([line for line in lines if line["level"] != "ok"], [])
        self.assertEqual({line["check"] for line in lines},
                         {"configuration", "state directory", "schedules", "target version", "target rights",
                          "state schema", "credentials", "data centre", "clock", "organisation", "credits",
                          "endpoint leads", "endpoint deals", "endpoint users", "endpoint modules"})

    def test_nothing_is_written(self):
        before = self.contents()
        self.check(self.home)
        self.assertEqual(self.contents(), before)
        self.with_tables()
        before = self.contents()
        self.check(self.home)
        self.target.settle()
        self.assertEqual(self.contents(), before)

    def test_it_says_who_holds_the_lease(self):
        daemon = self.started(self.home, "run")
        wait_until(lambda: "run_finished" in daemon.err(), 60, "the daemon works")
        code, lines = self.check(self.home)
        self.assertEqual(code, 0, lines)
        self.assertEqual(len([line for line in lines if line["check"] == "lease"]), 1, lines)

    def test_a_file_that_is_no_database(self):
        self.target = self.sqlite()
        self.home = self.fresh_home()
        with open(self.target.path, "wb") as file:
            file.write(b"this is a text and no database\n" * 100)
        code, lines = self.check(self.home)
        self.assertEqual(code, 1, lines)
        self.found(lines, FAIL, "target", "not a database")
        self.assertEqual(len([line for line in lines if line["level"] != "ok"]), 1, lines)

    def test_no_secret_is_told(self):
        self.home.secrets["client_secret"] = "canary-9f31c7"
        self.home.target_entry["password"] = "canary-55ab02"
        self.home.write()
        result = self.home.run("check", "--log-level", "trace")
        self.assertEqual(result.code, 1, result.text)
        self.assertNotIn("canary", result.text)


def defect_test(defect):
    def test(self):
        getattr(self, "prepare_" + defect.name.replace(" ", "_").replace("-", "_"))()
        self.home.write()
        code, lines = self.check(self.home)
        self.assertEqual(code, defect.code, lines)
        line = self.found(lines, defect.level, defect.check, *defect.words)
        others = sorted(other["check"] for other in lines if other["level"] != "ok" and other is not line)
        self.assertEqual(others, sorted(defect.rest), lines)

    return test


for one in DEFECTS:
    setattr(Online, "test_defect_" + one.name.replace(" ", "_").replace("-", "_"), defect_test(one))


if __name__ == "__main__":
    unittest.main()
