"""Decides whether a target equals the organisation.

Reads the simulator's ledger and the target's tables with its own SQL, and knows the contract's tables
(names, types, values) from the contract's text only. Nothing here is shared with the daemon.

Verdicts of a row: equal; lost (missing, or marked deleted although it lives); extra (no such record);
stale (an older version); torn (no version at all); not-deleted (never marked deleted); resurrected
(written again after the deletion); duplicate; ill-deleted (deleted, but the mark is wrong).
"""

import hashlib
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

OURS = {"_synced_at", "_deleted_at"}
OURS_WITH_DETAILS = {"_details_at"}
LOOSE = {"users": "users", "modules": "modules"}
NOISE = {"users": {"isonline", "offset"}}
# What changes under way may look like for a while. A torn, extra or duplicate row is never right.
LATE = {"lost", "stale", "not-deleted", "resurrected", "ill-deleted"}
INT64 = range(-(2**63), 2**63)
# Contract, section 6.
TYPES = {"integer": "integer", "bigint": "integer", "double": "number", "decimal": "number", "currency": "number",
         "percent": "number", "boolean": "boolean", "date": "date", "datetime": "datetime"}
POSTGRES_TYPES = {"integer": "bigint", "number": "numeric", "boolean": "boolean", "date": "date",
                  "datetime": "timestamp with time zone", "json": "jsonb", "text": "text"}
SQLITE_TYPES = {"integer": "integer", "number": "", "boolean": "integer", "date": "text", "datetime": "text",
                "json": "text", "text": "text"}


# Names and types

def snake(name):
    """`Last_Name` is last_name, `createdTime` is created_time."""
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[^A-Za-z0-9_]", "_", name).lower()


def hashed(name):
    stem = snake(name).encode()[:54].decode(errors="ignore")
    return stem + "_" + hashlib.sha256(name.encode()).hexdigest()[:8]


def column_names(api_names):
    """API name to column name for a table that was made in one go."""
    names, taken = {}, set(OURS)
    for api_name in sorted(api_names, key=str.encode):
        plain = snake(api_name)
        if plain in taken or len(plain.encode()) > 63:
            names[api_name] = hashed(api_name)
        else:
            names[api_name] = plain
            taken.add(plain)
    return names


def kind_of_field(zoho_field):
    """The kind of column for one entry of a field list."""
    if zoho_field["api_name"] == "id":
        return "integer"
    if zoho_field["json_type"] in ("jsonobject", "jsonarray"):
        return "json"
    data_type = zoho_field["data_type"]
    if data_type in ("formula", "rollup_summary"):
        data_type = zoho_field[data_type]["return_type"]
    return TYPES.get(data_type, "text")


def kind_of_value(key, values):
    """The kind of column for a key of users or modules, where no field list exists."""
    value = next((v for v in values if v is not None), None)
    if isinstance(value, (dict, list)):
        return "json"
    if key == "id":
        return "integer"
    if key.lower().endswith("_time"):
        return "datetime"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    return "number" if isinstance(value, Decimal) else "text"


# Values, in one canonical form for both sides

def clean(text):
    """What databases can not store becomes the replacement character."""
    return re.sub("[\0\ud800-\udfff]", "\ufffd", text)


def instant(text):
    """An ISO time as seconds since 1970; None when it is none."""
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except (ValueError, AttributeError):
        return None
    if moment.tzinfo is None:
        return None
    return Decimal(int(moment.replace(microsecond=0).timestamp())) + Decimal(moment.microsecond) / 1_000_000


def number(value):
    try:
        parsed = Decimal(value)
    except (InvalidOperation, TypeError, ValueError):
        return None
    return parsed if parsed.is_finite() else None


def structure(value):
    """A JSON value for comparison: numbers by their value, texts as databases keep them."""
    if isinstance(value, dict):
        return {clean(k): structure(v) for k, v in value.items()}
    if isinstance(value, list):
        return [structure(v) for v in value]
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, bool) or value is None:
        return value
    return ("number", Decimal(value).normalize())


