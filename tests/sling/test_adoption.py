"""Tables that were there first: made by Sling, by hand or by an import, with what they got wrong."""

import json
import os
import random
import secrets
from datetime import datetime, timezone

import oracle
from harness import EndToEnd
from oracle import snake
from psycopg2.extras import execute_values
from request_log import lists_of, since_of
from servers import wait_until

OVERLAP = 300
NEW = 300  # Records that came after the table's last row.

POSTGRES = {"integer": "bigint", "number": "numeric", "boolean": "boolean", "date": "date",
            "datetime": "timestamp with time zone", "json": "jsonb", "text": "text"}


class Kind:
    """How somebody made a table: names and types of its columns, and what comes after them."""

    def __init__(self, name, types, key="", more=""):
        self.name, self.types, self.key, self.more = name, types, key, more

    def type_of(self, column):
        return self.types[column.kind] + (self.key if column.api_name == "id" else "")

    def create(self, table, columns):
        lines = ['"%s" %s' % (self.name(c.api_name), self.type_of(c)) for c in columns]
        return "create table %s (%s)" % (table, ", ".join(lines + ([self.more] if self.more else [])))


# Sling's default: names as Zoho spells them, times without a zone, no key.
SLING = Kind(str, {**POSTGRES, "datetime": "timestamp without time zone", "text": "varchar(65500)"},
             more="_sling_loaded_at timestamp")
BY_HAND = Kind(snake, POSTGRES, key=" primary key", more="mine text default 'x'")
# An import that knew no types; the times are as Zoho writes them, each with its own offset.
TEXTS = Kind(str.lower, dict.fromkeys(POSTGRES, "text"))
# Appended to without a key; `json` has no equality.
COPIES = Kind(str.upper, {**POSTGRES, "json": "json"})

SQLITE = Kind(snake, {"integer": "bigint", "number": "", "boolean": "integer", "date": "text", "datetime": "text",
                      "json": "text", "text": "text"})


