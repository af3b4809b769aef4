"""Every data type of Zoho, from the JSON of a list to both databases: literal values, null, and every wrong kind of JSON."""

import json
import unittest
from decimal import Decimal

from extra_modules import flags_for
from harness import EndToEnd

# Kinds of column: PostgreSQL's and SQLite's declared type, and the type as quarantine names it.
TEXT, BIGINT, NUMERIC, BOOLEAN, DATE, TIME, JSON = (
    ("text", "text"), ("bigint", "integer"), ("numeric", ""), ("boolean", "integer"), ("date", "text"),
    ("timestamp with time zone", "text"), ("jsonb", "text"))

NUMBER_15 = "123456789012.345"
NUMBER_25 = "1234567890123456.123456789"

# (data_type, json_type, return_type or None, JSON of a list, column, PostgreSQL as text, SQLite)
# An object or array is written once: both databases hold it as JSON.
TYPES = [
    ("text", "string", None, r'"Zyl\"ker 5€"', TEXT, 'Zyl"ker 5€', 'Zyl"ker 5€'),
    ("textarea", "string", None, r'"line1\nline2"', TEXT, "line1\nline2", "line1\nline2"),
    ("mediumtext", "string", None, '"long"', TEXT, "long", "long"),
    ("email", "string", None, '"a@b.example"', TEXT, "a@b.example", "a@b.example"),
    ("phone", "string", None, '"+49 (0) 30"', TEXT, "+49 (0) 30", "+49 (0) 30"),
    ("website", "string", None, '"https://x.example/?q=1"', TEXT, "https://x.example/?q=1", "https://x.example/?q=1"),
    ("picklist", "string", None, '"-None-"', TEXT, "-None-", "-None-"),
    ("autonumber", "string", None, '"INV-0012"', TEXT, "INV-0012", "INV-0012"),
    ("profileimage", "string", None, '"3f9a"', TEXT, "3f9a", "3f9a"),
    ("event_reminder", "string", None, '"10 mins"', TEXT, "10 mins", "10 mins"),
    ("unheard_of", "string", None, '"kept"', TEXT, "kept", "kept"),
    ("unheard_of_too", "null", None, '"kept"', TEXT, "kept", "kept"),
    ("integer", "integer", None, "25", BIGINT, "25", 25),
    ("bigint", "string", None, '"4970762000000802209"', BIGINT, "4970762000000802209", 4970762000000802209),
    ("long", "string", None, '"9223372036854775807"', BIGINT, "9223372036854775807", 9223372036854775807),
    ("double", "double", None, NUMBER_15, NUMERIC, NUMBER_15, float(NUMBER_15)),
    ("decimal", "double", None, NUMBER_25, NUMERIC, NUMBER_25, NUMBER_25),
    ("currency", "double", None, "136.670", NUMERIC, "136.670", 136.67),
    ("percent", "double", None, "25", NUMERIC, "25", 25),
    ("boolean", "boolean", None, "true", BOOLEAN, "true", 1),
    ("date", "string", None, '"2017-08-16"', DATE, "2017-08-16", "2017-08-16"),
    ("datetime", "string", None, '"2017-08-16T14:32:23+05:30"', TIME, "2017-08-16 09:02:23+00", "2017-08-16T09:02:23Z"),
    ("formula", "double", "double", "0.10", NUMERIC, "0.10", 0.1),
    ("formula", "double", "currency", "7", NUMERIC, "7", 7),
    ("formula", "string", "string", '"ab"', TEXT, "ab", "ab"),
    ("formula", "boolean", "boolean", "false", BOOLEAN, "false", 0),
    ("formula", "string", "date", '"2024-02-29"', DATE, "2024-02-29", "2024-02-29"),
    ("formula", "string", "datetime", '"2024-02-29T23:59:59-01:00"', TIME, "2024-03-01 00:59:59+00", "2024-03-01T00:59:59Z"),
    ("rollup_summary", "integer", "integer", "12", BIGINT, "12", 12),
    ("rollup_summary", "string", "datetime", '"2020-01-01T00:00:00+00:00"', TIME, "2020-01-01 00:00:00+00", "2020-01-01T00:00:00Z"),
    ("rollup_summary", "double", "currency", "9.90", NUMERIC, "9.90", 9.9),
    ("lookup", "jsonobject", None, '{"name":"King","id":"3652397000000190102"}', JSON, None, None),
    ("ownerlookup", "jsonobject", None, '{"name":"P","id":"1","email":"p@x.example"}', JSON, None, None),
    ("userlookup", "jsonobject", None, '{"name":"P","id":"1"}', JSON, None, None),
    ("profilelookup", "jsonobject", None, '{"id":"1"}', JSON, None, None),
    ("multi_module_lookup", "jsonobject", None, '{"module":{"api_name":"Contacts","id":"1"},"name":"x","id":"2"}', JSON, None, None),
    ("layout", "jsonobject", None, '{"name":"Standard","id":"5"}', JSON, None, None),
    ("consent_lookup", "jsonobject", None, '{"Contact_Through_Email":true,"id":"6"}', JSON, None, None),
    ("ALARM", "jsonobject", None, '{"ALARM":"ACTION=EMAIL;TRIGGER=-P1D"}', JSON, None, None),
    ("RRULE", "jsonobject", None, '{"RRULE":"FREQ=DAILY;INTERVAL=1"}', JSON, None, None),
    ("address", "jsonobject", None, '{"city":"Bonn"}', JSON, None, None),
    ("multiselectpicklist", "jsonarray", None, '["English","German"]', JSON, None, None),
    ("text", "jsonarray", None, '[{"name":"vip","id":"1","color_code":null}]', JSON, None, None),
    ("territories", "jsonarray", None, '[{"Name":"EMEA","id":"7"}]', JSON, None, None),
    ("fileupload", "jsonarray", None, '[{"id":"1","Size__s":12345678901234567890}]', JSON, None, None),
    ("imageupload", "jsonarray", None, "[]", JSON, None, None),
    ("multireminder", "jsonarray", None, '[{"unit":15,"period":"minutes"}]', JSON, None, None),
    ("line_tax", "jsonarray", None, '[{"percentage":10.50,"name":"VAT","id":"8"}]', JSON, None, None),
    # What fields of Zoho's own are known to hold besides.
    ("bigint", "string", None, '"0"', BIGINT, "0", 0),
    ("double", "double", None, "850000", NUMERIC, "850000", 850000),
    ("datetime", "string", None, '"2017-08-16T09:02:23Z"', TIME, "2017-08-16 09:02:23+00", "2017-08-16T09:02:23Z"),
    ("text", "string", None, '"10:00"', TEXT, "10:00", "10:00"),
    ("picklist", "string", None, '"2024-02-29T10:00:00+01:00"', TEXT, "2024-02-29T10:00:00+01:00", "2024-02-29T10:00:00+01:00"),
    ("lookup", "jsonobject", None, '{"id":"3652397000000190103"}', JSON, None, None),
    ("ownerlookup", "jsonobject", None, '{"name":"P","id":"1"}', JSON, None, None),
    ("multiselectpicklist", "jsonarray", None, "[]", JSON, None, None),
    ("participants", "jsonarray", None, '[{"name":"J","id":"1","type":"lead","participant":"2","invited":false}]', JSON, None, None),
    ("tax", "jsonarray", None, '[{"value":"Sales Tax - 10.0 %","id":"8"}]', JSON, None, None),
    ("pricing_details", "jsonarray", None, '[{"from_range":1,"to_range":100,"discount":5,"id":"9"}]', JSON, None, None),
    ("comments", "jsonarray", None, '[{"commented_by":"P","comment_content":"x","id":"1"}]', JSON, None, None),
]
# Not in lists, so that there is no column (details are another setting).
NOT_IN_LISTS = ["subform", "multiselectlookup", "multiuserlookup", "line_items", "product_details"]