def depth(value):
    """How deep objects and lists nest. docs/correctness.md: beyond 64 a value is set aside."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)


def parse_json(text):
    return json.loads(text, parse_float=Decimal)


def expected_value(kind, value):
    """What the contract wants to find for a value of the list; None also for what does not fit."""
    if value is None:
        return None
    if kind == "json":
        return structure(value) if depth(value) <= 64 else None
    if kind == "integer":
        parsed = number(value) if not isinstance(value, bool) else None
        fits = parsed is not None and parsed == parsed.to_integral_value() and int(parsed) in INT64
        return int(parsed) if fits else None
    if kind == "number":
        parsed = number(value) if not isinstance(value, bool) else None
        # PostgreSQL's documented limits: 131,072 digits before the point and 16,383 after it.
        fits = parsed is not None and parsed.adjusted() < 131_072 and parsed.as_tuple().exponent >= -16_383
        return parsed if fits else None
    if kind == "boolean":
        return value if isinstance(value, bool) else None
    if kind == "date":
        try:
            return date.fromisoformat(value)
        except (ValueError, TypeError):
            return None
    if kind == "datetime":
        return instant(value)
    return clean(value) if isinstance(value, str) else clean(json.dumps(value, default=str))


class Unreadable:
    """A stored value that is not what its column's kind should hold."""

    def __init__(self, stored):
        self.stored = stored

    def __eq__(self, other):
        return False

    def __repr__(self):
        return "not of its kind: %r" % (self.stored,)


def postgres_value(kind, text):
    """A value that was read as text."""
    if text is None or kind == "text":
        return text
    if kind == "json":
        return structure(parse_json(text))
    if kind == "integer":
        return int(text)
    if kind == "number":
        return Decimal(text)
    if kind == "boolean":
        return {"true": True, "false": False}.get(text, Unreadable(text))
    if kind == "date":
        return date.fromisoformat(text)
    moment = instant(text)
    return Unreadable(text) if moment is None else moment


def sqlite_value(kind, stored):
    """A value as Python's sqlite3 gives it: its storage class is part of the contract."""
    if stored is None:
        return None
    if kind == "integer":
        return stored if isinstance(stored, int) else Unreadable(stored)
    if kind == "boolean":
        return {0: False, 1: True}[stored] if isinstance(stored, int) and stored in (0, 1) else Unreadable(stored)
    if kind == "number":
        if isinstance(stored, float):
            return Decimal(repr(stored))
        return number(stored) if isinstance(stored, (int, str)) else Unreadable(stored)
    if not isinstance(stored, str):
        return Unreadable(stored)
    if kind == "json":
        try:
            return structure(parse_json(stored))
        except ValueError:
            return Unreadable(stored)
    if kind == "date":
        return date.fromisoformat(stored) if re.fullmatch(r"\d{4}-\d\d-\d\d", stored) else Unreadable(stored)
    if kind == "datetime":
        return instant(stored) if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", stored) else Unreadable(stored)
    return stored


def significant_digits(value):
    return len(value.normalize().as_tuple().digits)


def same(kind, expected, found, stored, is_sqlite):
    """Whether a stored value is the expected one, storage class and digits included."""
    if expected is None or found is None:
        return expected is None and found is None
    if type(expected) is not type(found) and kind != "number":
        return False
    if kind != "number":
        return expected == found
    if isinstance(found, Unreadable) or expected != found:
        return False
    if is_sqlite:
        # Text beyond 15 digits, where a double would lie; a number up to there, so that sums work.
        return isinstance(stored, str) == (significant_digits(expected) > 15)
    # `136.670` keeps its last digit; an exponent may be written out.
    exponent = expected.as_tuple().exponent
    return exponent > 0 or found.as_tuple().exponent == exponent


# The two sides

@dataclass(frozen=True)
class Mapping:
    """What a setup asks for beyond the contract's defaults; each test states it by itself."""

    names: object = column_names  # API names to column names.
    kinds: dict = field(default_factory=dict)  # API name to kind of column, instead of Zoho's.
    types: dict = field(default_factory=dict)  # API name to declared type, instead of the contract's.
    adopted: bool = False  # The table was there before: key, types and further columns are its own.


CONTRACT = Mapping()


@dataclass
class Column:
    api_name: str
    name: str
    kind: str
    label: str = ""


@dataclass
class Report:
    stream: str
    rows: int = 0
    verdicts: Counter = field(default_factory=Counter)
    problems: list = field(default_factory=list)

    def is_equal(self):
        return not self.problems

    def note(self, verdict, detail):
        self.verdicts[verdict] += 1
        if verdict != "equal":
            self.problems.append("%s: %s" % (verdict, detail))

    def text(self):
        head = "%s: %d records, %s" % (self.stream, self.rows, dict(self.verdicts))
        return "\n  ".join([head] + self.problems[:12] + (["…"] if len(self.problems) > 12 else []))


def is_detail(field):
    """Whether lists leave the field out or cut it, and a column of the record's own table gets it whole."""
    return field["virtual_field"] and field["data_type"] != "subform" or field["ui_type"] == 250


