"""`env` and variables in `object` (§1.7, §4, statements 23 to 29), seen in the tables that a `plan` or a `sync` names."""

import calendar
import json
import time
import unittest

from sling import *

SMALL = ("--records", "leads=12,contacts=3", "--scale", "0.01")


class Variables(SlingTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sim = harness.Simulator(*SMALL)
        cls.addClassCleanup(cls.sim.stop)

    def setUp(self):
        super().setUp()
        self.target = self.postgres()

    def write(self, target_object, rest=""):
        self.prepare(self.sim, self.target, "source: ZOHO_CRM\ntarget: MY_POSTGRES\nstreams:\n  leads:\n    object: %s\n"
                     "    description: The Leads!\n    id: first\n%sdaemon: { listen: 'off' }\n" % (target_object, rest))

    def table(self, target_object, rest=""):
        """The one that `plan` names, and what was said besides."""
        self.write(target_object, rest)
        result = self.ok("plan", "--json")
        stream, = json.loads(result.out)["streams"]
        return stream["target"], result.err

    def test_23_values_of_env_come_from_the_environment(self):
        env = "env: { S: $MY_SCHEMA, T: 'a${MY_SCHEMA}b' }\n"
        self.user.environment = {"MY_SCHEMA": "crm"}
        self.assertEqual(self.table("'{S}.{stream_name}'", env), ("crm.leads", ""))
        self.assertEqual(self.table("'{T}.x_{env.S}'", env)[0], "acrmb.x_crm")

    def test_23_a_missing_variable_is_empty_and_told(self):
        table, said = self.table("'crm.leads{S}'", "env: { S: $NOT_SET }\n")
        self.assertEqual(table, "crm.leads")
        self.assertIn("replication.yaml:8: env.S: the variable NOT_SET is not set; taken as empty", said)

    def test_25_variables_of_names_and_of_times(self):
        for written, expected in (("{target_schema}.{stream_name}", "zoho_crm.leads"),
                                  ("x.{source_name}_{target_name}", "x.zoho_crm_my_postgres"),
                                  ("x.{stream_description}_{stream_run_id}", "x.The_Leads__first")):
            with self.subTest(written):
                self.assertEqual(self.table("'%s'" % written)[0], expected)
        self.user.environment = {"TZ": "UTC"}
        before = time.gmtime()
        made = self.table("'x.{YYYY}{MM}{DD}'")[0]
        self.assertIn(made, [time.strftime("x.%Y%m%d", moment) for moment in (before, time.gmtime())])
        stamped = self.table("'x.t_{run_timestamp}'")[0]
        self.assertRegex(stamped, r"^x\.t_\d{4}_\d\d_\d\d_\d{6}$")
        age = time.time() - calendar.timegm(time.strptime(stamped, "x.t_%Y_%m_%d_%H%M%S"))
        self.assertTrue(-2 < age < 120, age)

    def test_28_an_unknown_variable_is_told_and_an_empty_name_is_refused(self):
        table, said = self.table("'crm.leads{nobody}'")
        self.assertEqual(table, "crm.leads")
        self.assertRegex(said, r"replication\.yaml:\d: streams\.leads\.object: there is no variable \{nobody\}; taken as empty")
        self.write("'crm.{nobody}'")
        result = self.ok("plan", code=65)
        self.assertRegex(result.err, r"streams\.leads\.object: .*empty; there is no variable \{nobody\}")

    def test_29_an_object_without_a_schema_has_the_connections(self):
        self.assertEqual(self.table("leads")[0], "zoho_crm.leads")
        entry = {k: v for k, v in self.target.connection_entry().items() if k != "schema"}
        self.user.write_env("connections:\n  ZOHO_CRM: %s\n  MY_POSTGRES: %s\n" % (zoho_entry(self.sim), json.dumps(entry)))
        result = self.ok("plan", code=65)
        self.assertIn("did not specify schema. Please specify schema in object name.", result.err)

    def test_29_a_quoted_object_keeps_its_case(self):
        self.write("'\"Zoho\".\"My Leads\"'")
        self.ok("sync")
        self.assertEqual(self.target.rows('select count(*) from "Zoho"."My Leads"'), [(12,)])


if __name__ == "__main__":
    unittest.main()