# One record each: this JSON in every field. What each kind of column makes of it; SET_ASIDE is NULL and one entry in quarantine.
SET_ASIDE = object()
ODD = {
    "null": ("null", {kind: None for kind in (TEXT, BIGINT, NUMERIC, BOOLEAN, DATE, TIME, JSON)}),
    "an empty text": ('""', {TEXT: "", BIGINT: None, NUMERIC: None, BOOLEAN: None, DATE: None, TIME: None, JSON: None}),
    "an object": ('{"a":1}', {TEXT: '{"a":1}', BIGINT: SET_ASIDE, NUMERIC: SET_ASIDE, BOOLEAN: SET_ASIDE, DATE: SET_ASIDE,
                              TIME: SET_ASIDE, JSON: {"a": 1}}),
    "an array": ("[1]", {TEXT: "[1]", BIGINT: SET_ASIDE, NUMERIC: SET_ASIDE, BOOLEAN: SET_ASIDE, DATE: SET_ASIDE,
                         TIME: SET_ASIDE, JSON: [1]}),
    "a word": ('"word"', {TEXT: "word", BIGINT: SET_ASIDE, NUMERIC: SET_ASIDE, BOOLEAN: SET_ASIDE, DATE: SET_ASIDE,
                          TIME: SET_ASIDE, JSON: "word"}),
    "true": ("true", {TEXT: "true", BIGINT: SET_ASIDE, NUMERIC: SET_ASIDE, BOOLEAN: True, DATE: SET_ASIDE, TIME: SET_ASIDE,
                      JSON: True}),
    "a fraction": ("3.5", {TEXT: "3.5", BIGINT: SET_ASIDE, NUMERIC: 3.5, BOOLEAN: SET_ASIDE, DATE: SET_ASIDE,
                           TIME: SET_ASIDE, JSON: 3.5}),
}


def name_of(index):
    return "T%02d_%s" % (index, TYPES[index][0])


def fields():
    result = []
    for index, (data_type, json_type, return_type, *_) in enumerate(TYPES):
        kind = data_type if data_type in ("formula", "rollup_summary") else "text"
        result.append({"api_name": name_of(index), "data_type": kind, "said_data_type": data_type, "json_type": json_type,
                       "return_type": return_type or ""})
    return result + [{"api_name": "Absent_" + kind, "data_type": "subform", "said_data_type": kind} for kind in NOT_IN_LISTS]


