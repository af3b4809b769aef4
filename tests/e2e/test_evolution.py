"""Fields that come, go, and change their names and types while the daemon runs and records are edited."""

import os
import random
import threading
import time
from datetime import date
from decimal import Decimal, InvalidOperation

import oracle
from harness import PATIENCE, EndToEnd
from servers import wait_until

FULL = os.environ.get("ZOHOSYNCD_CHAOS_SIZE", "ci") == "full"
MODULES = {"contacts": "Contacts", "accounts": "Accounts", "deals": "Deals"}
OPERATIONS = 50
METADATA = 3  # Seconds that a list of fields may be old.
LOCK_TIMEOUT = 0.5
# How much later than the server a look at its sessions may come, on a busy machine.
SLACK = 0.45
# A change that a removal follows sooner may never be read: the list of fields, locks that others hold, and a walk come in between.
SETTLED = 4 * METADATA
# Of these, `details: all` keeps columns that lists leave out or cut: every second seed has them.
DETAILS = ["multiselectlookup", "multiuserlookup", "richtext"]
TYPES = ["text", "integer", "bigint", "double", "currency", "boolean", "date", "datetime", "lookup", "multiselectpicklist",
         "picklist", "textarea"]
KEPT = {"id", "Modified_Time", "Created_Time", "Created_By", "Modified_By", "Owner", "Tag", "Layout", "Record_Status__s", "Locked__s"}
# What else than the contract's own type may hold a field whose type has changed. What has no type in SQLite converts nothing.
WIDER = {"postgres": {"integer": {"numeric", "text"}}, "sqlite": {"integer": {"", "text"}}}
ALWAYS_WIDER = {"postgres": {"text"}, "sqlite": {"", "text"}}


def read(kind, stored):
    """A stored value, whatever wider type holds it, in the oracle's form."""
    if stored is None or kind == "text":
        return stored
    try:
        return read_text(kind, str(stored))
    except (ValueError, KeyError, InvalidOperation):
        return oracle.Unreadable(stored)


def read_text(kind, text):
    if kind == "json":
        return oracle.structure(oracle.parse_json(text))
    if kind in ("integer", "number"):
        return Decimal(text)
    if kind == "boolean":
        return {"true": True, "1": True, "false": False, "0": False}[text]
    if kind == "date":
        return date.fromisoformat(text)
    return oracle.instant(text)


class Watch:
    """Looks how long a statement of the daemon waits for a lock on a table."""

    def __init__(self, target):
        self.longest, self.looks, self.seen = 0.0, 0, set()
        self.server, self.name = target.server, target.name
        self.target = target.__class__.__new__(target.__class__)
        self.target.__dict__.update(target.__dict__, _connection=None)
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.look)
        self.thread.start()

    def look(self):
        while not self.stopping.wait(0.02):
            self.looks += 1
            for waited, started in self.target.rows(
                    "select extract(epoch from clock_timestamp() - query_start), query_start from pg_stat_activity"
                    " where datname = %s and application_name <> 'e2e' and wait_event_type = 'Lock' and wait_event = 'relation'", self.name):
                self.seen.add(started)
                self.longest = max(self.longest, float(waited))

    def stop(self):
        self.stopping.set()
        self.thread.join()
        if self.target._connection is not None:
            self.target._connection.close()


