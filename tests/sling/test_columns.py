"""Columns, their names, types and values, as Sling's users write them. Expected values are the simulator's ledger's, under
rules that are written out here."""

import hashlib
import json
from decimal import ROUND_HALF_UP, Decimal

from sling import SMALL, SlingTest

HEAD = """
source: ZOHO_CRM
target: MY_POSTGRES
defaults:
  mode: incremental
  object: zoho_crm.{stream_name}
"""


class Columns(SlingTest):
    def setUp(self):
        super().setUp()
        self.sim, self.target = self.simulator(*SMALL), self.postgres()

    def sync(self, replication):
        self.prepare(self.sim, self.target, HEAD + replication)
        return self.ok("sync")

    def types(self, stream):
        return dict(self.target.rows(
            "select attname::text, format_type(atttypid, atttypmod) from pg_attribute where attrelid = to_regclass(%s)"
            " and attnum > 0 and not attisdropped", "zoho_crm." + stream))

    def stored(self, stream, *expressions):
        """The live rows by id."""
        rows = self.target.rows("select id, %s from zoho_crm.%s where _deleted_at is null" % (", ".join(expressions), stream))
        return {row[0]: row[1] if len(expressions) == 1 else tuple(row[1:]) for row in rows}

    def ledger(self, module, value):
        """What `value` makes of each live record."""
        entries = [json.loads(line, parse_float=Decimal) for line in self.sim.ledger_lines(module)]
        return {int(e["id"]): value(e["list_view"]) for e in entries if not e["deleted"]}

    def assert_holds(self, stream, module, expression, value):
        wanted = self.ledger(module, value)
        self.assertTrue(any(v is not None for v in wanted.values()), "nothing to compare")
        self.assertEqual(self.stored(stream, expression), wanted)

    def test_09_unquoted_words_are_booleans(self):
        self.sync("""streams:
  leads: {source_options: {flatten: on}, target_options: {use_bulk: No, add_new_columns: yes}}
  deals: {disabled: y}
""")
        self.assertIn("owner__id", self.types("leads"))
        self.assertEqual(self.types("deals"), {})
        for key in ("disabled: 'yes'", "source_options: {flatten: 'on'}", "target_options: {use_bulk: 'no'}"):
            with self.subTest(key):
                self.offline(HEAD + "streams:\n  leads: {%s}\n" % key, code=65)

    def test_15_a_null_cancels_the_select_of_the_defaults(self):
        self.sync("  select: [Last_Name]\nstreams: {leads: , contacts: {select: ~}}\n")
        self.assertEqual(set(self.types("leads")), {"id", "last_name", "modified_time", "_synced_at", "_deleted_at"})
        self.assertIn("email", self.types("contacts"))

    def test_16_columns_replace_or_extend_those_of_the_defaults(self):
        self.sync("""  columns: {Amount: 'decimal(18,2)', Probability: smallint, Stage: string(30)}
streams:
  deals:
  leads: {columns: {No_of_Employees: integer}}
  quotes: {columns: {+Discount: 'decimal(20,4)', +STAGE: ~}}
""")
        deals = self.types("deals")
        self.assertEqual([deals[c] for c in ("amount", "probability", "stage")],
                         ["numeric(18,2)", "smallint", "character varying(30)"])
        self.assertEqual(self.types("leads")["no_of_employees"], "integer")
        self.assertEqual(self.types("quotes")["discount"], "numeric(20,4)")

    def test_17_target_options_merge_field_by_field(self):
        self.sync("""  target_options: {column_casing: upper, delete_missing: soft}
streams: {leads: {target_options: {delete_missing: hard}}}
""")
        self.assertIn("LAST_NAME", self.types("leads"))
        gone = self.sim.ids("delete", "Leads", count=2)
        self.quiet(self.sim)
        self.ok("sync")
        left = [row[0] for row in self.target.rows('select "ID" from zoho_crm.leads')]
        self.assertTrue(left)
        self.assertFalse(set(left) & {int(i) for i in gone})

    def test_18_a_stream_with_source_options_inherits_some_of_the_defaults(self):
        self.sync("""  source_options: {flatten: 2, limit: 1, empty_as_null: true, null_if: Advertisement}
streams: {leads: {source_options: {max_decimals: 0}}}
""")
        self.assertEqual(self.types("leads")["owner"], "jsonb")
        self.assert_holds("leads", "Leads", "fax", lambda r: r["Fax"] or None)
        self.assert_holds("leads", "Leads", "lead_source",
                          lambda r: None if r["Lead_Source"] in ("", "Advertisement") else r["Lead_Source"])

    def test_19_a_stream_without_source_options_inherits_all_of_them(self):
        self.sync("  source_options: {flatten: 2, limit: 3}\nstreams: {leads: }\n")
        self.assertEqual(self.types("leads")["owner__id"], "bigint")
        self.assertLessEqual(len(self.stored("leads", "owner__id")), 200)

    def test_58_names_under_normalize(self):
        self.sync("  target_options: {column_casing: normalize}\nstreams: {leads: }\n")
        names = self.types("leads")
        self.assertIn("Last_Name", names)
        self.assertIn("id", names)

    def test_59_names_under_each_casing(self):
        for casing, name in {"snake": "last_name", "upper": "LAST_NAME", "lower": "last_name", "target": "last_name",
                             "source": "Last_Name", "camel": "lastName"}.items():
            with self.subTest(casing):
                self.sync("  object: %s.{stream_name}\n  target_options: {column_casing: %s}\nstreams: {leads: }\n"
                          % ("in_" + casing, casing))
                rows = self.target.rows("select attname::text from pg_attribute where attrelid = to_regclass(%s) and attnum > 0",
                                        "in_%s.leads" % casing)
                self.assertIn(name, {row[0] for row in rows})

    def test_60_objects_stay_json_or_are_flattened(self):
        self.sync("streams: {leads: {source_options: {flatten: 2}}, deals: , contacts: {source_options: {flatten: true}}}\n")
        self.assertEqual(self.types("deals")["owner"], "jsonb")
        leads = self.types("leads")
        self.assertNotIn("owner", leads)
        self.assertEqual([leads["owner__" + part] for part in ("id", "name", "email")], ["bigint", "text", "text"])
        self.assertEqual(leads["layout"], "jsonb")  # Its keys are nowhere promised.
        part = lambda field, key: lambda r: r[field] and r[field].get(key)
        for key in ("name", "email"):
            self.assert_holds("leads", "Leads", "owner__" + key, part("Owner", key))
        self.assert_holds("leads", "Leads", "owner__id", lambda r: r["Owner"] and int(r["Owner"]["id"]))
        self.assert_holds("contacts", "Contacts", "account_name__id", lambda r: r["Account_Name"] and int(r["Account_Name"]["id"]))
        edited = self.sim.ids("edit", "Leads", count=5)
        self.quiet(self.sim)
        self.ok("sync")
        self.assertTrue(edited)
        self.assert_holds("leads", "Leads", "owner__name", part("Owner", "name"))
        self.ok("verify", "--full")  # Ends with 1 where one column of one row differs.

    def test_60_flatten_reads_a_table_again(self):
        self.sync("streams: {leads: }\n")
        self.sync("streams: {leads: {source_options: {flatten: 2}}}\n")
        self.assert_holds("leads", "Leads", "owner__name", lambda r: r["Owner"] and r["Owner"]["name"])

    def test_63_a_column_that_is_gone_stays(self):
        self.sync("streams: {leads: }\n")
        before = set(self.stored("leads", "company"))
        self.sync("streams: {leads: {select: ['-Company']}}\n")
        self.sim.ids("create", "Leads", count=3)
        self.quiet(self.sim)
        self.ok("sync")
        new = {k: v for k, v in self.stored("leads", "company").items() if k not in before}
        self.assertEqual(list(new.values()), [None] * 3)

    def test_65_columns_fix_the_types_of_a_new_table(self):
        result = self.sync("""streams:
  deals:
    columns: {AMOUNT: 'decimal(18,1)', closing_date: string, Owner: string, createdTime: datetime, id: string}
""")
        self.assertIn("columns.id: has no effect: this column is always bigint", result.text)
        types = self.types("deals")
        self.assertEqual([types[c] for c in ("id", "amount", "closing_date", "owner", "created_time")],
                         ["bigint", "numeric(18,1)", "text", "text", "timestamp without time zone"])
        round_to_tenth = lambda v: None if v is None else Decimal(v).quantize(Decimal("0.1"), ROUND_HALF_UP)
        self.assert_holds("deals", "Deals", "amount", lambda r: round_to_tenth(r["Amount"]))
        self.assert_holds("deals", "Deals", "closing_date", lambda r: r["Closing_Date"])

    def test_66_an_unknown_type_is_a_string(self):
        result = self.sync("streams: {leads: {columns: {Company: varchr}}}\n")
        self.assertIn("Provided unknown column type (varchr) for column 'Company'. Using string.", result.text)
        self.assertEqual(self.types("leads")["company"], "text")

    def test_68_select_includes_excludes_and_renames(self):
        self.sync("""streams:
  leads: {select: [Last_Name as surname, 'Lead_*', '-Lead_Status', Email as WorkMail]}
""")
        self.assertEqual({c for c in self.types("leads") if not c.startswith("lead_")},
                         {"id", "modified_time", "surname", "work_mail", "_synced_at", "_deleted_at"})
        self.assertIn("lead_source", self.types("leads"))
        self.assertNotIn("lead_status", self.types("leads"))
        self.assert_holds("leads", "Leads", "surname", lambda r: r["Last_Name"])

    def test_68_the_columns_of_columns(self):
        self.sync("streams: {leads: {select: ['@columns'], columns: {Company: string(5), No_of_Employees: smallint}}}\n")
        self.assertEqual(set(self.types("leads")), {"id", "modified_time", "company", "no_of_employees", "_synced_at", "_deleted_at"})
        fits = lambda r: r["Company"] if r["Company"] and len(r["Company"]) <= 5 else None
        self.assertEqual(self.stored("leads", "company"), self.ledger("Leads", fits))

    def test_71_names_over_63_bytes_are_cut_without_collision(self):
        long = "a_name_that_is_far_too_long_for_any_column_of_a_postgresql_table_"
        replication = "streams: {leads: {select: [Last_Name as %sone, First_Name as %stwo]}}\n" % (long, long)
        self.sync(replication)
        names = sorted(c for c in self.types("leads") if c.startswith(long[:50]))
        self.assertEqual(sorted(long[:54] + "_" + hashlib.sha256((long + n).encode()).hexdigest()[:8] for n in ("one", "two")), names)
        self.sync(replication)
        self.assertEqual(sorted(c for c in self.types("leads") if c.startswith(long[:50])), names)

    def test_values_are_transformed_the_same_way_however_they_are_read(self):
        result = self.sync("""streams:
  leads:
    transforms: {Last_Name: [trim_space, lower], Email: [hash_sha256], Nothing_Here: [upper]}
    source_options: {max_decimals: 1}
""")
        self.assertIn("Nothing_Here", result.text)
        self.assert_holds("leads", "Leads", "email",
                          lambda r: None if r["Email"] is None else hashlib.sha256(r["Email"].encode()).hexdigest())
        self.assert_holds("leads", "Leads", "last_name", lambda r: r["Last_Name"].strip().lower())
        self.ok("verify", "--full")


del SlingTest  # Has no tests of its own.
