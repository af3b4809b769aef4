"""`conns list|test|discover|set|unset`, and what a script finds at the end of a run (§8, statements 88 to 90 and 96)."""

import json
import os
import re
import stat
import unittest

from sling import *
from servers import CANARY


class Conns(SlingTest):
    def setUp(self):
        super().setUp()
        self.sim = self.simulator("--records", "leads=12,contacts=3", "--scale", "0.01")

    def mode(self):
        return stat.S_IMODE(os.stat(self.user.env_yaml).st_mode)

    def test_88_wrong_credentials_stop_the_run_before_any_table_is_touched(self):
        target = self.postgres()
        self.prepare(self.sim, target, """
            source: ZOHO_CRM
            target: MY_POSTGRES
            defaults: { mode: full-refresh, object: 'zoho_crm.{stream_name}' }
            streams: { leads: }
            daemon: { listen: 'off' }
            """)
        self.user.write_env(self.user.env_yaml.read_text().replace(self.sim.client_secret, "wrong"))
        result = self.ok("sync", code=69)
        self.assertIn("client_secret", result.err)
        self.assertEqual(target.rows("select tablename from pg_tables where schemaname = 'zoho_crm'"), [])

    def test_89_conns_list_is_a_table_that_scripts_read(self):
        self.user.write_env("connections:\n  ZOHO_CRM: %s\n" % zoho_entry(self.sim))
        self.user.environment = {"MY_PG": "postgres://u:%s@h/d" % CANARY}
        self.assertEqual(self.ok("conns", "list").out, text("""
            +-----------+-----------------+----------------+
            | CONN NAME | CONN TYPE       | SOURCE         |
            +-----------+-----------------+----------------+
            | MY_PG     | DB - PostgreSQL | env variable   |
            | ZOHO_CRM  | API - Spec      | sling env yaml |
            +-----------+-----------------+----------------+
            """))
        self.user.environment["SLING_OUTPUT"] = "json"
        self.assertEqual(json.loads(self.ok("conns", "list").out), {
            "fields": ["Conn Name", "Conn Type", "Source"],
            "rows": [["MY_PG", "DB - PostgreSQL", "env variable"], ["ZOHO_CRM", "API - Spec", "sling env yaml"]]})

    def test_89_conns_test_says_success_or_why_not(self):
        self.user.write_env("connections:\n  ZOHO_CRM: %s\n  GONE: postgres://u@127.0.0.1:1/d\n" % zoho_entry(self.sim))
        self.assertEqual(self.ok("conns", "test", "ZOHO_CRM").out, "success!\n")
        result = self.user.run("conns", "test", "GONE")
        self.assertEqual((result.code, result.out), (69, ""))
        self.assertIn("Invalid Connection name: NOBODY. Make sure it is created", self.ok("conns", "test", "NOBODY", code=1).err)
        self.user.environment = {"SLING_OUTPUT": "json"}
        self.assertEqual(json.loads(self.ok("conns", "test", "ZOHO_CRM").out), {"success": True})
        for name, code in (("GONE", 69), ("NOBODY", 1)):
            answer = json.loads(self.ok("conns", "test", name, code=code).out)
            self.assertIs(answer["success"], False)
            self.assertTrue(answer["error"])

    def test_89_conns_discover_lists_endpoints_as_table_json_and_csv(self):
        self.user.write_env("connections:\n  ZOHO_CRM: %s\n" % zoho_entry(self.sim))
        names = [line.split()[0] for line in self.ok("conns", "discover", "ZOHO_CRM").out.splitlines()[1:]]
        self.assertEqual(sorted(set(ENDPOINTS) - set(names)), [])
        only = self.ok("conns", "discover", "zoho_crm", "-p", "c*").out.splitlines()[1:]
        self.assertEqual(sorted(line.split()[0] for line in only if line.split()[0] in ENDPOINTS),
                         ["calls", "campaigns", "contacts"])
        self.assertTrue(all(line.lower().startswith("c") for line in only))
        csv = self.ok("conns", "discover", "ZOHO_CRM", "-p", "leads", "-o", "csv").out.splitlines()
        self.assertEqual(csv[0], "stream,module,incremental,fields,selected,note")
        self.assertRegex(csv[1], r"^leads,Leads,true,\d+,false,\"\"$")
        self.user.environment = {"SLING_OUTPUT": "json"}
        found = json.loads(self.ok("conns", "discover", "ZOHO_CRM", "-p", "users").out)
        self.assertEqual(found["fields"][:3], ["stream", "module", "incremental"])
        self.assertEqual([row[0] for row in found["rows"]], ["users"])
        self.assertIs(found["rows"][0][2], False)

    def test_89_conns_set_writes_env_yaml_and_leaves_the_rest_as_it_is(self):
        before = text("""
            # my connections
            connections:
              # the warehouse
              WAREHOUSE:
                type: sqlite   # small
                instance: x.db

            variables:
              A: b # mine
            """)
        self.user.write_env(before, mode=0o644)
        secrets = "{ client_id: %s, client_secret: '%s', soid: %s, accounts_url: '%s', api_domain: '%s' }" % (
            self.sim.client_id, self.sim.client_secret, self.sim.soid, self.sim.url, self.sim.url)
        result = self.ok("conns", "set", "zoho_crm", "type=api", "spec=zoho_crm", "SECRETS=" + secrets,
                         'inputs={ anchor_date: "2024-01-01" }')
        self.assertIn(str(self.user.env_yaml), result.out)
        self.assertNotIn(CANARY, result.text)
        self.assertEqual(self.mode(), 0o600)
        after = self.user.env_yaml.read_text()
        added = after[after.index("  ZOHO_CRM:\n"):after.index("\nvariables:")]
        self.assertEqual(after.replace(added, ""), before)
        self.assertEqual(self.ok("conns", "test", "ZOHO_CRM").out, "success!\n")

        self.ok("conns", "set", "warehouse", "type=sqlite", "instance=y.db")
        self.assertEqual(self.user.env_yaml.read_text(), after.replace("type: sqlite   # small\n    instance: x.db",
                                                                       "type: sqlite\n    instance: y.db"))
        self.ok("conns", "unset", "Warehouse")
        self.assertNotIn("WAREHOUSE", self.ok("conns", "list").out)
        self.assertIn("variables:\n  A: b # mine\n", self.user.env_yaml.read_text())
        self.ok("conns", "unset", "WAREHOUSE", code=65)

    def test_89_conns_set_makes_the_first_env_yaml(self):
        self.user.env_yaml.parent.rmdir()
        self.ok("conns", "set", "PG", "url=postgres://u:a%40b@h:5433/d")
        self.assertEqual(self.user.env_yaml.read_text(), 'connections:\n  PG:\n    url: "postgres://u:a%40b@h:5433/d"\n')
        self.assertEqual(self.mode(), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(self.user.env_yaml.parent).st_mode), 0o700)

    def test_89_conns_set_refuses_what_makes_no_connection_and_touches_nothing(self):
        before = "connections: {}\n"
        self.user.write_env(before)
        for properties, message in (
                (["host=h"], "need to specify valid `type` key or provide `url`."),
                (["type=mysql", "host=h"], "invalid type"),
                (["type=postgres", "user=u", "database=d"], "Property value not provided: host"),
                (["type=api", "spec=stripe"], "zoho_crm"),
                (["type=api", "spec=zoho_crm", "secrets=nothing"], "expected a map"),
                (["type=postgres", CANARY], "expected key=value")):
            with self.subTest(properties):
                result = self.user.run("conns", "set", "NEW", *properties)
                self.assertEqual(result.code, 65, result.text)
                self.assertIn(message, result.err)
                self.assertEqual(self.user.env_yaml.read_text(), before)

    def test_89_conns_set_never_touches_a_file_that_it_can_not_read(self):
        for before in ("connections: {\n", "connections:\n  A: &a { type: sqlite, instance: x.db }\n  B: *a\n", "- 1\n"):
            with self.subTest(before):
                self.user.write_env(before)
                result = self.user.run("conns", "set", "A", "type=sqlite", "instance=y.db")
                self.assertEqual(result.code, 65, result.text)
                self.assertIn("env.yaml", result.err)
                self.assertEqual(self.user.env_yaml.read_text(), before)
        self.assertEqual([path.name for path in self.user.env_yaml.parent.iterdir()], ["env.yaml"])

    def replication(self, target, rest=""):
        self.prepare(self.sim, target, """
            source: ZOHO_CRM
            target: MY_POSTGRES
            defaults: { mode: incremental, object: 'zoho_crm.{stream_name}' }
            streams: { leads: , contacts: }
            daemon: { listen: 'off' }
            """ + rest)

    def test_90_the_last_lines_are_those_that_scripts_look_for(self):
        self.replication(self.postgres())
        lines = self.ok("sync").err
        self.assertRegex(lines, r'(?m)^INF inserted 12 rows into "zoho_crm"\."leads" in \d+ secs \[\d+ r/s\]$')
        self.assertRegex(lines, r'(?m)^INF inserted 3 rows into "zoho_crm"\."contacts" in \d+ secs \[\d+ r/s\]$')
        self.assertEqual(len(re.findall(r"(?m)^INF execution succeeded$", lines)), 2)
        self.assertRegex(lines.splitlines()[-1],
                         r"^INF Replication Completed in \d+s \| ZOHO_CRM -> MY_POSTGRES \| 2 Successes \| 0 Failures$")
        self.quiet(self.sim)
        again = self.ok("sync").err
        self.assertEqual(len(re.findall(r"(?m)^INF 0 rows inserted\. Nothing to do\.$", again)), 2)
        self.assertNotIn("inserted 12", again)

    def test_90_a_failure_is_in_the_last_lines(self):
        self.replication(self.sqlite())
        self.sim.faults({"path": r"/crm/v6/Contacts\?", "action": {"kind": "deny"}})
        lines = self.ok("sync", code=1).err
        self.assertIn('INF inserted 12 rows into "leads" in ', lines)
        self.assertIn("INF execution failed\n", lines)
        self.assertIn("| 1 Successes | 1 Failures", lines.splitlines()[-1])

    def test_96_SLING_TIMEOUT_ends_a_pass_and_the_next_one_goes_on(self):
        target = self.postgres()
        self.replication(target)
        self.sim.faults({"path": r"/crm/v6/Contacts\?", "action": {"kind": "status", "status": 503, "delay_ms": 12_000}})
        self.user.environment = {"SLING_TIMEOUT": "0.1"}
        result = self.ok("sync", code=1)
        self.assertLess(result.seconds, 40)
        self.assertIn("INF execution failed (timed-out)", result.err)
        self.assertIn("| 1 Successes | 1 Failures", result.err)
        self.assertEqual(target.rows("select count(*) from zoho_crm.leads"), [(12,)])
        self.sim.clear_faults()
        self.user.environment = {}
        self.ok("sync")
        self.assert_equal_to_ledger(self.sim, target, ["leads", "contacts"])

    def test_96_limit_ends_each_run(self):
        self.sim = self.simulator("--records", "leads=420", "--scale", "0.01")
        target = self.postgres()
        self.replication(target)
        self.ok("sync", "--limit", "150", "--streams", "leads")
        rows = target.rows("select count(*) from zoho_crm.leads")[0][0]
        self.assertTrue(150 <= rows < 420, rows)  # Whole pages of 200.
        self.assertIsNone(self.states(target)["leads"]["high_water_mark"])


if __name__ == "__main__":
    unittest.main()