class Evolution(EndToEnd):
    details = False

    def is_column(self, field):
        return not field["virtual_field"] or self.details and field["data_type"] != "subform"

    def shown(self, entry):
        return entry["full" if self.details else "list_view"]

    def load(self, target, seed, **mode):
        simulator = self.simulator("--scale", "0.6", "--seed", str(seed))
        if mode:
            simulator.post("mode", **mode)
        home = self.install(simulator, target, streams={name: None for name in MODULES})
        home.defaults["schedule"] = "@every 1s"
        home.daemon["metadata"] = "%ds" % METADATA
        if self.details:
            home.daemon["details"] = "all"
            home.inputs["rate"] = 300  # Each new field of theirs is read of all records.
        home.write()
        daemon = self.started(home, "run")
        wait_until(lambda: self.loaded(target) == len(MODULES), 90, "the first load is done")
        return simulator, daemon

    def loaded(self, target):
        if not target.has_table(target.state_prefix + "sync_state"):
            return 0
        return len([s for s in self.states(target).values() if s["consistent_as_of"]])

    def make_views(self, target):
        """One that uses every column of its table, and others that leave columns free to be widened."""
        views = {}
        for stream in MODULES:
            columns = sorted(oracle.table_columns(target, stream))
            used = columns if stream == "contacts" else ["id", "modified_time"]
            view = target.table("view_of_" + stream)
            target.rows("create view %s as select %s from %s" % (view, ", ".join('"%s"' % c for c in used), target.table(stream)))
            views[stream] = (view, len(used))
        return views

    def check_views(self, target, views):
        for stream, (view, width) in views.items():
            rows = target.rows("select * from " + view)
            self.assertEqual(len(rows), target.rows("select count(*) from " + target.table(stream))[0][0])
            self.assertEqual(len(rows[0]), width)

    # What happens to the fields

    def change_fields(self, simulator, random_, count, pause):
        """Each kind of change, at random; returns what was done and what became of each field."""
        done, retyped, removed, renamed, changed = {}, set(), {}, set(), {}
        added = 0
        types = TYPES + (DETAILS if self.details else [])
        while sum(done.values()) < count:
            module = random_.choice(list(MODULES.values()))
            fields = [f for f in simulator.fields(module) if self.is_column(f) and f["api_name"] not in KEPT]
            field = random_.choice(fields)
            name, key = field["api_name"], (module, field["id"])
            kind = random_.choice(["add", "add", "remove", "rename", "swap", "retype", "retype", "restore"])
            if kind == "add":
                added += 1
                change = {"add": [{"api_name": "New_%d" % added, "data_type": random_.choice(types), "filled": random_.random() < 0.7}]}
            elif kind == "remove":
                is_settled = time.monotonic() - changed.get(key, 0) > SETTLED
                removed[key] = (name, time.monotonic(), simulator.now(), field, self.ledger(simulator, module), is_settled)
                change = {"remove": [name]}
            elif kind == "rename":
                renamed.add(key)
                change = {"rename": {name: "%s_%d" % (name[:40], len(renamed))}}
            elif kind == "swap":
                other = random_.choice([f for f in fields if f is not field])
                renamed |= {key, (module, other["id"])}
                changed[(module, other["id"])] = time.monotonic()
                change = {"rename": {name: other["api_name"], other["api_name"]: name}}
            elif kind == "retype":
                if key in retyped:
                    continue
                retyped.add(key)
                change = {"retype": {name: random_.choice(types)}}
            else:
                # One that comes back unnoticed would be no change at all.
                back = [k for k, v in removed.items() if time.monotonic() - v[1] > 3 * METADATA]
                back = [k for k in back if removed[k][0] not in {f["api_name"] for f in simulator.fields(k[0])}]
                if not back:
                    continue
                key = random_.choice(back)
                module, change = key[0], {"restore": [removed.pop(key)[0]]}
            simulator.post("fields", module=module, **change)
            changed[key] = time.monotonic()
            done[kind] = done.get(kind, 0) + 1
            time.sleep(random_.random() * pause)
        return done, retyped, removed, renamed

    def ledger(self, simulator, module):
        return {int(e["id"]): e for e in map(oracle.parse_json, simulator.ledger_lines(module, view="both"))}

    def hold_locks(self, target, random_, stop):
        """Another session that now and then reads a table for some seconds, or holds the file."""
        while not stop.wait(2 + 2 * random_.random()):
            other = target.__class__.__new__(target.__class__)
            other.__dict__.update(target.__dict__, _connection=None)
            if target.kind == "postgres":
                other.connection().autocommit = False
                other.rows("select count(*) from " + target.table(random_.choice(list(MODULES))))
            else:
                other.rows("begin immediate")
            stop.wait(2 * random_.random() + (1.5 if target.kind == "postgres" else 0))
            other.connection().close()
            self.locks_held += 1

    # What has to come of it

    def known(self, target):
        names = ["target", "column_name", "api_name", "field_id", "retired_at"]
        return [dict(zip(names, row)) for row in target.rows(
            "select %s from %scolumns" % (", ".join(names), target.state_prefix))]

    def select(self, target, stream, types, names):
        if target.kind == "sqlite":
            expressions = ['"%s"' % name for name in names]
        else:
            expressions = ["to_char(\"%s\" at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')" % name
                           if types[name].startswith("timestamp") else '"%s"::text' % name for name in names]
        return {int(row[0]): row[1:] for row in target.rows(
            "select id, _deleted_at, %s from %s" % (", ".join(expressions), target.table(stream)))}

    def problems(self, simulator, target):
        """Every field of every live record, by the table that says which column holds which field."""
        found, self.compared = [], 0
        declared = oracle.POSTGRES_TYPES if target.kind == "postgres" else oracle.SQLITE_TYPES
        known = self.known(target)
        for stream, module in MODULES.items():
            types = oracle.table_columns(target, stream)
            fields = [f for f in simulator.fields(module) if self.is_column(f)]
            columns = {c["api_name"]: c["column_name"] for c in known
                       if c["target"].split(".")[-1] == stream and c["retired_at"] is None}
            if set(columns) != {f["api_name"] for f in fields}:
                found.append("%s: columns of %s" % (stream, sorted(set(columns) ^ {f["api_name"] for f in fields})))
                continue
            kinds = {f["api_name"]: oracle.kind_of_field(f) for f in fields}
            for api_name, name in columns.items():
                kind = kinds[api_name]
                if types.get(name) not in {declared[kind]} | WIDER[target.kind].get(kind, ALWAYS_WIDER[target.kind]):
                    found.append("%s.%s is %s for %s" % (stream, name, types.get(name), kind))
            rows = self.select(target, stream, types, list(columns.values()))
            for record, entry in self.ledger(simulator, module).items():
                row = rows.pop(record, None)
                if entry["deleted"]:
                    continue
                if row is None or row[0] is not None:
                    found.append("%s: %d is lost" % (stream, record))
                    continue
                for (api_name, name), stored in zip(columns.items(), row[1:]):
                    self.compared += 1
                    expected = oracle.expected_value(kinds[api_name], self.shown(entry).get(api_name))
                    if read(kinds[api_name], stored) != expected:
                        found.append("%s.%s of %d: expected %r, found %r" % (stream, name, record, expected, stored))
            if rows:
                found.append("%s: %d rows too many" % (stream, len(rows)))
        return found

    def check_names(self, simulator, target, retyped, removed, renamed):
        known = self.known(target)
        comments = self.comments(target)
        for stream, module in MODULES.items():
            fields = {f["id"]: f for f in simulator.fields(module) if self.is_column(f)}
            of_table = [c for c in known if c["target"].split(".")[-1] == stream]
            for key in (k for k in renamed if k[0] == module and k[1] in fields):
                columns = [c for c in of_table if c["field_id"] == key[1]]
                active = [c for c in columns if c["retired_at"] is None]
                self.assertEqual(len(active), 1, columns)
                self.assertTrue(key in retyped or len(columns) == 1, columns)  # No second column: it was renamed.
                api_name = fields[key[1]]["api_name"]
                self.assertTrue(active[0]["column_name"].startswith(oracle.snake(api_name)[:50]), (api_name, columns))
            for key in (k for k in removed if k[0] == module):
                columns = [c for c in of_table if c["field_id"] == key[1]]
                self.assertFalse([c for c in columns if c["retired_at"] is None], columns)
            for column in of_table:
                if column["retired_at"] is None and column["field_id"] in fields and comments:
                    comment = comments[stream][column["column_name"]] or ""
                    self.assertIn(column["api_name"], comment)
                    self.assertIn(fields[column["field_id"]]["display_label"], comment)

    def comments(self, target):
        if target.kind == "sqlite":
            return {}
        return {stream: dict(target.rows(
            "select attname::text, col_description(attrelid, attnum) from pg_attribute where attrelid = %s::regclass"
            " and attnum > 0 and not attisdropped", target.table(stream))) for stream in MODULES}

    def check_kept(self, target, removed):
        """A retired column holds what it held, in all rows that were not edited since."""
        kept = 0
        for (module, field_id), (_, _, when, field, ledger, is_settled) in removed.items():
            stream = module.lower()
            columns = [c["column_name"] for c in self.known(target) if c["target"].split(".")[-1] == stream and c["field_id"] == field_id]
            types = oracle.table_columns(target, stream)
            for name in columns:
                self.assertIn(name, types)
            # Retyped, too, or gone before it was ever seen, or before its details were read.
            if len(columns) != 1 or not is_settled or oracle.is_detail(field):
                continue
            kind = oracle.kind_of_field(field)
            rows = self.select(target, stream, types, columns)
            for record, entry in ledger.items():
                if not entry["deleted"] and entry["modified"] < when - 120 and record in rows:
                    expected = oracle.expected_value(kind, self.shown(entry).get(field["api_name"]))
                    self.assertEqual(read(kind, rows[record][1]), expected, (module, field["api_name"], record))
                    kept += 1
        return kept

    def evolve(self, target, seed):
        self.details = seed % 2 == 0
        random_ = random.Random(seed)
        unknown = ["ignored", "error", "null"][seed % 3]
        simulator, daemon = self.load(target, seed, unknown_fields=unknown)
        views = self.make_views(target)
        watch = Watch(target) if target.kind == "postgres" else None
        if watch is not None:
            self.addCleanup(watch.stop)
        stop, self.locks_held = threading.Event(), 0
        holder = threading.Thread(target=self.hold_locks, args=(target, random.Random(seed + 1), stop))
        holder.start()
        try:
            simulator.post("churn", edits_per_second=6, creates_per_second=1, deletes_per_second=0.3, modules=list(MODULES.values()))
            done, retyped, removed, renamed = self.change_fields(simulator, random_, OPERATIONS, 1.0)
            simulator.post("churn")
        finally:
            stop.set()
            holder.join()
        quiet = time.monotonic()
        try:
            wait_until(lambda: not self.problems(simulator, target), PATIENCE, "the target equals the ledger", pause=1)
        except AssertionError:
            self.fail("seed %d: %s\n%s" % (seed, "\n".join(self.problems(simulator, target)[:20]), daemon.err()[-3000:]))
        seconds = time.monotonic() - quiet
        if watch is not None:
            watch.stop()
            self.assertGreater(watch.looks, 100)
            self.assertLessEqual(watch.longest, LOCK_TIMEOUT + SLACK)
        self.check_names(simulator, target, retyped, removed, renamed)
        kept = self.check_kept(target, removed) if unknown != "null" else 0
        self.check_views(target, views)
        self.assertTrue(daemon.is_running())
        result, _ = daemon.terminate()
        self.assertEqual(result.code, 0)
        self.assert_clean(result)
        self.assertNotIn(" error ", result.err)
        twins = len([c for c in self.known(target) if c["retired_at"] is not None]) - len(removed)
        print("seed %d (%s, %s, unknown fields: %s): %s; %d twins; equal %.1f s after quiet, %d values compared, %d kept in retired columns; "
              "%d locks held by others, %s" % (seed, target.kind, "details" if self.details else "lists", unknown, done, twins,
                                               seconds, self.compared, kept, self.locks_held,
                                               "%d waits, the longest %.2f s" % (len(watch.seen), watch.longest) if watch else "-"), flush=True)
        return done

    def test_fields_change_under_postgres(self):
        for seed in range(1, 21 if FULL else 3):
            with self.subTest(seed=seed):
                self.evolve(self.postgres(), seed)

    def test_fields_change_under_sqlite(self):
        for seed in range(30, 35 if FULL else 31):
            with self.subTest(seed=seed):
                self.evolve(self.sqlite(), seed)
