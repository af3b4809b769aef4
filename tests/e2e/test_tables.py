"""Tables beyond the plain case: other modules, full refresh, new fields, anchors, tables that exist."""

from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qs, urlsplit

import oracle
from harness import EndToEnd


def living(simulator, module):
    return [e for e in map(oracle.parse_json, simulator.ledger_lines(module)) if not e["deleted"]]


class Tables(EndToEnd):
    def test_any_module_by_its_name(self):
        for target in (self.postgres(), self.sqlite()):
            simulator = self.simulator("--scale", "0.3")
            home = self.install(simulator, target, streams={"Invoices": None, "Vehicles": None})
            self.sync(home)
            simulator.post("edit", module="Vehicles", count=5)
            simulator.post("delete", module="Invoices", count=2)
            self.sync(home)
            for module in ("Invoices", "Vehicles"):
                self.assert_equal_to_ledger(simulator, target, [module], module=module)

    def test_every_module(self):
        target = self.postgres()
        simulator = self.simulator("--scale", "0.1")
        self.sync(self.install(simulator, target, streams={"module:*": None}))
        for module in ("Leads", "Invoices", "Vehicles", "Cases"):
            self.assertTrue(target.has_table("zoho_crm." + module.lower()), module)
        self.assert_equal_to_ledger(simulator, target, ["Vehicles"], module="Vehicles")

    def test_an_empty_module_gets_its_table(self):
        for target in (self.postgres(), self.sqlite()):
            simulator = self.simulator("--records", "leads=0,deals=10")
            home = self.install(simulator, target, streams={"leads": None, "deals": None})
            self.sync(home)
            self.assertEqual(target.row_versions("leads"), {})
            simulator.post("create", module="Leads", count=3)
            self.sync(home)
            self.assert_equal_to_ledger(simulator, target, ["leads", "deals"])

    def test_full_refresh(self):
        for target in (self.postgres(), self.sqlite()):
            simulator = self.simulator("--records", "leads=450,notes=230", "--fields", "leads=110")
            home = self.install(simulator, target, streams={s: {"mode": "full-refresh"} for s in ("leads", "notes")})
            self.sync(home)
            self.assert_equal_to_ledger(simulator, target, ["leads", "notes"])
            versions = target.row_versions("leads")
            edited = simulator.ids("edit", "Leads", count=7)
            deleted = simulator.ids("delete", "Notes", count=4)
            self.sync(home)
            after = target.row_versions("leads")
            self.assertEqual({i for i in after if after[i] != versions[i]}, edited)
            self.sync(home)
            # Two walks without a record prove its deletion; when, is known only roughly.
            marked = {r[0] for r in target.rows("select id from %s where _deleted_at is not null" % target.table("notes"))}
            self.assertEqual(marked, deleted)
            self.assert_equal_to_ledger(simulator, target, ["leads"])
            # A walk that fails half-way changes nothing.
            versions = target.row_versions("leads")
            simulator.faults({"path": "/crm/v6/Leads\\?", "after": 3, "action": {"kind": "deny", "code": "NO_PERMISSION"}})
            self.sync(home, "--streams", "leads", code=1)
            simulator.clear_faults()
            self.assertEqual(target.row_versions("leads"), versions)

    def test_a_field_that_is_added_is_filled(self):
        for target in (self.postgres(), self.sqlite()):
            simulator = self.simulator("--records", "deals=450")
            home = self.install(simulator, target, streams={"deals": None})
            self.sync(home)
            simulator.post("fields", module="Deals", add=[{"api_name": "Late_Amount", "data_type": "currency", "filled": True},
                                                          {"api_name": "Late_Text", "data_type": "text"}])
            simulator.post("edit", module="Deals", count=20)
            self.sync(home)
            self.assert_equal_to_ledger(simulator, target, ["deals"], at_least=450)

    def test_a_field_that_is_removed_keeps_its_column(self):
        target = self.postgres()
        simulator = self.simulator("--records", "deals=210")
        home = self.install(simulator, target, streams={"deals": None})
        self.sync(home)
        before = dict(target.rows("select id, next_step from zoho_crm.deals"))
        simulator.post("fields", module="Deals", remove=["Next_Step"])
        self.sync(home)
        self.assertEqual(dict(target.rows("select id, next_step from zoho_crm.deals")), before)
        report = oracle.compare(simulator, target, "deals")
        self.assertLessEqual(set(report.verdicts), {"equal", "column not wanted"}, report.text())

    def test_select(self):
        """What is left out is not asked for, and is filled when it is wanted again."""
        for target in (self.postgres(), self.sqlite()):
            simulator = self.simulator("--records", "deals=450", "--fields", "deals=120")
            select = ["deal_name", "A*", "c*", "STAGE", "-Account_Name", "-custom_*", "No_Such_Field"]
            home = self.install(simulator, target, streams={
                "deals": {"mode": "incremental", "select": select}, "users": {"select": ["*", "-e*", "-id"]}})
            result = self.sync(home)
            self.assertEqual(result.err.count("event=select_matches_nothing"), 1, result.err)
            self.assertIn("item=No_Such_Field", result.err)
            wanted = {"id", "Modified_Time", "Deal_Name", "Stage"} | {
                f["api_name"] for f in simulator.fields("Deals") if f["api_name"][0] in "aAcC" and not f["virtual_field"]
                and f["api_name"] != "Account_Name" and not f["api_name"].startswith("Custom_")}
            self.assertGreater(len(wanted), 5)
            asked = [set(parse_qs(urlsplit(r["target"]).query)["fields"][0].split(","))
                     for r in simulator.requests() if "/crm/v6/Deals?" in r["target"]]
            self.assertEqual(asked, [wanted] * len(asked))
            self.assertEqual(len(asked), 3)  # As many as pages: one slice.
            self.assert_equal_to_ledger(simulator, target, ["deals"], fields=wanted, at_least=450)
            columns = oracle.table_columns(target, "users")
            self.assertIn("full_name", columns)
            self.assertIn("id", columns)
            self.assertNotIn("email", columns)
            self.sync(home, "--streams", "users")
            edited = simulator.ids("edit", "Deals", count=7)
            before = target.row_versions("deals")
            self.sync(home)
            after = target.row_versions("deals")
            self.assertLessEqual({i for i in after if after[i] != before[i]}, edited)
            self.assert_equal_to_ledger(simulator, target, ["deals"], fields=wanted, at_least=450)
            self.assertEqual(home.run("verify").code, 0)
            home.streams = {"deals": {"mode": "incremental", "select": None}, "users": None}
            home.write()
            self.sync(home)
            self.assert_equal_to_ledger(simulator, target, ["deals", "users"], at_least=450)

    def test_converted_leads_are_followed(self):
        target = self.postgres()
        simulator = self.simulator("--records", "leads=300")
        home = self.install(simulator, target, streams={"leads": None})
        self.sync(home)
        simulator.post("convert", count=20)
        self.sync(home)
        self.assert_equal_to_ledger(simulator, target, ["leads"])

    def test_the_anchor(self):
        target = self.postgres()
        simulator = self.simulator("--records", "leads=600")
        home = self.install(simulator, target, streams={"leads": None})

        def anchored(days):
            day = (datetime.now(timezone.utc) - timedelta(days=days)).date()
            home.inputs["anchor_date"] = day.isoformat()
            home.write()
            self.sync(home)
            since = datetime(day.year, day.month, day.day, tzinfo=timezone.utc).timestamp()
            wanted = {int(e["id"]) for e in living(simulator, "Leads") if e["modified"] >= since}
            self.assertLessEqual(wanted, target.row_versions("leads").keys())
            self.assert_equal_to_ledger(simulator, target, ["leads"], since=since)
            return len(target.row_versions("leads"))

        few = anchored(100)
        self.assertLess(few, 500)
        more = anchored(200)  # An earlier one fills the past.
        self.assertGreater(more, few)
        self.assertEqual(anchored(150), more)  # A later one removes nothing.

    def test_ids_and_names_of_a_table_that_exists_are_kept(self):
        target = self.postgres()
        simulator = self.simulator("--records", "vendors=230")
        target.rows('create schema zoho_crm')
        target.rows('create table zoho_crm.vendors ("id" text, "Vendor_Name" varchar(500), mine text default \'x\')')
        home = self.install(simulator, target, streams={"vendors": None})
        self.sync(home)
        names = {e["id"]: e["list_view"]["Vendor_Name"] for e in living(simulator, "Vendors")}
        self.assertEqual(dict(target.rows('select id, "Vendor_Name" from zoho_crm.vendors')), names)
        self.assertEqual(target.rows("select count(distinct mine), min(mine) from zoho_crm.vendors"), [(1, "x")])
        simulator.post("edit", module="Vendors", count=10)
        self.sync(home)
        names = {e["id"]: e["list_view"]["Vendor_Name"] for e in living(simulator, "Vendors")}
        self.assertEqual(dict(target.rows('select id, "Vendor_Name" from zoho_crm.vendors')), names)

    def test_views_on_a_table_stay(self):
        target = self.postgres()
        simulator = self.simulator("--records", "leads=210", "--users", "12")
        home = self.install(simulator, target, streams={"leads": {"mode": "full-refresh"}, "users": None})
        self.sync(home)
        target.rows("create view public.names as select id, last_name from zoho_crm.leads")
        target.rows("create view public.people as select id, email from zoho_crm.users")
        simulator.post("fields", module="Leads", add=[{"api_name": "New_One", "data_type": "text", "filled": True}])
        simulator.post("create", module="users")
        self.sync(home)
        self.assertEqual(target.rows("select count(*) from public.names"), [(210,)])
        self.assertEqual(target.rows("select count(*) from public.people"), [(13,)])
        self.assert_equal_to_ledger(simulator, target, ["leads", "users"])
