"""Every module of an organisation: sixty of them, twenty custom, and some that can not be read for one reason each."""

import json
import re
import unittest

import oracle
from extra_modules import field, flags_for, wide_fields
from harness import RECORD_STREAMS, EndToEnd, module_of

CUSTOM = ["CustomModule12", "CustomModule7", "Foo__c", "Bar_Baz__c", "Int_r_t_pour_quel_service_initialement", "X",
          "Order", "User", "Group", "Select", "CamelCaseModule", "Projects_2024", "A1", "Meetings_Old", "Zuordnung",
          "Table", "Wide__c"]
BUILT_IN = ["Sales_Orders", "Purchase_Orders", "Price_Books", "Solutions", "Appointments__s", "Services__s", "Functions__s",
            "LinkingModule1", "LinkingModule2"]
EMPTY = ["Cases"]
TIMELESS = ["DealHistory", "LinkingModule3"]

# What each of these is answered with, and the words that name it.
UNREADABLE = {
    "SalesInbox": ({"api_supported": False}, "not supported by the API"),
    "Scoring_Rules__s": ({"viewable": False}, "not visible to the token's user"),
    "Shift_Hours": ({"status": "system_hidden"}, "lists no fields"),
    "Secret_Deals": ({"records": 5, "fields_refusal": "NO_PERMISSION"}, "its list of fields (NO_PERMISSION)"),
    "Secret_Tab__c": ({"records": 5, "list_refusal": "INVALID_MODULE"}, "its records (INVALID_MODULE)"),
    "Secret_Rows__c": ({"records": 5, "list_refusal": "NO_PERMISSION"}, "its records (NO_PERMISSION)"),
    "Broken_List": ({"records": 5, "generated_type": "default"}, "its list of fields can not be read"),
    "Ghost": ({"fields_refusal": "INVALID_MODULE"}, "its list of fields (INVALID_MODULE)"),
}
# Fields are listed, so that there is a stream, which is then refused by itself.
REFUSED_LATER = {"Secret_Tab__c": "denied", "Secret_Rows__c": "denied", "Broken_List": "backoff"}
ODD_FIELDS = [17, {"field_label": "Nameless"}, {"api_name": "No_Type", "data_type": None, "json_type": None},
              {"api_name": "Last_Name,Email", "data_type": "text", "json_type": "string"},
              {"api_name": ["a", "list"], "data_type": "text"}, {"api_name": "X" * 300, "data_type": "text"},
              {"api_name": "Odd_Kind", "data_type": "hologram", "json_type": "string", "formula": [], "ui_type": 2.5}]
FIELDS = [field("Name"), field("Amount", "currency"), field("When", "datetime"), field("Kind", "picklist"), field("Done", "boolean")]


def organisation():
    modules = [{"api_name": name, "module_name": "CustomModule%d" % (100 + i), "records": 12 + i, "fields": FIELDS}
               for i, name in enumerate(CUSTOM)]
    modules[-1]["fields"] = wide_fields(70)
    modules += [{"api_name": name, "generated_type": "default", "records": 8, "fields": FIELDS,
                 "status": "user_hidden" if name == "Solutions" else "visible"} for name in BUILT_IN]
    modules += [{"api_name": name, "generated_type": "linking", "records": 9, "fields": FIELDS, "modified_time": False}
                for name in TIMELESS]
    modules += [{"api_name": name, "fields": FIELDS, "generated_type": "custom" if name.endswith("__c") else "default", **said}
                for name, (said, _) in UNREADABLE.items()]
    modules[0]["odd_fields"] = ODD_FIELDS
    return modules


