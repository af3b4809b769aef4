"""Complete setups, as the pages on Sling and its users have them, from the files to the rows: each table equals the
simulator's ledger under the setup's own mapping, after a first run and after changes."""

import json
import time
from urllib.parse import quote

import oracle
from fault_proxy import Authority, Proxy, server_context
from sling import ENDPOINTS, SMALL, SlingTest, env_of, zoho_entry
from tunnel import Tunnel

HEAD = """
source: ZOHO_CRM
target: MY_POSTGRES
defaults:
  mode: incremental
  object: zoho_crm.{stream_name}
"""

MODULES = {"meetings": "Events"}

# What Sling makes of a column in PostgreSQL, by what Zoho's values look like to it.
SLING_TYPES = {"integer": "bigint", "number": "numeric", "boolean": "bool", "date": "date", "datetime": "timestamptz",
               "json": "jsonb", "text": "varchar(65500)"}


def normalized(api_names):
    """Sling's default casing: `Email` and `Last_Name` are kept and quoted, names of one case become lower."""
    return {name: name.lower() if name in (name.lower(), name.upper()) else name for name in api_names}


def module_of(stream):
    return MODULES.get(stream, stream.capitalize())


class Setups(SlingTest):
    def setUp(self):
        super().setUp()
        self.sim, self.target = self.simulator(*SMALL), self.postgres()

    def changes(self, streams):
        """Something new, something edited, something deleted in each module."""
        for stream in streams:
            if stream not in ("users", "modules"):
                self.sim.ids("edit", module_of(stream), count=3)
                self.sim.ids("create", module_of(stream), count=2)
                if stream != "notes":  # Zoho has no list of deleted notes.
                    self.sim.ids("delete", module_of(stream), count=1)
        self.quiet(self.sim)

    def whole(self, streams, **options):
        """Exactly these tables, each equal to the ledger."""
        tables = {row[0] for row in self.target.rows("select table_name from information_schema.tables where table_schema = 'zoho_crm'")}
        self.assertEqual(tables, set(streams))
        for stream in streams:
            report = oracle.compare(self.sim, self.target, stream, **options)
            self.assertTrue(report.is_equal(), report.text())
            self.assertGreater(report.rows, 0, stream)

    def holds(self, replication, streams):
        """The setup from an empty database, twice."""
        self.prepare(self.sim, self.target, replication)
        self.follows(streams)

    def follows(self, streams):
        self.assertIn("%d streams ok, 0 failed" % len(streams), self.ok("sync").err)
        self.whole(streams)
        self.changes(streams)
        self.ok("sync")
        self.whole(streams)

    def test_the_main_example(self):
        self.holds(HEAD + "streams:\n  leads:\n  contacts:\n  accounts:\n  deals:\n  users:\n    mode: full-refresh\n",
                   ["leads", "contacts", "accounts", "deals", "users"])

    def test_all_endpoints_but_one(self):
        self.holds(HEAD + "streams:\n  '*':\n  modules:            # Stripe's page shows exclusions in this form\n"
                   "    disabled: true\n", [name for name in ENDPOINTS if name != "modules"])

    def test_core_crm(self):
        self.holds(HEAD + "streams: {leads: , contacts: , accounts: , deals: }\n", ["leads", "contacts", "accounts", "deals"])

    def test_activity_data(self):
        self.holds(HEAD + "streams: {tasks: , meetings: , calls: }\n", ["tasks", "meetings", "calls"])

    def test_sales_pipeline(self):
        self.holds(HEAD + "streams: {deals: , accounts: , contacts: , quotes: , products: }\n",
                   ["deals", "accounts", "contacts", "quotes", "products"])

    def test_the_data_centre_of_the_eu(self):
        """With the real URLs: a proxy takes Zoho's names to the simulator, behind certificates for these names alone."""
        authority = Authority()
        self.addCleanup(authority.remove)
        chain = authority.sign("eu", host="accounts.zoho.eu,DNS:www.zohoapis.eu")
        server = Proxy(self.sim, context=server_context(chain))
        self.addCleanup(server.stop)
        tunnel = Tunnel(server.port)
        self.addCleanup(tunnel.stop)
        self.user.environment.update(HTTPS_PROXY=tunnel.url, SSL_CERT_FILE=str(authority.bundle))
        self.sim.post("token", api_domain="https://www.zohoapis.eu")
        self.user.write_env("""
connections:
  ZOHO_CRM:
    type: api
    spec: zoho_crm
    secrets:
      client_id: "%s"
      client_secret: "%s"
      soid: "%s"
      accounts_url: "https://accounts.zoho.eu"      # only outside the US data centre
      api_domain: "https://www.zohoapis.eu"
  MY_POSTGRES: %s
""" % (self.sim.client_id, self.sim.client_secret, self.sim.soid, json.dumps(self.target.connection_entry())))
        self.user.write_replication(HEAD + "streams:\n  leads:\n  users:\n")
        self.follows(["leads", "users"])
        self.assertEqual(set(tunnel.hosts), {"CONNECT accounts.zoho.eu:443", "CONNECT www.zohoapis.eu:443"})
        self.assertEqual(len(server.requests), len(self.sim.requests()))  # Nothing went another way.
        # The same keys for the wrong data centre: one request for a token, and no more.
        self.user.write_env(self.user.env_yaml.read_text().replace("zohoapis.eu", "zohoapis.in"))
        self.sim.forget_requests()
        (self.user.state / "token-ZOHO_CRM.json").unlink()
        result = self.ok("sync", code=69)
        self.assertIn("https://www.zohoapis.in", result.err)
        self.assertIn("https://www.zohoapis.eu", result.err)
        self.assertEqual([r["kind"] for r in self.sim.requests()], ["token"])
        self.whole(["leads", "users"])

    def url_of_target(self):
        entry = self.target.connection_entry()
        return "postgres://%s:%s@%s:%d/%s?schema=zoho_crm" % (
            quote(entry["user"], safe=""), quote(entry["password"], safe=""), entry["host"], entry["port"], entry["database"])

    def test_connections_in_the_environment(self):
        self.user.env_yaml.unlink(missing_ok=True)
        self.user.environment.update(
            ZOHO_CRM="{ type: api, spec: zoho_crm, secrets: { client_id: %s, client_secret: %s, soid: %s, accounts_url: '%s', "
                     "api_domain: '%s' }, inputs: { rate: 500 } }" % (
                         self.sim.client_id, self.sim.client_secret, self.sim.soid, self.sim.url, self.sim.url),
            MY_POSTGRES=self.url_of_target())
        self.user.write_replication(HEAD.replace("zoho_crm.{stream_name}", "'{stream_name}'") + "streams:\n  contacts:\n  modules:\n")
        self.follows(["contacts", "modules"])

    def test_a_dot_env_file(self):
        self.user.env_yaml.unlink(missing_ok=True)
        self.user.write(".env.sling", "# what the machine does not know\nZOHO_CRM='%s'\nMY_POSTGRES=%s\n" % (
            zoho_entry(self.sim), "postgres://nobody@127.0.0.1:1/nothing"))
        self.user.environment["MY_POSTGRES"] = self.url_of_target()  # A real variable wins.
        self.user.write_replication(HEAD + "streams:\n  vendors:\n  notes:\n")
        self.follows(["vendors", "notes"])

    def test_a_file_instead_of_a_server(self):
        """The main example into SQLite, by nothing but another connection."""
        self.target = self.sqlite()
        self.user.write_env(env_of(self.sim, self.target))
        self.user.write_replication(HEAD + "streams:\n  leads:\n  contacts:\n  users:\n    mode: full-refresh\n")
        self.ok("sync")
        self.changes(["leads", "contacts"])
        self.ok("sync")
        for stream in ("leads", "contacts", "users"):
            report = oracle.compare(self.sim, self.target, stream)
            self.assertTrue(report.is_equal() and report.rows > 0, report.text())

    def test_selected_fields(self):
        selected = ["Deal_Name", "Stage", "Amount", "Account_Name"]
        self.prepare(self.sim, self.target, HEAD + "streams:\n  deals:\n    select: [deal_name, Stage, amount, 'Account*', -Account_X]\n")
        for _ in range(2):
            self.ok("sync")
            self.whole(["deals"], fields=selected + ["id", "Modified_Time"])
            self.changes(["deals"])

    def made_by_sling(self, module, table):
        """A table as Sling leaves it after a run: its names, its types, no key, and all that there was. Returns the ids."""
        fields = [f for f in self.sim.fields(module) if not f["virtual_field"]]
        names = normalized([f["api_name"] for f in fields])
        kinds = {f["api_name"]: oracle.kind_of_field(f) for f in fields}
        self.target.rows("create schema zoho_crm")
        self.target.rows("create table %s (%s)" % (table, ", ".join(
            '"%s" %s' % (names[name], SLING_TYPES[kind]) for name, kind in kinds.items())))
        records = [oracle.parse_json(line) for line in self.sim.ledger_lines(module)]
        records = [r["list_view"] for r in records if not r["deleted"]]
        for record in records:
            values = [record.get(name) for name in kinds]
            self.target.rows("insert into %s values (%s)" % (table, ", ".join(["%s"] * len(values))), *[
                json.dumps(v, default=str) if kind == "json" and v is not None else v
                for v, kind in zip(values, kinds.values())])
        return {int(r["id"]) for r in records}

    def test_a_table_that_sling_made(self):
        """Its names, types and rows are taken as they are, and followed from there."""
        before = self.made_by_sling("Contacts", "zoho_crm.contacts")
        self.target.rows("alter table zoho_crm.contacts add column note text")
        self.target.rows("update zoho_crm.contacts set note = 'ours'")
        self.assertGreater(len(before), 10)
        self.changes(["contacts"])
        self.prepare(self.sim, self.target, HEAD + "streams:\n  contacts:\n")
        mapping = oracle.Mapping(names=normalized, adopted=True)
        for _ in range(2):
            self.ok("sync")
            self.whole(["contacts"], mapping=mapping)
            self.changes(["contacts"])
        kept = self.target.rows("select count(*), count(note) from zoho_crm.contacts where id = any (%s)", list(before))
        self.assertEqual(kept, [(len(before), len(before))])
        self.assertFalse(self.target.rows("select 1 from pg_attribute where attrelid = 'zoho_crm.contacts'::regclass and"
                                          " attname = 'last_name'"))

    def test_a_backfill_of_a_range(self):
        """Some months of the past, and nothing else."""
        day = 86400
        end = int(self.sim.now()) // day * day - 60 * day
        begin = end - 90 * day
        dates = [time.strftime("%Y-%m-%d", time.gmtime(moment)) for moment in (begin, end)]
        self.prepare(self.sim, self.target, HEAD + """
streams:
  leads:
    mode: backfill
    primary_key: id
    update_key: Modified_Time
    source_options: { range: '%s,%s' }
""" % tuple(dates))
        self.ok("sync")
        self.whole(["leads"], window=(begin, end))
        # What happens outside of the range is not seen, and what happens in it is.
        inside = {r[0] for r in self.target.rows("select id from zoho_crm.leads")}
        self.assertGreater(len(inside), 10)
        outside = [str(json.loads(line)["id"]) for line in self.sim.ledger_lines("Leads")
                   if int(json.loads(line)["id"]) not in inside and not json.loads(line)["deleted"]]
        self.sim.ids("edit", "Leads", ids=outside[:3])
        self.sim.ids("delete", "Leads", ids=outside[3:4])
        self.sim.ids("create", "Leads", count=2)
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end - 1))
        edited = self.sim.ids("edit", "Leads", ids=[str(i) for i in sorted(inside)[:2]], modified_at=moment)
        before = self.target.row_versions("leads")
        self.ok("sync")
        self.whole(["leads"], window=(begin, end))
        after = self.target.row_versions("leads")
        self.assertEqual({i for i in after if after[i] != before.get(i)}, edited)

    def test_a_snapshot_a_day(self):
        """How the pipeline looked each morning: every run adds all deals, and views choose among the days."""
        self.prepare(self.sim, self.target, HEAD.replace("mode: incremental", "mode: snapshot") + """
streams:
  deals:
    object: zoho_crm.deals_daily
    schedule: '0 6 * * *'
""")
        for days in (1, 2):
            self.ok("sync")
            self.target.rows("create or replace view zoho_crm.deals as select * from zoho_crm.deals_daily where _sling_loaded_at ="
                             " (select max(_sling_loaded_at) from zoho_crm.deals_daily)")
            report = oracle.compare(self.sim, self.target, "deals", mapping=oracle.Mapping(adopted=True), deletes="hard")
            self.assertTrue(report.is_equal() and report.rows > 0, report.text())
            self.assertEqual(self.target.rows("select count(distinct _sling_loaded_at) from zoho_crm.deals_daily"), [(days,)])
            self.changes(["deals"])