class DataTypes(EndToEnd):
    @classmethod
    def columns(cls):
        return [name_of(i).lower() for i in range(len(TYPES))]

    def prepare(self, target):
        self.sim = self.simulator("--scale", "0.01", *flags_for(
            self, [{"api_name": "Every_Type", "records": 1 + len(ODD), "fields": fields()}]))
        self.ids = sorted(int(json.loads(line)["id"]) for line in self.sim.ledger_lines("Every_Type"))
        self.record({name_of(i): row[3] for i, row in enumerate(TYPES)}, 0)
        for number, (text, _) in enumerate(ODD.values()):
            self.record({name_of(i): text for i in range(len(TYPES))}, number + 1)
        self.target = target
        self.home = self.install(self.sim, target, streams={"Every_Type": None})
        self.sync(self.home)

    def record(self, raw, number):
        self.sim.post("edit", module="Every_Type", ids=[str(self.ids[number])], raw_fields=raw)

    def row(self, number, as_text):
        names = ", ".join('"%s"%s' % (name, as_text) for name in self.columns())
        return self.target.rows("select %s from %s where id = %d" % (names, self.target.table("Every_Type"), self.ids[number]))[0]

    def check_declared_types(self, which):
        found = dict(self.declared())
        for index, row in enumerate(TYPES):
            self.assertEqual(found[name_of(index).lower()], row[4][which], row)
        for kind in NOT_IN_LISTS:
            self.assertNotIn("absent_" + kind, found)

    def declared(self):
        if self.target.kind == "sqlite":
            return [(n, t.lower()) for n, t in self.target.rows("select name, type from pragma_table_info(?)",
                                                                self.target.table("Every_Type"))]
        return self.target.rows("select attname::text, format_type(atttypid, null) from pg_attribute"
                                " where attrelid = 'zoho_crm.every_type'::regclass and attnum > 0")

    def quarantined(self):
        entries = self.target.rows("select id, body from %squarantine" % self.target.state_prefix)
        return sorted((int(record), body) for record, body in entries)

    def expected_quarantine(self):
        entries = []
        for number, (text, outcome) in enumerate(ODD.values()):
            raw = text[1:-1] if text.startswith('"') else text
            entries += [(self.ids[number + 1], raw) for row in TYPES if outcome[row[4]] is SET_ASIDE]
        return sorted(entries)

    def test_postgres_holds_the_literal_values(self):
        self.prepare(self.postgres())
        self.check_declared_types(0)
        for row, found in zip(TYPES, self.row(0, "::text")):
            with self.subTest(row[0], json=row[3]):
                if row[4] is JSON:
                    self.assertEqual(json.loads(found, parse_float=Decimal), json.loads(row[3], parse_float=Decimal))
                else:
                    self.assertEqual(found, row[5])
        self.check_odd("::text", self.postgres_value)
        print("%d rows of %d data types, each with %d odd shapes" % (len(TYPES), len({row[0] for row in TYPES}), len(ODD)))

    @staticmethod
    def postgres_value(kind, found):
        if found is None or kind is TEXT:
            return found
        return float(found) if kind is NUMERIC else json.loads(found)

    def test_sqlite_holds_the_literal_values(self):
        self.prepare(self.sqlite())
        self.check_declared_types(1)
        for row, found in zip(TYPES, self.row(0, "")):
            with self.subTest(row[0], json=row[3]):
                if row[4] is JSON:
                    self.assertEqual(json.loads(found, parse_float=Decimal), json.loads(row[3], parse_float=Decimal))
                else:
                    self.assertEqual((type(found), found), (type(row[6]), row[6]))
        self.check_odd("", lambda kind, found: json.loads(found) if kind is JSON and found is not None else found)

    def check_odd(self, as_text, read):
        """No row is lost, whatever it holds: what does not fit is NULL there and whole in quarantine."""
        self.assertEqual(self.target.rows("select count(*) from %s where _deleted_at is null" % self.target.table("Every_Type"))[0][0],
                         1 + len(ODD))
        for number, (name, (_, outcome)) in enumerate(ODD.items()):
            for row, found in zip(TYPES, self.row(number + 1, as_text)):
                with self.subTest(name, data_type=row[0], json_type=row[1]):
                    wanted = outcome[row[4]]
                    self.assertEqual(read(row[4], found), None if wanted is SET_ASIDE else wanted)
        self.assertEqual(self.quarantined(), self.expected_quarantine())
        self.assertGreater(len(self.quarantined()), 60)
        # Mended in Zoho, the row is whole and quarantine forgets it.
        for number in range(len(ODD)):
            self.record({name_of(i): row[3] for i, row in enumerate(TYPES)}, number + 1)
        self.sync(self.home)
        self.assertEqual(self.quarantined(), [])
        self.assertEqual(self.row(1, as_text), self.row(0, as_text))


if __name__ == "__main__":
    unittest.main()