def stored(kind, column, value):
    """A value of the ledger as the maker of the table stored it."""
    expected = oracle.expected_value(column.kind, value)
    if expected is None:
        return None
    if column.kind == "json":
        return json.dumps(value, default=float)
    if column.kind == "datetime" and kind.types["datetime"] != "text":
        return datetime.fromtimestamp(int(expected), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    if column.kind == "boolean" and kind.types["boolean"] == "text":
        return "true" if value else "false"
    return expected if column.kind == "text" else value


class Table:
    """One module's table, filled from the ledger behind the daemon's back."""

    def __init__(self, test, simulator, target, kind, stream="deals", module="Deals"):
        self.test, self.simulator, self.target, self.kind = test, simulator, target, kind
        self.stream, self.module = stream, module
        self.columns = oracle.expected_columns(simulator, stream, module)
        self.name = target.table(stream)
        self.is_sqlite = target.kind == "sqlite"

    def column(self, api_name):
        return '"%s"' % self.kind.name(api_name)

    def make(self, entries):
        if not self.is_sqlite:
            self.target.rows("create schema if not exists zoho_crm")
        self.target.rows(self.kind.create(self.name, self.columns))
        self.fill(entries)

    def fill(self, entries):
        rows = [[stored(self.kind, c, e["list_view"].get(c.api_name)) for c in self.columns] for e in entries]
        names = ", ".join(self.column(c.api_name) for c in self.columns)
        if self.is_sqlite:
            self.target.connection().execute("begin")
            places = ", ".join("?" * len(self.columns))
            self.target.connection().executemany("insert into %s (%s) values (%s)" % (self.name, names, places),
                                                 [[str(v) if isinstance(v, oracle.Decimal) else v for v in row] for row in rows])
            self.target.connection().execute("commit")
        else:
            execute_values(self.target.connection().cursor(), "insert into %s (%s) values %%s" % (self.name, names), rows, page_size=1000)

    def plant(self, chance, stale, missing, extra):
        """Damage of before the adoption. Returns how many rows are wrong."""
        ids = [int(r[0]) for r in self.target.rows("select %s from %s" % (self.column("id"), self.name))]
        victims = chance.sample(sorted(ids), stale + missing)
        marked = ", ".join("'%d'" % i for i in victims[:stale]) if self.kind is TEXTS else ", ".join(map(str, victims[:stale]))
        gone = ", ".join("'%d'" % i for i in victims[stale:]) if self.kind is TEXTS else ", ".join(map(str, victims[stale:]))
        # An hour older than any time of the module, whatever the type.
        old = "2001-02-03T04:05:06Z"
        self.target.rows("update %s set %s = 'of yesterday', %s = '%s' where %s in (%s)" % (
            self.name, self.column("Deal_Name"), self.column("Modified_Time"), old, self.column("id"), marked))
        self.target.rows("delete from %s where %s in (%s)" % (self.name, self.column("id"), gone))
        for n in range(extra):
            copied = min(set(ids) - set(victims))
            names = ", ".join(self.column(c.api_name) for c in self.columns)
            values = ", ".join("'%d'" % (7_000_000_000 + n) if c.api_name == "id" else self.column(c.api_name) for c in self.columns)
            wanted = "'%d'" % copied if self.kind is TEXTS else "%d" % copied
            self.target.rows("insert into %s (%s) select %s from %s where %s = %s" % (
                self.name, names, values, self.name, self.column("id"), wanted))
        return stale + missing + extra

    def select_list(self):
        out = []
        for c in self.columns:
            name, held = self.column(c.api_name), self.kind.types[c.kind]
            if self.is_sqlite:
                out.append(name)
            elif held.startswith("timestamp"):
                zone = " at time zone 'UTC'" if held == "timestamp with time zone" else ""
                out.append("to_char(%s%s, 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')" % (name, zone))
            else:
                out.append(name + "::text")
        return out

    def unequal(self):
        """Ids of live rows that are not their record, of records without a row, and of rows held twice."""
        wrong, rows = set(), {}
        for row in self.target.rows("select %s from %s where _deleted_at is null" % (", ".join(self.select_list()), self.name)):
            record = int(row[[c.api_name for c in self.columns].index("id")])
            wrong |= {record} & set(rows)
            rows[record] = row
        for entry in map(oracle.parse_json, self.simulator.ledger_lines(self.module)):
            row = rows.pop(int(entry["id"]), None)
            if entry["deleted"]:
                wrong |= {int(entry["id"])} if row is not None else set()
            elif row is None or self.differs(entry["list_view"], row):
                wrong.add(int(entry["id"]))
        return wrong | set(rows)

    def differs(self, record, row):
        for column, value in zip(self.columns, row):
            expected = oracle.expected_value(column.kind, record.get(column.api_name))
            if expected is None or value is None:
                if expected is not None or value is not None:
                    return True
            elif self.is_sqlite and column.kind in ("integer", "boolean", "number"):
                if oracle.number(str(value)) != oracle.number(str(int(expected) if column.kind == "boolean" else expected)):
                    return True
            elif oracle.postgres_value(column.kind, value) != expected:
                return True
        return False


def living_by_age(simulator, module):
    entries = [e for e in map(oracle.parse_json, simulator.ledger_lines(module)) if not e["deleted"]]
    return sorted(entries, key=lambda e: oracle.instant(e["list_view"]["Modified_Time"]))


def time_of(entry):
    return int(oracle.instant(entry["list_view"]["Modified_Time"]))


class Adoption(EndToEnd):
    def setUp(self):
        self.seed = int(os.environ.get("ZOHOSYNCD_E2E_SEED") or random.SystemRandom().randrange(10**6))
        self.chance = random.Random(self.seed)

    def state(self, target, stream="deals"):
        names = ["status", "high_water_mark", "consistent_as_of", "unverified", "unverified_as_of", "anchor", "last_error"]
        rows = target.rows("select %s from %ssync_state where stream = '%s'" % (", ".join(names), target.state_prefix, stream))
        return dict(zip(names, rows[0])) if rows else None

    def told(self, home, stream="deals"):
        """What `status` says of freshness."""
        result = home.run("status", "--json")
        self.assertEqual(result.code, 0, result.text)
        return next(line for line in json.loads(result.out) if line["stream"] == stream)

    def assert_not_fresh(self, home, target):
        state, told = self.state(target), self.told(home)
        self.assertIsNone(state["consistent_as_of"])
        self.assertTrue(state["unverified"])
        self.assertIsNone(told["freshness_seconds"])
        self.assertTrue(told["verification_needed"])
        self.assertIn("verify --repair", home.run("status").out)

    def assert_fresh(self, home, target):
        state, told = self.state(target), self.told(home)
        self.assertIsNotNone(state["consistent_as_of"])
        self.assertFalse(state["unverified"])
        self.assertLess(told["freshness_seconds"], 600)
        self.assertFalse(told["verification_needed"])

    def assert_read_from(self, simulator, mark, most_pages, module="Deals"):
        """No list was asked for from before the mark, less the overlap."""
        lists = lists_of(simulator.requests(), module)
        self.assertTrue(lists)
        # Until the comparison is known to be inclusive, one second less is asked for.
        self.assertIn(mark - OVERLAP - since_of(lists[0]), (0, 1))
        self.assertGreaterEqual(min(since_of(r) for r in lists), mark - OVERLAP - 1)
        self.assertLessEqual(len(lists), most_pages, "a full read takes more than 50")

    def set_up_kind(self, target, kind, rows):
        simulator = self.simulator("--records", "deals=%d" % (rows + NEW), "--scale", "0.01")
        entries = living_by_age(simulator, "Deals")
        table = Table(self, simulator, target, kind)
        old = entries[:-NEW]
        table.make(old)
        return simulator, table, self.install(simulator, target, streams={"deals": None}), old

    def adopt(self, simulator, table, home, mark, planted):
        """From the first sync to a table that equals the ledger."""
        target = table.target
        edited = simulator.ids("edit", "Deals", count=25)
        deleted = simulator.ids("delete", "Deals", count=20)
        self.quiet(simulator)
        simulator.forget_requests()
        self.sync(home)
        self.assert_read_from(simulator, mark, most_pages=12)
        self.assert_not_fresh(home, target)
        wrong = table.unequal()
        self.assertFalse(wrong & (edited | deleted), "what changed since is right at once (seed %d)" % self.seed)
        # The others are as wrong as they were, and that is why nobody may call the stream fresh.
        self.assertGreater(len(wrong), planted - 46)
        self.assertLessEqual(len(wrong), planted)

        simulator.forget_requests()
        self.sync(home)
        self.assertLessEqual(len(lists_of(simulator.requests(), "Deals")), 4)
        self.assert_not_fresh(home, target)
        self.assertEqual(home.run("verify").code, 1)
        self.assert_not_fresh(home, target)

        simulator.forget_requests()
        result = home.run("verify", "--repair")
        self.assertEqual(result.code, 0, result.text[-6000:])
        singles = sum(r["kind"].startswith("single") for r in simulator.requests())
        self.assertLessEqual(singles, len(wrong) + 5, "only what is wrong is fetched by its id")
        self.assert_fresh(home, target)
        self.assertEqual(table.unequal(), set(), "seed %d" % self.seed)

        simulator.ids("edit", "Deals", count=15)
        simulator.ids("delete", "Deals", count=5)
        self.quiet(simulator)
        self.sync(home)
        self.assert_fresh(home, target)
        self.assertEqual(table.unequal(), set(), "seed %d" % self.seed)

    def damaged(self, target, kind, rows=10_000):
        simulator, table, home, old = self.set_up_kind(target, kind, rows)
        planted = table.plant(self.chance, stale=60, missing=50, extra=40)
        held = {int(r[0]) for r in target.rows("select %s from %s" % (table.column("id"), table.name))}
        stale = {int(r[0]) for r in target.rows("select %s from %s where %s = 'of yesterday'" % (
            table.column("id"), table.name, table.column("Deal_Name")))}
        mark = max(time_of(e) for e in old if int(e["id"]) in held - stale)
        return simulator, table, home, mark, planted

    def test_a_table_of_slings_is_adopted(self):
        target = self.postgres()
        simulator, table, home, mark, planted = self.damaged(target, SLING)
        self.adopt(simulator, table, home, mark, planted)
        types = dict(target.rows("select attname::text, format_type(atttypid, atttypmod) from pg_attribute"
                                 " where attrelid = 'zoho_crm.deals'::regclass and attnum > 0"))
        self.assertEqual(types["Modified_Time"], "timestamp without time zone")
        self.assertEqual(types["Deal_Name"], "character varying(65500)")
        self.assertEqual({n for n in types if n not in {c.api_name for c in table.columns}},
                         {"_sling_loaded_at", "_synced_at", "_deleted_at"})

    def test_a_table_made_by_hand_is_adopted(self):
        target = self.postgres()
        self.adopt(*self.damaged(target, BY_HAND))
        self.assertEqual(target.rows("select distinct mine from zoho_crm.deals"), [("x",)])

    def test_a_table_of_texts_is_adopted(self):
        self.adopt(*self.damaged(self.postgres(), TEXTS))

    def test_a_table_with_copies_is_blocked_until_they_are_gone(self):
        target = self.postgres()
        simulator, table, home, mark, planted = self.damaged(target, COPIES)
        self.with_copies(simulator, table, home, mark, planted)

    def with_copies(self, simulator, table, home, mark, planted):
        """Older and equal copies of rows, some of them twice."""
        target = table.target
        shown = ", ".join(table.column(c.api_name) for c in table.columns)
        older = ", ".join("'2000-02-03T04:05:06Z'" if c.api_name == "Modified_Time" else table.column(c.api_name)
                          for c in table.columns)
        some = "select %s from %s order by %s limit 40" % (table.column("id"), table.name, table.column("id"))
        ids = ", ".join(str(r[0]) for r in target.rows(some))
        before = target.rows("select count(*) from " + table.name)[0][0]
        for values in (older, shown, older):
            target.rows("insert into %s (%s) select %s from (select * from %s where %s in (%s)) as picked" % (
                table.name, shown, values, table.name, table.column("id"), ids))
        simulator.forget_requests()
        self.sync(home, code=1)
        state = self.state(target)
        self.assertEqual(state["status"], "blocked")
        self.assertEqual(lists_of(simulator.requests(), "Deals"), [], "nothing is read for a table that can not take it")
        cure = state["last_error"].split("run: ", 1)[1]
        for statement in cure.rstrip(";").split("; "):
            target.rows(statement)
        self.assertEqual(target.rows("select count(*) from " + table.name)[0][0], before)
        self.assertEqual(target.rows("select count(*) from %s where %s = '2000-02-03T04:05:06Z'" % (
            table.name, table.column("Modified_Time"))), [(0,)], "the newest copy stays")
        self.adopt(simulator, table, home, mark, planted)

    def test_a_sqlite_table_is_adopted(self):
        self.adopt(*self.damaged(self.sqlite(), SQLITE))

    def test_a_sqlite_table_with_copies_is_blocked_until_they_are_gone(self):
        simulator, table, home, mark, planted = self.damaged(self.sqlite(), SQLITE, 3000)
        self.with_copies(simulator, table, home, mark, planted)

    def test_45_one_row_with_the_new_values_after_a_second_run(self):
        for target, kind in ((self.postgres(), SLING), (self.sqlite(), SQLITE)):
            simulator, table, home, _ = self.set_up_kind(target, kind, 400)
            self.sync(home)
            edited = simulator.ids("edit", "Deals", count=10)
            self.quiet(simulator)
            self.sync(home)
            self.assertEqual(table.unequal(), set())
            for record in edited:
                self.assertEqual(target.rows("select count(*) from %s where %s = %d" % (
                    table.name, table.column("id"), record)), [(1,)])
            if target.kind == "postgres":  # Ours: a key is made where there was none.
                self.assertEqual(target.rows("select count(*) from pg_index where indrelid = 'zoho_crm.deals'::regclass"
                                             " and indisunique and indisvalid"), [(1,)])

    def test_47_reading_starts_at_the_greatest_modified_time(self):
        for target, kind in ((self.postgres(), SLING), (self.postgres(), TEXTS), (self.sqlite(), SQLITE)):
            simulator, table, home, old = self.set_up_kind(target, kind, 1200)
            simulator.forget_requests()
            self.sync(home)
            self.assert_read_from(simulator, time_of(old[-1]), most_pages=5)
            self.assertEqual(table.unequal(), set())
            self.assert_not_fresh(home, target)

    def test_47_with_a_state_of_our_own_the_table_is_not_asked(self):
        target = self.postgres()
        simulator, table, home, _ = self.set_up_kind(target, SLING, 400)
        self.sync(home)
        target.rows('update zoho_crm.deals set "Modified_Time" = \'2001-01-01\'')
        begun = int(simulator.now())
        self.sync(home)
        simulator.forget_requests()
        self.sync(home)
        self.assertGreaterEqual(since_of(lists_of(simulator.requests(), "Deals")[0]), begun - OVERLAP - 1)

    def test_47_a_mark_in_the_future_is_not_believed(self):
        target = self.postgres()
        simulator, table, home, old = self.set_up_kind(target, BY_HAND, 400)
        target.rows("update zoho_crm.deals set modified_time = '2999-01-01' where id = %s", int(old[0]["id"]))
        simulator.forget_requests()
        self.sync(home)
        first = since_of(lists_of(simulator.requests(), "Deals")[0])
        self.assertLess(first, simulator.now() - 364 * 86400, "from the anchor")
        self.assertLess(self.state(target)["high_water_mark"].timestamp(), simulator.now())
        self.assertEqual(table.unequal(), {int(old[0]["id"])}, "an older version never replaces a newer one")
        self.assertEqual(home.run("verify", "--repair").code, 0)
        self.assertEqual(table.unequal(), set())
        self.assert_fresh(home, target)

    def test_columns_that_the_table_lacks_are_filled_from_the_anchor(self):
        for target, kind in ((self.postgres(), SLING), (self.sqlite(), SQLITE)):
            simulator, table, home, _ = self.set_up_kind(target, kind, 400)
            target.rows("alter table %s drop column %s" % (table.name, table.column("Amount")))
            simulator.forget_requests()
            self.sync(home)
            self.assertLess(since_of(lists_of(simulator.requests(), "Deals")[0]), simulator.now() - 364 * 86400)
            self.assertEqual(target.rows("select count(*) from %s where %s is not null" % (table.name, '"amount"')),
                             [(sum(e["list_view"]["Amount"] is not None for e in living_by_age(simulator, "Deals")),)])
            self.assert_not_fresh(home, target)

    def test_an_old_table_leaves_no_hole_before_the_anchor(self):
        """Nobody chose an anchor, so reading goes on where the table ends, two years ago."""
        target = self.postgres()
        simulator = self.simulator("--records", "deals=400", "--scale", "0.01", "--days", "900")
        entries = living_by_age(simulator, "Deals")
        old = [e for e in entries if time_of(e) < simulator.now() - 500 * 86400]
        table = Table(self, simulator, target, SLING)
        table.make(old)
        home = self.install(simulator, target, streams={"deals": None})
        simulator.forget_requests()
        self.sync(home)
        self.assert_read_from(simulator, time_of(old[-1]), most_pages=5)
        self.assertEqual(table.unequal(), set())
        self.assertEqual(int(self.state(target)["anchor"].timestamp()), time_of(old[-1]) - OVERLAP)

    def test_a_kill_before_the_first_commit_keeps_the_doubt(self):
        target = self.postgres()
        simulator, table, home, old = self.set_up_kind(target, SLING, 600)
        table.plant(self.chance, stale=5, missing=5, extra=5)
        simulator.faults({"path": "/crm/v6/Deals\\?", "action": {"kind": "stall", "delay_ms": 60000}})
        self.assertEqual(home.run("migrate").code, 0)
        daemon = self.started(home, "sync")
        wait_until(lambda: self.state(target), 60, "the state row")
        daemon.kill()
        simulator.clear_faults()
        self.assertTrue(self.state(target)["unverified"])
        target.settle()
        simulator.forget_requests()
        self.sync(home)
        self.assertGreaterEqual(since_of(lists_of(simulator.requests(), "Deals")[0]), time_of(old[0]))
        self.assert_not_fresh(home, target)
        self.assertEqual(home.run("verify", "--repair").code, 0)
        self.assert_fresh(home, target)
        self.assertEqual(table.unequal(), set())

    def test_missing_rights_block_the_stream_and_name_the_cure(self):
        target = self.postgres()
        simulator, table, home, _ = self.set_up_kind(target, SLING, 400)
        role = "adopter_" + secrets.token_hex(4)
        target.rows("create role %s login" % role)
        target.rows("grant create on database %s to %s" % (target.name, role))
        # Before the database is dropped, which a test's cleanups do in the opposite order.
        self.addCleanup(lambda: target.server.admin("drop role " + role))
        self.addCleanup(lambda: target.rows("reassign owned by %s to current_user; drop owned by %s" % (role, role)))
        home.target_entry["user"] = role
        home.write()
        for _ in range(2):  # First to change the table, and never more than one cure at a time.
            self.sync(home, code=1)
            self.assertEqual(self.state(target)["status"], "blocked")
        self.assertIn("owner", self.state(target)["last_error"])
        target.rows(self.state(target)["last_error"].split("superuser: ", 1)[1])
        self.sync(home)
        self.assertEqual(self.state(target)["status"], "ok")
        self.assertEqual(table.unequal(), set())

        # A table in which nothing is to be changed needs no owner, only rights to its rows.
        target.rows("alter table zoho_crm.deals owner to current_user; revoke all on zoho_crm.deals from " + role)
        target.rows("drop schema zohosync cascade")
        self.sync(home, code=1)
        cure = self.state(target)["last_error"].split("superuser: ", 1)[1]
        self.assertIn("GRANT SELECT", cure)
        target.rows(cure)
        self.sync(home)
        self.assertEqual(table.unequal(), set())

    def test_64_values_are_cast_to_the_types_of_the_table(self):
        kinds = {"bigint": SLING, "text": TEXTS, "timestamptz": BY_HAND, "json": COPIES}
        for name, kind in kinds.items():
            with self.subTest(name):
                target = self.postgres()
                simulator, table, home, _ = self.set_up_kind(target, kind, 100)
                types = "select attname::text, format_type(atttypid, atttypmod) from pg_attribute" \
                        " where attrelid = 'zoho_crm.deals'::regclass and attnum > 0 order by attnum"
                before = target.rows(types)
                self.sync(home)
                simulator.post("edit", module="Deals", count=30)
                simulator.post("create", module="Deals", count=10)
                self.quiet(simulator)
                self.sync(home)
                self.assertEqual(table.unequal(), set())
                self.assertEqual(target.rows(types)[:len(before)], before)


class TypedSqlite(EndToEnd):
    def test_64_sqlite_keeps_declared_types(self):
        target = self.sqlite()
        simulator = self.simulator("--records", "vendors=60", "--scale", "0.01")
        target.rows('create table vendors ("ID" text, "Vendor_Name" varchar(9), "Modified_Time" timestamp)')
        home = self.install(simulator, target, streams={"vendors": None})
        self.sync(home)
        held = dict(target.rows('select "ID", "Vendor_Name" from vendors'))
        self.assertEqual(held, {e["id"]: e["list_view"]["Vendor_Name"] for e in living_by_age(simulator, "Vendors")})
        declared = dict(target.rows("select name, type from pragma_table_info('vendors')"))
        self.assertEqual((declared["ID"].lower(), declared["Vendor_Name"]), ("text", "varchar(9)"))
