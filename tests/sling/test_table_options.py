"""What a file asks of tables: columns that come later, keys, columns about loading, one column for all. Expected values are
the simulator's ledger's."""

import json
from decimal import Decimal

from request_log import fields_asked, lists_of
from sling import SMALL, SlingTest

HEAD = """
source: ZOHO_CRM
target: MY_POSTGRES
defaults:
  mode: incremental
  object: zoho_crm.{stream_name}
"""


class TableOptions(SlingTest):
    def setUp(self):
        super().setUp()
        self.sim, self.target = self.simulator(*SMALL), self.postgres()

    def sync(self, replication, head=HEAD, target=None, **options):
        self.prepare(self.sim, target or self.target, head + replication)
        return self.ok("sync", **options)

    def both(self):
        return self.target, self.sqlite()

    def columns(self, target, stream):
        if target.kind == "sqlite":
            return {row[1]: row[2].lower() for row in target.rows("select * from pragma_table_info('%s')" % stream)}
        return dict(target.rows(
            "select attname::text, format_type(atttypid, atttypmod) from pg_attribute where attrelid = to_regclass(%s)"
            " and attnum > 0 and not attisdropped", target.table(stream)))

    def ledger(self, module):
        """The live records by id, as lists show them."""
        entries = [json.loads(line, parse_float=Decimal) for line in self.sim.ledger_lines(module)]
        return {int(e["id"]): e["list_view"] for e in entries if not e["deleted"]}

    def column(self, target, stream, expression):
        return dict(target.rows("select id, %s from %s where _deleted_at is null" % (expression, target.table(stream))))

    # Columns that come later.

    def test_62_a_new_field_becomes_a_column(self):
        for target in self.both():
            field = "Later_" + target.kind.title()
            self.sync("streams: {leads: }\n", target=target)
            self.sim.post("fields", module="Leads", add=[{"api_name": field, "data_type": "text", "filled": True}])
            self.sync("streams: {leads: }\n", target=target)
            wanted = {k: r[field] for k, r in self.ledger("Leads").items()}
            self.assertTrue(any(wanted.values()))
            self.assertEqual(self.column(target, "leads", field.lower()), wanted)

    def test_62_without_add_new_columns_the_table_stays_and_the_field_is_not_asked_for(self):
        for target in self.both():
            field = "Later_" + target.kind.title()
            rules = "  target_options: {add_new_columns: no}\nstreams: {leads: , users: {mode: full-refresh}}\n"
            first = self.sync(rules, target=target)  # A new table gets all there are.
            self.assertNotIn("column_names_mismatch", first.text)
            before = {stream: self.columns(target, stream) for stream in ("leads", "users")}
            self.assertIn("email", before["users"])
            self.sim.post("fields", module="Leads", add=[{"api_name": field, "data_type": "text", "filled": True}])
            edited = self.sim.ids("edit", "Leads", count=3)
            self.quiet(self.sim)
            self.sim.forget_requests()
            result = self.sync(rules, target=target)
            self.assertEqual({stream: self.columns(target, stream) for stream in before}, before)
            self.assertEqual(result.text.count("event=column_names_mismatch"), 1)
            self.assertIn("fields=" + field, result.text)
            asked = {name for r in lists_of(self.sim.requests(), "Leads") for name in fields_asked(r).split(",")}
            self.assertIn("Last_Name", asked)
            self.assertNotIn(field, asked)
            self.assertTrue(edited)
            wanted = {k: r["Last_Name"] for k, r in self.ledger("Leads").items()}
            self.assertEqual(self.column(target, "leads", "last_name"), wanted)
            self.ok("verify", "--full")

    # Keys.

    def test_67_keys_and_indexes_are_made_with_the_table(self):
        rules = """streams:
  deals:
    columns: {Deal_Name: string not_null, Stage: string index, Amount: 'decimal(18,2) description(What it is worth)'}
    target_options:
      table_keys:
        primary: [id]
        unique: [[Deal_Name, Closing_Date, Created_Time]]
        index: [closing_date, {by_owner: [Stage, Created_Time]}]
        sort: [Stage]
        nonsense: [Stage]
"""
        for target in self.both():
            result = self.sync(rules, target=target)
            self.assertIn("table_keys.nonsense: is no type of key and left out", result.text)
            self.assertIn("table_keys.sort: has no effect on PostgreSQL and SQLite", result.text)
            if target.kind == "sqlite":
                made = {" ".join(row[0].split()) for row in target.rows(
                    "select sql from sqlite_master where type = 'index' and tbl_name = 'deals' and sql is not null")}
                keys = {m.split(" ON ")[1] + " " + m.split()[1] for m in made}
                self.assertIn('"deals" ("deal_name", "closing_date", "created_time") WHERE _deleted_at IS NULL UNIQUE', keys)
                self.assertIn('"deals" ("closing_date") INDEX', keys)
                self.assertIn('"deals" ("stage") INDEX', keys)
                self.assertTrue(any("by_owner" in m and '("stage", "created_time")' in m for m in made), made)
                nulls = dict((row[1], row[3]) for row in target.rows("select * from pragma_table_info('deals')"))
                self.assertEqual((nulls["deal_name"], nulls["stage"]), (1, 0))
                continue
            made = [row[0] for row in target.rows("select indexdef from pg_indexes where schemaname = 'zoho_crm' and tablename = 'deals'")]
            for part in ("UNIQUE INDEX deals_deal_name_closing_date_created_time_idx ON zoho_crm.deals USING btree"
                         " (deal_name, closing_date, created_time) WHERE (_deleted_at IS NULL)",
                         "INDEX deals_closing_date_idx ON zoho_crm.deals USING btree (closing_date)",
                         "INDEX deals_stage_idx ON zoho_crm.deals USING btree (stage)",
                         "INDEX by_owner ON zoho_crm.deals USING btree (stage, created_time)",
                         "UNIQUE INDEX deals_pkey ON zoho_crm.deals USING btree (id)"):
                self.assertTrue(any(definition.endswith(part) for definition in made), (part, made))
            self.assertEqual(target.rows("select attnotnull from pg_attribute where attrelid = 'zoho_crm.deals'::regclass"
                                         " and attname in ('deal_name', 'stage') order by attname"), [(True,), (False,)])
            self.assertEqual(target.rows("select col_description('zoho_crm.deals'::regclass, attnum) from pg_attribute where"
                                         " attrelid = 'zoho_crm.deals'::regclass and attname = 'amount'"), [("Amount (What it is worth)",)])

    def test_67_a_record_against_a_key_is_set_aside_and_stops_nothing(self):
        for mode in ("incremental", "full-refresh"):
            for target in (self.postgres(), self.sqlite()):  # New ones: a row that is refused stays as it was.
                self.sync("streams: {leads: {mode: %s, columns: {Email: string unique}}}\n" % mode, target=target)
                mails = self.column(target, "leads", "email")
                live = self.ledger("Leads")
                # Each address once, and every record without one.
                addresses = [r["Email"] for r in live.values() if r["Email"] is not None]
                self.assertEqual(sorted(v for v in mails.values() if v is not None), sorted(set(addresses)))
                self.assertEqual(sum(v is None for v in mails.values()), len(live) - len(addresses))
                one = next(k for k, v in mails.items() if v)
                [other] = [k for k, v in mails.items() if v and v != mails[one]][:1]
                self.sim.ids("edit", "Leads", ids=[other], fields={"Email": mails[one]})
                created = self.sim.ids("create", "Leads", count=2)
                self.quiet(self.sim)
                self.ok("sync")
                after = self.column(target, "leads", "email")
                self.assertEqual(after[other], mails[other])
                self.assertLessEqual({int(i) for i in created}, set(after))
                reasons = [row[0] for row in target.rows("select reason from %squarantine where id = %d" % (target.state_prefix, other))]
                self.assertEqual(len(reasons), 1)
                self.assertTrue(reasons[0].startswith("record: "), reasons)

    def test_67_another_key_than_id_is_refused(self):
        for options, message in (("table_keys: {primary: [Email]}", "table_keys.primary: can only be `id` for Zoho CRM: use `unique`"),
                                 ("table_keys: {partition: [Email]}", "table_keys.partition: is not supported by this version")):
            with self.subTest(options):
                result = self.offline(HEAD + "streams:\n  leads:\n    target_options: {%s}\n" % options, code=65)
                self.assertIn(message, result.text)

    # Columns about loading.

    def loaded(self, target, setting, in_file):
        env = "env: {SLING_LOADED_AT_COLUMN: %s}\n" % setting if in_file else ""
        self.user.environment = {} if in_file else {"SLING_LOADED_AT_COLUMN": setting}
        self.sync(env + "streams: {leads: , users: {mode: full-refresh}}\n", target=target)

    def test_69_loaded_at_as_a_number_or_a_time(self):
        for setting, in_file, types in (("true", True, ("bigint", "integer")), ("unix", False, ("bigint", "integer")),
                                        ("timestamp", True, ("timestamp with time zone", "text"))):
            for target in (self.postgres(), self.sqlite()):
                with self.subTest(setting + " " + target.kind):
                    self.loaded(target, setting, in_file)
                    for stream in ("leads", "users"):
                        self.assertEqual(self.columns(target, stream)["_sling_loaded_at"], types[target.kind == "sqlite"])
                        same = "_sling_loaded_at = _synced_at"
                        if setting != "timestamp":
                            seconds = "extract(epoch from _synced_at)" if target.kind == "postgres" else "strftime('%s', _synced_at)"
                            same = "abs(_sling_loaded_at - %s) < 1" % seconds
                        rows = self.column(target, stream, same)
                        self.assertTrue(rows and all(rows.values()))

    def test_69_nothing_is_added_unless_it_is_asked_for(self):
        for target in self.both():
            self.sync("streams: {leads: }\n", target=target)
            self.assertEqual([c for c in self.columns(target, "leads") if "sling" in c], [])

    def test_69_what_nobody_understands_is_refused(self):
        result = self.offline(HEAD + "env: {SLING_LOADED_AT_COLUMN: often}\nstreams: {leads: }\n", code=65)
        self.assertIn("env.SLING_LOADED_AT_COLUMN: expected true, unix, timestamp or false", result.text)

    def test_69_a_row_that_is_unchanged_is_not_written(self):
        for target in self.both():
            self.sync("streams: {leads: , users: {mode: full-refresh}}\n", target=target)
            self.loaded(target, "true", in_file=True)  # The columns come; no row needs them.
            before = {stream: target.row_versions(stream) for stream in ("leads", "users")}
            self.assertEqual(set(self.column(target, "leads", "_sling_loaded_at").values()), {None})
            edited = {int(i) for i in self.sim.ids("edit", "Leads", count=3)}
            self.quiet(self.sim)
            self.loaded(target, "true", in_file=True)
            after = {stream: target.row_versions(stream) for stream in ("leads", "users")}
            self.assertEqual({k for k, v in after["leads"].items() if v != before["leads"].get(k)}, edited)
            self.assertEqual(after["users"], before["users"])
            filled = {k for k, v in self.column(target, "leads", "_sling_loaded_at").items() if v is not None}
            self.assertEqual(filled, edited)
            self.ok("verify", "--full")

    def test_70_synced_at_and_what_was_done(self):
        env = "env: {SLING_SYNCED_AT_COLUMN: true, SLING_LOADED_AT_COLUMN: true}\n"
        for target in self.both():
            rules = env + "streams: {leads: }\n"
            self.sync(rules, target=target)
            columns = self.columns(target, "leads")
            self.assertEqual((columns["_sling_synced_at"], columns["_sling_synced_op"]),
                             ("text", "text") if target.kind == "sqlite" else ("timestamp with time zone", "text"))
            self.assertNotIn("_sling_loaded_at", columns)  # The other takes its place.
            self.assertEqual(set(self.column(target, "leads", "_sling_synced_op").values()), {"I"})
            edited = {int(i) for i in self.sim.ids("edit", "Leads", count=3)}
            self.quiet(self.sim)
            deleted = {int(i) for i in self.sim.ids("delete", "Leads", count=2)} - edited
            created = {int(i) for i in self.sim.ids("create", "Leads", count=2)}
            self.quiet(self.sim)
            self.sync(rules, target=target)
            done = dict(target.rows("select id, _sling_synced_op from " + target.table("leads")))
            gone = {k for k, in target.rows("select id from %s where _deleted_at is not null" % target.table("leads"))}
            self.assertLessEqual(deleted, gone)
            self.assertEqual({k for k, v in done.items() if v == "D"}, gone)
            self.assertEqual({k for k, v in done.items() if v == "U"}, edited - gone)
            self.assertEqual({k for k, v in done.items() if v == "I"} & created, created)
            self.assertEqual(target.rows("select count(*) from %s where _sling_synced_at <> _synced_at"
                                         " or _sling_synced_at is null" % target.table("leads"))[0][0], 0)
            self.ok("verify", "--full")

    # One column for all.

    def assert_data_is_the_record(self, target, stream, module, leave_out=()):
        expression = "data::text" if target.kind == "postgres" else "data"
        stored = {k: json.loads(v, parse_float=Decimal) for k, v in self.column(target, stream, expression).items()}
        wanted = self.ledger(module)
        self.assertEqual(set(stored), set(wanted))
        for key, record in wanted.items():
            self.assertEqual(stored[key], {k: v for k, v in record.items() if k not in leave_out})

    def test_61_one_column_data_holds_the_record(self):
        for target in self.both():
            rules = "  source_options: {flatten: no}\nstreams: {leads: , deals: {mode: full-refresh}, users: }\n"
            result = self.sync(rules, target=target)
            self.assertIn("`flatten: false` has no effect on users and modules", result.text)
            for stream in ("leads", "deals"):
                self.assertEqual(set(self.columns(target, stream)), {"id", "modified_time", "data", "_synced_at", "_deleted_at"})
            self.assertIn("email", self.columns(target, "users"))
            self.assert_data_is_the_record(target, "leads", "Leads")
            self.assert_data_is_the_record(target, "deals", "Deals")
            before = target.row_versions("leads")
            edited = {int(i) for i in self.sim.ids("edit", "Leads", count=4)}
            self.quiet(self.sim)
            self.sync(rules, target=target)
            changed = {k for k, v in target.row_versions("leads").items() if v != before[k]}
            self.assertEqual(changed, edited)
            self.assert_data_is_the_record(target, "leads", "Leads")
            self.ok("verify", "--full")

    def test_61_fields_that_come_go_into_data(self):
        self.sync("streams: {leads: {source_options: {flatten: false}}}\n")
        self.sim.post("fields", module="Leads", add=[{"api_name": "Later", "data_type": "text", "filled": True}])
        self.sync("streams: {leads: {source_options: {flatten: false}}}\n")
        self.assertTrue(any(r["Later"] for r in self.ledger("Leads").values()))
        self.assert_data_is_the_record(self.target, "leads", "Leads")

    def test_61_a_wide_module_is_one_column_too(self):
        self.sim = self.simulator("--scale", "0.02", "--fields", "Deals=130")
        for target in self.both():
            self.sync("streams: {deals: {source_options: {flatten: false}, select: ['*', -Description]}}\n", target=target)
            self.assertGreater(len(next(iter(self.ledger("Deals").values()))), 100)
            self.assert_data_is_the_record(target, "deals", "Deals", leave_out=("Description",))

    def test_61_columns_that_there_are_not_are_told(self):
        result = self.offline(HEAD + "streams: {leads: {source_options: {flatten: false}, columns: {Company: string}}}\n")
        self.assertIn("`flatten: false` keeps records as they were sent", result.text)


del SlingTest  # Has no tests of its own.