class Modules(EndToEnd):
    def prepare(self, target, streams):
        self.sim = self.simulator("--scale", "0.05", *flags_for(self, organisation()))
        self.sim.faults({"path": r"settings/fields\?module=Broken_List", "action": {"kind": "status", "status": 200,
                                                                                    "body": {"fields": "none"}}})
        self.target = target
        self.home = self.install(self.sim, target, streams=streams)
        # What the simulator has by itself besides the fourteen.
        self.readable = CUSTOM + BUILT_IN + TIMELESS + ["Invoices", "Cases", "Vehicles"]

    def test_it_is_an_organisation_of_sixty_modules(self):
        self.prepare(self.sqlite(), {"*": None})
        listed = [json.loads(line)["list_view"] for line in self.sim.ledger_lines("modules")]
        self.assertEqual(len(listed), 60)
        self.assertEqual(len([m for m in listed if m["generated_type"] == "custom"]), 20)

    def test_everything_readable_is_synced(self):
        for target in (self.postgres(), self.sqlite()):
            with self.subTest(target.kind):
                self.prepare(target, {"*": None, "module:*": None})
                result = self.sync(self.home, code=1)
                self.assert_synced()
                states = self.states(target)
                for module, status in REFUSED_LATER.items():
                    self.assertEqual(states[module]["status"], status, states[module])
                self.assertEqual({s for s in states if states[s]["status"] != "ok"}, set(REFUSED_LATER))
                self.assert_says_what_was_left_out(result, states)
                self.sim.post("edit", module="Foo__c", count=3)
                self.sim.post("edit", module="DealHistory", count=2)
                self.sim.post("create", module="Order", count=2)
                self.sim.clear_faults()
                self.sync(self.home, code=1)
                self.assert_synced()
                self.assert_equal_to_ledger(self.sim, target, ["Broken_List"], module="Broken_List", at_least=5)
                self.assertEqual({s for s, state in self.states(target).items() if state["status"] != "ok"},
                                 {s for s, status in REFUSED_LATER.items() if status == "denied"})

    def assert_synced(self):
        compared = self.assert_equal_to_ledger(self.sim, self.target)
        for module in self.readable:
            report = oracle.compare(self.sim, self.target, module, module=module)
            # The ledger knows nothing of fields that are in the list alone.
            odd = ["column not wanted: no_type", "column not wanted: odd_kind"] if module == "CustomModule12" else []
            self.assertEqual(report.problems, odd, report.text())
            self.assertEqual(report.rows > 0, module not in EMPTY, module)
            compared += report.rows
        tables = self.tables()
        print("%s: %d rows in %d tables equal to the ledger" % (self.target.kind, compared, tables))
        self.assertEqual(tables, len(self.readable) - len(EMPTY) + len(RECORD_STREAMS) + 2)  # And `users` and `modules`.
        self.assertGreater(compared, 500)

    def tables(self):
        """Tables that hold a record."""
        streams = self.readable + RECORD_STREAMS + ["users", "modules"]
        counts = [self.target.rows("select count(*) from " + self.target.quoted_table(s))[0][0] for s in streams]
        return len([count for count in counts if count > 0])

    def assert_says_what_was_left_out(self, result, states):
        left_out = {"Secret_Deals": "NO_PERMISSION", "Ghost": "INVALID_MODULE", "Shift_Hours": "no fields",
                    "Visits": "no fields"}
        for module, words in left_out.items():
            lines = [l for l in result.err.splitlines() if "event=module_left_out" in l and "stream=%s " % module in l]
            self.assertEqual(len(lines), 1, module)
            self.assertIn(words, lines[0])
            self.assertNotIn(module, states)
        for module in ("SalesInbox", "Scoring_Rules__s", "Home"):
            self.assertNotIn(module, states)

    def test_discover_names_each_reason(self):
        self.prepare(self.postgres(), {"*": None, "module:*": None})
        result = self.home.run("discover", "--json")
        self.assertEqual(result.code, 0, result.text)
        found = {entry["module"] or entry["stream"]: entry for entry in json.loads(result.out)}
        self.assertEqual(len(found), 60 + 2)  # `users` and `modules` are streams, and no modules.
        for module, (_, words) in UNREADABLE.items():
            self.assertIn(words, found[module]["problem"] or "", module)
            self.assertFalse(found[module]["selected"], module)
        for module in ["Home", "Reports", "Projects"]:
            self.assertIn("not supported by the API", found[module]["problem"])
        for module in self.readable + [module_of(stream) for stream in RECORD_STREAMS]:
            self.assertIsNone(found[module]["problem"], module)
            self.assertTrue(found[module]["selected"], module)
            self.assertEqual(found[module]["incremental"], module not in TIMELESS, module)
        self.assertEqual(found["Foo__c"]["kind"], "custom")
        self.assertIn("user_hidden", found["Solutions"]["remark"])
        self.assertIn("no field Modified_Time", found["DealHistory"]["remark"])
        self.assertEqual(found["CustomModule12"]["fields"], len(self.sim.fields("CustomModule12")) + 2)

        text = self.home.run("discover").out
        for module, (_, words) in UNREADABLE.items():
            line = next(l for l in text.splitlines() if l.split()[:2] == [module, module])
            self.assertIn(words, line)

    def test_check_names_each_reason(self):
        self.prepare(self.postgres(), {"*": None, "module:*": None})
        lines = self.checked(code=1)
        for module in ("SalesInbox", "Scoring_Rules__s", "Shift_Hours"):
            self.assertEqual(lines[module][0], "ok", lines[module])
            self.assertIn("left out: ", lines[module][1])
        self.assertIn("not supported by the API", lines["SalesInbox"][1])
        self.assertIn("not visible", lines["Scoring_Rules__s"][1])
        self.assertIn("lists no fields", lines["Shift_Hours"][1])
        for module in ("Secret_Deals", "Secret_Tab__c", "Secret_Rows__c", "Ghost"):
            self.assertEqual(lines[module][0], "warn", lines[module])
        self.assertIn("NO_PERMISSION", lines["Secret_Deals"][1])
        self.assertIn("INVALID_MODULE", lines["Secret_Tab__c"][1])
        self.assertEqual(lines["Broken_List"][0], "FAIL")
        self.assertIn('no list "fields"', lines["Broken_List"][1])
        for module in self.readable:
            self.assertEqual(lines[module][0], "ok", lines[module])
            self.assertIn("fields (", lines[module][1])

    def test_a_module_asked_for_by_name_fails_with_its_reason(self):
        """And hides none of the others."""
        self.prepare(self.postgres(), {name: None for name in UNREADABLE} | {"Foo__c": None, "leads": None})
        lines = self.checked(code=1)
        for module, (_, words) in UNREADABLE.items():
            self.assertEqual(lines[module][0], "FAIL", lines[module])
        self.assertEqual((lines["Foo__c"][0], lines["leads"][0]), ("ok", "ok"))
        self.assertIn("not supported by the API", lines["SalesInbox"][1])
        result = self.sync(self.home, code=1)
        states = self.states(self.target)
        self.assertEqual({s for s in states if states[s]["status"] == "ok"}, {"Foo__c", "leads"}, result.err)
        self.assertEqual(set(states), set(UNREADABLE) | {"Foo__c", "leads"})
        for module in UNREADABLE:
            self.assertTrue(states[module]["last_error"], module)
        self.assert_equal_to_ledger(self.sim, self.target, ["Foo__c"], module="Foo__c")
        self.assert_equal_to_ledger(self.sim, self.target, ["leads"])

    def checked(self, code):
        result = self.home.run("check", "--json")
        self.assertEqual(result.code, code, result.text)
        return {e["check"].removeprefix("endpoint "): (e["level"], e["text"]) for e in json.loads(result.out)["checks"]}

    def test_an_odd_field_is_named_and_hides_no_other(self):
        self.prepare(self.postgres(), {"CustomModule12": None})
        result = self.sync(self.home)
        self.assert_equal_columns()
        said = [line for line in result.err.splitlines() if "event=odd_field" in line]
        for words in ("entry 1.*no JSON object", "entry 2.*no api_name", "No_Type.*no data_type: it is stored as text",
                      "entry 4.*comma", "entry 5.*no api_name", "entry 6.*longer than"):
            self.assertTrue(any(re.search(words, line) for line in said), (words, said))
        self.assertEqual(len(said), 6, said)

    def assert_equal_columns(self):
        columns = {row[0] for row in self.target.rows(
            "select attname from pg_attribute where attrelid = 'zoho_crm.custommodule12'::regclass and attnum > 0")}
        self.assertLessEqual({"no_type", "odd_kind", "name", "amount", "modified_time"}, columns)
        self.assertEqual(self.target.rows("select count(*) from zoho_crm.custommodule12 where name is not null")[0][0] > 0, True)

    def test_two_modules_never_share_a_table(self):
        self.sim = self.simulator("--scale", "0.05", *flags_for(self, [
            {"api_name": "Orders", "records": 5, "fields": FIELDS}, {"api_name": "ORDERS", "records": 7, "fields": FIELDS},
            {"api_name": "Users", "records": 3, "fields": FIELDS}]))
        target = self.postgres()
        home = self.install(self.sim, target, streams={"users": None, "module:*": None})
        result = self.sync(home)
        self.assert_equal_to_ledger(self.sim, target, ["users"])
        self.assert_equal_to_ledger(self.sim, target, ["Orders"], module="Orders")
        for module in ("ORDERS", "Users"):
            self.assertRegex(result.err, r"stream=%s event=module_left_out .*which another stream has" % module)


if __name__ == "__main__":
    unittest.main()