def expected_columns(simulator, stream, module, mapping=CONTRACT, details=False):
    """The columns that the contract wants, under the setup's own mapping."""
    if stream in LOOSE:
        records = [parse_json(line)["list_view"] for line in simulator.ledger_lines(stream)]
        keys = sorted({key for record in records for key in record})
        kinds = {key: kind_of_value(key, [r.get(key) for r in records]) for key in keys}
        names = mapping.names([key.lstrip("$") for key in keys])
        return [Column(key, names[key.lstrip("$")], mapping.kinds.get(key, kinds[key])) for key in keys]
    fields = {f["api_name"]: f for f in simulator.fields(module) if not f["virtual_field"] or details and is_detail(f)}
    names = mapping.names(fields)
    return [Column(name, names[name], mapping.kinds.get(name, kind_of_field(f)), f["field_label"]) for name, f in fields.items()]


def table_columns(target, stream):
    """Column name to declared type, as the database's catalogue tells."""
    if target.kind == "postgres":
        return dict(target.rows(
            "select attname::text, format_type(atttypid, null) from pg_attribute"
            " where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped", target.table(stream)))
    return {row[0]: row[1].lower() for row in target.rows(
        "select name, type from pragma_table_info(?)", target.table(stream))}


def check_columns(target, stream, columns, report, mapping):
    """Names, types, key and comments. False when the rows can not be read because of it."""
    found = table_columns(target, stream)
    if not found:
        report.note("no table", target.table(stream))
        return False
    wanted = {c.name: c for c in columns}
    missing = sorted((set(wanted) | OURS) - set(found))
    for name in missing:
        report.note("column missing", name)
    if mapping.adopted:
        return not missing
    for name in sorted(set(found) - set(wanted) - OURS - OURS_WITH_DETAILS):
        report.note("column not wanted", name)
    types = POSTGRES_TYPES if target.kind == "postgres" else SQLITE_TYPES
    for name, column in wanted.items():
        type_ = mapping.types.get(column.api_name, types[column.kind])
        if name in found and found[name] != type_:
            report.note("column type", "%s is %r, not %r" % (name, found[name], type_))
    check_key(target, stream, report)
    if target.kind == "postgres" and stream not in LOOSE:
        check_comments(target, stream, columns, report)
    return not missing


def check_key(target, stream, report):
    if target.kind == "postgres":
        key = target.rows("select array_agg(a.attname::text) from pg_index i join pg_attribute a"
                          " on a.attrelid = i.indrelid and a.attnum = any (i.indkey)"
                          " where i.indrelid = %s::regclass and i.indisprimary", target.table(stream))[0][0]
    else:
        key = [r[0] for r in target.rows("select name from pragma_table_info(?) where pk > 0", target.table(stream))]
    if key != ["id"]:
        report.note("key", "the primary key is %s" % key)


def check_comments(target, stream, columns, report):
    comments = dict(target.rows(
        "select attname::text, col_description(attrelid, attnum) from pg_attribute"
        " where attrelid = %s::regclass and attnum > 0 and not attisdropped", target.table(stream)))
    for column in columns:
        comment = comments.get(column.name) or ""
        if column.name in comments and not (column.api_name in comment and column.label in comment):
            report.note("comment", "%s says %r" % (column.name, comment))


def select_list(target, columns):
    if target.kind == "sqlite":
        return ['"%s"' % c.name for c in columns] + ['"_synced_at"', '"_deleted_at"']

    def as_text(name, kind):
        if kind == "datetime":
            return "to_char(\"%s\" at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')" % name
        return '"%s"::text' % name

    return [as_text(c.name, c.kind) for c in columns] + [as_text(n, "datetime") for n in ("_synced_at", "_deleted_at")]


def read_rows(target, stream, columns):
    """Id to (stored values, synced at, deleted at); ids that occur twice are returned apart."""
    rows, repeated = {}, []
    key = next(i for i, c in enumerate(columns) if c.api_name == "id")
    cursor = target.connection().cursor()
    cursor.execute("select %s from %s" % (", ".join(select_list(target, columns)), target.quoted_table(stream)))
    while True:
        block = cursor.fetchmany(2000)
        if not block:
            return rows, repeated
        for *stored, synced, deleted in block:
            record = int(stored[key])
            if record in rows:
                repeated.append(record)
            rows[record] = (stored, instant(synced), None if deleted is None else instant(deleted) or Unreadable(deleted))


def unequal_columns(columns, record, stored, is_sqlite, noise=()):
    """Names of the columns whose value is not that of the record, with both values."""
    read = sqlite_value if is_sqlite else postgres_value
    wrong = {}
    for column, value in zip(columns, stored):
        if column.name in noise:
            continue
        expected = expected_value(column.kind, record.get(column.api_name))
        found = read(column.kind, value)
        if not same(column.kind, expected, found, value, is_sqlite):
            wrong[column.name] = (expected, found)
    return wrong


