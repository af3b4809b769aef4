"""The comparer is worth what it catches: tables written here by hand are equal, and every planted fault is named."""

import json
from datetime import datetime, timezone
from decimal import Decimal

import oracle
from harness import EndToEnd

STREAM, MODULE = "leads", "Leads"
TEXTS = {
    "Company": "plain text", "Designation": "e\u0301cole", "Fax": "UPPER", "Street": "line one\r\nline two",
    "City": "emoji \U0001f680", "State": "back\\slash", "Country": "trailing", "Zip_Code": None, "Twitter": "NULL",
}
NUMBERS = {
    "Annual_Revenue": "1234567890123456.123456789", "Average_Time_Spent_Minutes": "136.670", "Score_Percent": "33.33",
    "No_of_Employees": "41", "Number_Of_Chats": "null", "Wizard": '"9007199254740993"', "Visitor_Score": '"-5"',
}


def rendered(column, value, is_sqlite):
    """A ledger value as a correct writer would hand it to the database."""
    expected = oracle.expected_value(column.kind, value)
    if expected is None:
        return None
    if column.kind == "json":
        return json.dumps(value, default=lambda d: float(d) if isinstance(d, Decimal) else None)
    if column.kind == "number" and is_sqlite:
        return str(value) if oracle.significant_digits(expected) > 15 else float(expected)
    if column.kind == "number":
        return str(value)
    if column.kind == "datetime":
        return datetime.fromtimestamp(int(expected), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    if column.kind == "boolean" and is_sqlite:
        return int(expected)
    return str(expected) if column.kind == "date" else expected


class Planted:
    """A table filled from the ledger, and ways to spoil it."""

    def __init__(self, simulator, target, stream, module):
        self.simulator, self.target, self.stream = simulator, target, stream
        self.is_sqlite = target.kind == "sqlite"
        self.table = target.table(stream)
        self.columns = oracle.expected_columns(simulator, stream, module)
        self.column = {c.api_name: c for c in self.columns}
        self.create(module)
        self.entries = {int(e["id"]): e for e in map(oracle.parse_json, simulator.ledger_lines(module))}
        for record, entry in self.entries.items():
            self.insert(record, entry["list_view"], entry.get("deleted_time"))

    def run(self, statement, *values):
        return self.target.rows(statement.replace("?", "?" if self.is_sqlite else "%s"), *values)

    def create(self, module):
        types = oracle.SQLITE_TYPES if self.is_sqlite else oracle.POSTGRES_TYPES
        time = "text" if self.is_sqlite else "timestamptz"
        parts = ['"%s" %s %s' % (c.name, types[c.kind], "primary key" if c.name == "id" else "") for c in self.columns]
        parts += ['"_synced_at" ' + time, '"_deleted_at" ' + time]
        if not self.is_sqlite:
            self.run("create schema if not exists zoho_crm")
        self.run("create table %s (%s)" % (self.table, ", ".join(parts)))
        for column in self.columns if not self.is_sqlite and module != "users" else []:
            self.run('comment on column %s."%s" is ?' % (self.table, column.name),
                     column.api_name + ": " + column.label)

    def insert(self, record, view, deleted_time=None):
        values = [rendered(c, view.get(c.api_name), self.is_sqlite) for c in self.columns]
        deleted = rendered(oracle.Column("", "", "datetime"), deleted_time, self.is_sqlite)
        marks = ", ".join(["?"] * (len(values) + 2))
        self.run("insert into %s values (%s)" % (self.table, marks), *values, "2020-01-01T00:00:00Z", deleted)

    def put(self, record, api_name, value):
        name = api_name if api_name.startswith("_") else self.column[api_name].name
        self.run('update %s set "%s" = ? where id = ?' % (self.table, name), value, record)

    def value(self, record, api_name):
        return self.entries[record]["list_view"].get(api_name)

    def overwrite(self, record, view, names):
        for name in names:
            self.put(record, name, rendered(self.column[name], view.get(name), self.is_sqlite))

    def where(self, wanted):
        """A living record and a field for which `wanted(column, value)` holds."""
        for record, entry in self.entries.items():
            for column in self.columns if not entry["deleted"] else []:
                if wanted(column, entry["list_view"].get(column.api_name)):
                    return record, column.api_name
        raise AssertionError("the data set has no such value")

    def put_where(self, wanted, change):
        record, name = self.where(wanted)
        value = change(self.value(record, name))
        self.put(record, name, json.dumps(value) if self.column[name].kind == "json" and value is not None else value)


def is_kind(kind, test=lambda value: value is not None):
    return lambda column, value: column.kind == kind and column.api_name != "id" and test(value)


def without_first_key(value):
    return {k: v for k, v in list(value.items())[1:]}


def row_faults(p, x):
    """Name, expected verdict, spoiler. `x` names records with a known history."""
    special, living, other = x["special"], x["living"], x["other"]

    def sql(statement, *values):
        return lambda: p.run(statement.replace("TABLE", p.table), *values)

    def put(name, value, record=None):
        return lambda: p.put(record or special, name, value)

    def put_where(kind, change, test=lambda value: value is not None):
        return lambda: p.put_where(is_kind(kind, test), change)

    def copied(new_id, deleted="null"):
        names = ['"%s"' % c.name for c in p.columns if c.name != "id"]
        return sql("insert into TABLE (id, %s, _synced_at, _deleted_at) select %d, %s, _synced_at, %s from TABLE"
                   " where id = %d" % (", ".join(names), new_id, ", ".join(names), deleted, living))

    def older(back, names=None):
        version = oracle.parse_json(p.simulator.versions(MODULE, x["edited"])[-1 - back]["list_view"])
        return lambda: p.overwrite(x["edited"], version, names or [c.api_name for c in p.columns])

    def exchange(first, second):
        def swap():
            for record, view in ((first, p.entries[second]), (second, p.entries[first])):
                p.overwrite(record, view["list_view"], [c.api_name for c in p.columns if c.name != "id"])
        return swap

    time = "'2024-01-01T00:00:00Z'"
    half = [c.api_name for c in p.columns][::2]
    return [
        ("a row is missing", "lost", sql("delete from TABLE where id = ?", living)),
        ("all rows are missing", "lost", sql("delete from TABLE")),
        ("a living row is marked deleted", "lost", sql("update TABLE set _deleted_at = %s where id = ?" % time, living)),
        ("a row too many", "extra", copied(living + 10**9)),
        ("a deleted row too many", "extra", copied(living + 10**9, time)),
        ("another id", "extra", sql("update TABLE set id = id + 1000000000 where id = ?", living)),
        ("another id leaves a gap", "lost", sql("update TABLE set id = id + 1000000000 where id = ?", living)),
        ("the version before", "stale", older(1)),
        ("two versions before", "stale", older(2)),
        ("a mix of two versions", "torn", older(1, half)),
        ("two rows exchanged", "torn", exchange(living, other)),
        ("never stamped", "torn", sql("update TABLE set _synced_at = null where id = ?", living)),
        ("a changed letter", "torn", put("Company", "plain texT")),
        ("a cut text", "torn", put("Company", "plain tex")),
        ("an added blank", "torn", put("Country", "trailing ")),
        ("another case", "torn", put("Fax", "upper")),
        ("a text lost", "torn", put("Company", None)),
        ("an empty text for NULL", "torn", put("Zip_Code", "")),
        ("the word null for NULL", "torn", put("Zip_Code", "null")),
        ("NULL for the word", "torn", put("Twitter", None)),
        ("composed accents", "torn", put("Designation", "\u00e9cole")),
        ("line ends changed", "torn", put("Street", "line one\nline two")),
        ("a lost emoji", "torn", put("City", "emoji ?")),
        ("a doubled backslash", "torn", put("State", "back\\\\slash")),
        ("a quoted text", "torn", put("Company", '"plain text"')),
        ("texts of two columns exchanged", "torn", lambda: (put("Fax", "trailing")(), put("Country", "UPPER")())),
        ("an integer off by one", "torn", put("No_of_Employees", 42)),
        ("zero for NULL", "torn", put("Number_Of_Chats", 0)),
        ("NULL for an integer", "torn", put("No_of_Employees", None)),
        ("an integer through a double", "torn", put("Wizard", 9007199254740992)),
        ("a lost sign", "torn", put("Visitor_Score", 5)),
        ("a number's last digit", "torn", put("Annual_Revenue", "1234567890123456.123456788")),
        ("a number through a double", "torn", put("Annual_Revenue", "1234567890123456.0")),
        ("a rounded number", "torn", put("Score_Percent", 33.3)),
        ("NULL for a number", "torn", put("Score_Percent", None)),
        ("a flipped boolean", "torn", put_where("boolean", lambda v: (int if p.is_sqlite else bool)(not v))),
        ("NULL for a boolean", "torn", put_where("boolean", lambda v: None)),
        ("NULL for a time", "torn", put_where("datetime", lambda v: None)),
        ("a time one second late", "torn", put("Converted_Date_Time", "2024-05-05T10:00:01Z", x["converted"])),
        ("a time without its zone", "torn", put_where("datetime", lambda v: v[:19] + "Z",
                                                       lambda v: v and not v.endswith("+00:00"))),
        ("a key of an object lost", "torn", put_where("json", without_first_key, lambda v: isinstance(v, dict))),
        ("a value in an object", "torn", put_where("json", lambda v: {**v, "id": "1"}, lambda v: isinstance(v, dict))),
        ("an id in an object as a number", "torn", put_where("json", lambda v: {**v, "id": int(v["id"])},
                                                              lambda v: isinstance(v, dict) and v.get("id"))),
        ("an array in another order", "torn", put_where("json", lambda v: v[::-1],
                                                         lambda v: isinstance(v, list) and len(v) > 1)),
        ("an array's last entry lost", "torn", put_where("json", lambda v: v[:-1], lambda v: isinstance(v, list) and v)),
        ("NULL for an empty array", "torn", put_where("json", lambda v: None, lambda v: v == [])),
        ("an empty array for NULL", "torn", put_where("json", lambda v: [], lambda v: v is None)),
        ("NULL for an object", "torn", put_where("json", lambda v: None, lambda v: isinstance(v, dict))),
        ("a deleted row lives", "not-deleted", put("_deleted_at", None, x["deleted"])),
        ("a deleted row was written again", "resurrected",
         sql("update TABLE set _deleted_at = null, _synced_at = '2999-01-01T00:00:00Z' where id = ?", x["deleted"])),
        ("deleted at another time", "ill-deleted", put("_deleted_at", "2024-01-01T00:00:00Z", x["deleted"])),
        ("a deleted row with a wrong text", "torn", put("Company", "never", x["deleted"])),
        ("a soft-deleted row is gone", "lost", sql("delete from TABLE where id = ?", x["deleted"])),
        ("a column dropped", "column missing", sql("alter table TABLE drop column company")),
        ("a column renamed", "column missing", sql("alter table TABLE rename column company to firm")),
        ("a column added", "column not wanted", sql("alter table TABLE add column firm text")),
        ("the table gone", "no table", sql("drop table TABLE")),
        ("our column dropped", "column missing", sql("alter table TABLE drop column _synced_at")),
    ]


def postgres_faults(p, x):
    def sql(statement):
        return lambda: p.run(statement.replace("TABLE", p.table))

    return [
        ("a lost trailing zero", "torn", lambda: p.put(x["special"], "Average_Time_Spent_Minutes", "136.67")),
        ("numbers as doubles", "column type", sql("alter table TABLE alter score_percent type double precision")),
        ("integers as texts", "column type", sql("alter table TABLE alter wizard type text")),
        ("times without zone", "column type", sql("alter table TABLE alter created_time type timestamp")),
        ("no primary key", "key", sql("alter table TABLE drop constraint leads_pkey")),
        ("a row twice", "duplicate", lambda: (sql("alter table TABLE drop constraint leads_pkey")(),
                                              sql("insert into TABLE select * from TABLE limit 1")())),
        ("a comment lost", "comment", sql("comment on column TABLE.company is null")),
    ]


def sqlite_faults(p, x):
    def put(name, value):
        return lambda: p.put(x["special"], name, value)

    return [
        ("a short number as text", "torn", put("Score_Percent", "33.33")),
        ("a long number as a double", "torn", put("Annual_Revenue", 1234567890123456.123456789)),
        ("a time in another zone", "torn", put("Converted_Date_Time", "2024-05-05T06:00:00-04:00")),
        ("broken JSON", "torn", put("Owner", "{")),
        ("true as a text", "torn", put("Email_Opt_Out", "true")),
        ("a row twice", "duplicate", lambda: (p.run("create table copy as select * from leads"),
                                              p.run("drop table leads"),
                                              p.run("alter table copy rename to leads"),
                                              p.run("insert into leads select * from leads limit 1"))),
    ]


class Oracle(EndToEnd):
    def prepared(self, target):
        """A data set with a history, planted correctly."""
        simulator = self.simulator("--records", "leads=40", "--users", "12")
        ids = sorted(int(oracle.parse_json(line)["id"]) for line in simulator.ledger_lines(MODULE))
        x = dict(zip(("special", "living", "other", "edited", "deleted", "converted"), ids))
        simulator.post("edit", module=MODULE, ids=[str(x["special"])], fields=TEXTS, raw_fields=NUMBERS)
        for _ in range(2):
            simulator.post("edit", module=MODULE, ids=[str(x["edited"])])
        simulator.post("delete", module=MODULE, ids=[str(x["deleted"])])
        simulator.post("edit", module=MODULE, ids=[str(x["converted"])],
                       fields={"Converted_Date_Time": "2024-05-05T06:00:00-04:00"})
        planted = Planted(simulator, target, STREAM, MODULE)
        return simulator, planted, x

    def check(self, target, more_faults):
        simulator, planted, x = self.prepared(target)
        options = {"gone": [x["deleted"]]}
        correct = oracle.compare(simulator, target, STREAM, **options)
        self.assertTrue(correct.is_equal(), correct.text())
        self.assertEqual(correct.rows, 40)

        faults = row_faults(planted, x) + more_faults(planted, x)
        self.assertGreaterEqual(len(faults), 40)
        for name, verdict, spoil in faults:
            with self.subTest(name):
                target.rows("begin")
                try:
                    spoil()
                    report = oracle.compare(simulator, target, STREAM, **options)
                finally:
                    target.rows("rollback")
                self.assertIn(verdict, report.verdicts, report.text())
                self.assertFalse(report.is_equal())

        # What the other policies for deletions leave behind is told apart, too.
        for policy, verdict in (("hard", "not-deleted"), ("none", None)):
            report = oracle.compare(simulator, target, STREAM, deletes=policy)
            self.assertEqual(set(report.verdicts) - {"equal"}, {verdict} - {None}, report.text())
        print("%s: %d planted faults named" % (target.kind, len(faults)))

    def test_names_every_planted_fault_in_postgres(self):
        self.check(self.postgres(), postgres_faults)

    def test_names_every_planted_fault_in_sqlite(self):
        self.check(self.sqlite(), sqlite_faults)

    def test_judges_users(self):
        target = self.sqlite()
        simulator = self.simulator("--users", "12")
        planted = Planted(simulator, target, "users", "users")
        someone = next(iter(planted.entries))

        report = oracle.compare(simulator, target, "users")
        self.assertTrue(report.is_equal(), report.text())
        self.assertEqual(report.rows, 12)

        planted.put(someone, "Isonline", 1 - int(planted.value(someone, "Isonline")))
        self.assertTrue(oracle.compare(simulator, target, "users").is_equal())
        planted.put(someone, "email", "nobody@example.com")
        self.assertIn("stale", oracle.compare(simulator, target, "users").verdicts)
        planted.run("delete from users where id = ?", someone)
        self.assertIn("lost", oracle.compare(simulator, target, "users").verdicts)

    def test_a_walk_under_way_may_miss_rows_but_not_spoil_them(self):
        target = self.sqlite()
        simulator, planted, x = self.prepared(target)
        planted.run("delete from leads where id = ?", x["living"])
        self.assertTrue(oracle.compare(simulator, target, STREAM, partial=True).is_equal())
        planted.put(x["special"], "Company", "never")
        self.assertIn("torn", oracle.compare(simulator, target, STREAM, partial=True).verdicts)

    def test_names_columns_as_the_contract_says(self):
        long = "A" * 70
        names = oracle.column_names(["Last_Name", "LastName", "createdTime", "id", long, "Enrich_Status__s", "_synced_at"])
        self.assertEqual(names["LastName"], "last_name")
        self.assertEqual(names["Last_Name"], "last_name_" + oracle.hashed("Last_Name")[-8:])
        self.assertEqual(names["createdTime"], "created_time")
        self.assertEqual(names["Enrich_Status__s"], "enrich_status__s")
        self.assertEqual(len(names[long]), 63)
        self.assertNotEqual(names["_synced_at"], "_synced_at")