class Comparison:
    """One stream, compared."""

    def __init__(self, simulator, target, stream, module=None, deletes="soft", gone=(), since=None, partial=False, fields=None,
                 mapping=CONTRACT, window=None, details=False):
        self.simulator, self.target, self.stream = simulator, target, stream
        self.module = module or {"meetings": "Events"}.get(stream, stream.capitalize())
        self.is_sqlite = target.kind == "sqlite"
        self.deletes = deletes
        self.gone = set(gone)  # Ids that the table must still show as deleted.
        self.since = since
        self.mapping = mapping
        self.window = window  # Seconds: only records that were modified from the first to the last may be there.
        self.fields = fields  # API names of what is selected; None for all.
        self.view = "full" if details else "list_view"
        self.partial = partial  # In the middle of a walk: rows may be missing or old, never wrong.
        self.report = Report(stream)

    def run(self):
        details = self.view == "full"
        self.columns = [c for c in expected_columns(self.simulator, self.stream, self.module, self.mapping, details)
                        if self.fields is None or c.api_name in self.fields]
        # A record may be deleted before its details were read; amid a walk they may be missing.
        of_details = {f["api_name"] for f in self.simulator.fields(self.module) if is_detail(f)} if details else set()
        self.details = {c.name for c in self.columns if c.api_name in of_details}
        if not check_columns(self.target, self.stream, self.columns, self.report, self.mapping):
            return self.report
        rows, repeated = read_rows(self.target, self.stream, self.columns)
        for record in repeated:
            self.report.note("duplicate", record)
        for line in self.simulator.ledger_lines(self.stream if self.stream in LOOSE else self.module,
                                                view="both" if details else "list"):
            entry = parse_json(line)
            self.judge(int(entry["id"]), entry, rows.pop(int(entry["id"]), None))
        for record, (_, _, deleted) in rows.items():
            if record in self.gone and deleted is not None:
                self.report.note("equal", record)
            else:
                self.report.note("extra", record)
        return self.report

    def judge(self, record, entry, row):
        if self.since is not None and entry["modified"] < self.since and row is None:
            return
        if self.window is not None and not self.window[0] <= entry["modified"] <= self.window[1]:
            if row is not None:
                self.report.note("extra", "%d is outside of the window" % record)
            return
        self.report.rows += 1
        judge = self.judge_deleted if entry["deleted"] else self.judge_live
        verdict, detail = judge(record, entry, row)
        if not (self.partial and verdict in LATE):
            self.report.note(verdict, "%d %s" % (record, detail))

    def judge_deleted(self, record, entry, row):
        if row is None:
            must_stay = record in self.gone and self.deletes == "soft"
            return ("lost", "a soft-deleted row is gone") if must_stay else ("equal", "")
        _, synced, deleted = row
        wanted = instant(entry["deleted_time"])
        if self.deletes == "none":
            return "equal", ""
        if deleted is None:
            return ("resurrected" if synced is not None and synced > wanted + 1 else "not-deleted"), ""
        if self.deletes == "hard":
            return "not-deleted", "the row is only marked"
        if deleted != wanted:
            return "ill-deleted", "_deleted_at is %s, not %s" % (deleted, wanted)
        return self.judge_content(record, entry, row, any_version=True)

    def judge_live(self, record, entry, row):
        if row is None:
            return "lost", ""
        if row[2] is not None:
            return "lost", "marked deleted at %s" % row[2]
        return self.judge_content(record, entry, row)

    def judge_content(self, record, entry, row, any_version=False):
        if row[1] is None and not self.mapping.adopted:
            return "torn", "_synced_at is NULL"  # Of an adopted row it is, until the row changes.
        noise = {*NOISE.get(self.stream, ()), *(self.details if any_version or self.partial else ())}
        wrong = unequal_columns(self.columns, entry[self.view], row[0], self.is_sqlite, noise)
        if not wrong:
            return "equal", ""
        detail = ", ".join("%s: expected %r, found %r" % (name, *pair) for name, pair in list(wrong.items())[:4])
        if self.stream in LOOSE:
            return "stale", detail
        for version in reversed(self.simulator.versions(self.module, record)):
            older = parse_json(version[self.view])
            if not unequal_columns(self.columns, older, row[0], self.is_sqlite, noise):
                return ("equal" if any_version else "stale"), detail
        return "torn", detail


def compare(simulator, target, stream, **options):
    """Compares one stream's table with the ledger."""
    return Comparison(simulator, target, stream, **options).run()
