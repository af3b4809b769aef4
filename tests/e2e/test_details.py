"""Details: line items and a custom subform as tables of their own, equal to the simulator's ledger."""

import json
import os
import random
from decimal import Decimal

import oracle
from harness import EndToEnd
from request_log import most_arrivals
from servers import wait_until

ITEMS, VISITS, LATER = "Quoted_Items", "Site_Visits", "Follow_Ups"
TABLES = {ITEMS: "quotes_quoted_items", VISITS: "quotes_site_visits", LATER: "quotes_follow_ups"}
COUNTING = "ZohoCRM.modules.READ,ZohoCRM.settings.READ,ZohoCRM.users.READ,ZohoCRM.org.READ,ZohoSearch.securesearch.READ"


class Details(EndToEnd):
    def prepare(self, target, quotes=120, details="line_items", **settings):
        self.seed = int(os.environ.get("ZOHOSYNCD_E2E_SEED") or random.SystemRandom().randrange(10**6))
        self.chance = random.Random(self.seed)
        self.target = target
        self.fields = [ITEMS, VISITS]
        self.added = 0
        self.sim = self.simulator("--records", "quotes=%d" % quotes, "--scale", "0.05")
        # Zoho has a list of fields for the items of a quote, and none for this one.
        self.sim.post("fields", module="Quotes", add=[{"api_name": VISITS, "data_type": "subform", "filled": True}])
        self.home = self.install(self.sim, target, streams={"quotes": None}, **settings)
        self.home.inputs["scopes"] = COUNTING
        self.home.daemon["details"] = details
        self.home.write()

    def ledger(self):
        entries = [json.loads(line, parse_float=Decimal) for line in self.sim.ledger_lines("Quotes", view="both")]
        self.assertTrue(entries)
        return {int(entry["id"]): entry for entry in entries}

    def expected(self, field):
        """Line id to what the table has to say of it, of the records that live."""
        lines = {}
        for record, entry in self.ledger().items():
            if entry["deleted"]:
                continue
            for place, line in enumerate(entry["full"].get(field) or [], 1):
                self.assertNotIn(int(line["id"]), lines)
                lines[int(line["id"])] = {
                    "parent_id": record, "_position": place, "quantity": Decimal(line["Quantity"]),
                    "sequence_number": Decimal(line["Sequence_Number"]),
                    "description": line["Description"] and oracle.clean(line["Description"])}
                if field == ITEMS:
                    price, product = line["List_Price"], line["Product_Name"]
                    lines[int(line["id"])].update({
                        "list_price": None if price is None else Decimal(price),
                        "product_name": product and oracle.structure(product)})
        return lines

    def found(self, field, where="_deleted_at is null"):
        names = ["id", "parent_id", "_position", "quantity", "sequence_number", "description"]
        names += ["list_price", "product_name"] if field == ITEMS else []
        lines = {}
        for row in self.target.rows("select %s from %s where %s" % (
                ", ".join(names), self.target.table(TABLES[field]), where)):
            line = dict(zip(names, row))
            for name in ("quantity", "sequence_number", "list_price"):
                if line.get(name) is not None:
                    line[name] = Decimal(str(line[name]))
            product = line.get("product_name")
            if product is not None:
                line["product_name"] = oracle.structure(json.loads(product) if isinstance(product, str) else product)
            lines[line.pop("id")] = line
        return lines

    def waiting(self):
        return self.target.rows("select count(*) from %s where _details_at is null and _deleted_at is null"
                                % self.target.table("quotes"))[0][0]

    def filled(self):
        return self.target.rows("select count(*) from %s where _details_at is not null" % self.target.table("quotes"))[0][0]

    def assert_lines_equal_the_ledger(self, at_least=20):
        self.assertEqual(self.waiting(), 0)
        for field in self.fields:
            expected, found = self.expected(field), self.found(field)
            self.assertEqual(found, expected, "seed %d, %s" % (self.seed, field))
            self.assertGreater(len(found), at_least)
            print("%d lines" % len(found), end=" ", flush=True)

    def set_lines(self, record, field, lines):
        raw = json.dumps(lines)
        self.assertEqual(self.sim.ids("edit", "Quotes", ids=[record], raw_fields={field: raw}), {record})

    def lines_of(self, record, field):
        for entry in map(json.loads, self.sim.ledger_lines("Quotes", view="both")):
            if int(entry["id"]) == record:
                return entry["full"][field] or []
        raise AssertionError("no record %d" % record)

    def edit_lines(self, records):
        """A line changed, one moved to the end, one taken out, one added, all taken out; of each kind some."""
        for n, record in enumerate(records):
            field = (ITEMS, VISITS)[n % 2]
            lines = self.lines_of(record, field)
            kind = n // 2 % 5
            if kind == 0 and lines:
                lines[0]["Quantity"] = 4711 + n
            elif kind == 1 and lines:
                lines.append(lines.pop(0))
            elif kind == 2 and lines:
                lines.pop(self.chance.randrange(len(lines)))
            elif kind == 3:
                self.added += 1  # No line is added twice, though a record may get several.
                new = {"id": str(record + 10**9 * self.added), "Parent_Id": {"name": "x", "id": str(record)}, "Quantity": 7,
                       "Sequence_Number": 9, "Description": "a line more"}
                lines.insert(0, new | ({"List_Price": 12.5, "Product_Name": None} if field == ITEMS else {}))
            else:
                lines = []
            self.set_lines(record, field, lines)

    def live(self):
        return sorted(record for record, entry in self.ledger().items() if not entry["deleted"])

    def singles(self):
        return [r for r in self.sim.requests() if r["kind"].startswith("single")]

    def credits(self):
        return len([r for r in self.sim.requests() if r["kind"] != "token"])

    def plan(self):
        result = self.home.run("plan", "--json")
        self.assertEqual(result.code, 0, result.text[-3000:])
        self.assert_clean(result)
        return json.loads(result.out)

    def status(self):
        result = self.home.run("status", "--json")
        self.assertEqual(result.code, 0, result.text[-3000:])
        return json.loads(result.out)[0]

    def sync_as_foretold(self):
        """A plan, then a sync that costs what the plan said."""
        plan = self.plan()
        self.sim.forget_requests()
        result = self.sync(self.home)
        foretold, spent = plan["total"]["credits"], self.credits()
        print("plan %d, sync %d, of them %d for details" % (foretold, spent, len(self.singles())), end=" ", flush=True)
        self.assertLessEqual(abs(foretold - spent), 0.05 * spent, plan)
        self.assertLessEqual(abs(plan["total"]["details"] - len(self.singles())), 0.05 * max(len(self.singles()), 20))
        return result

    def follows_the_ledger(self, target):
        self.prepare(target)
        self.sync_as_foretold()
        self.assert_lines_equal_the_ledger()
        self.assert_equal_to_ledger(self.sim, target, ["quotes"], at_least=100)
        self.assertEqual(self.status()["details_waiting"], 0)

        changed = self.chance.sample(self.live(), 50)
        before = {field: target.row_versions(TABLES[field]) for field in self.fields}
        self.edit_lines(changed)
        untouched = {field: {line for line, row in self.found(field).items() if row["parent_id"] not in changed}
                     for field in self.fields}
        self.quiet(self.sim)
        self.sync_as_foretold()

        self.assert_lines_equal_the_ledger()
        self.assertEqual(len(self.singles()), 50, "only records that changed")
        for field in self.fields:
            after = target.row_versions(TABLES[field])
            self.assertTrue(untouched[field])
            self.assertEqual([line for line in untouched[field] if after[line] != before[field][line]], [],
                             "an unchanged line is not written")

        self.sim.forget_requests()
        self.sync(self.home)
        self.assertEqual(self.singles(), [], "nothing waits")
        verified = self.home.run("verify", "--full")
        self.assertEqual(verified.code, 0, verified.text[-3000:])

    def test_lines_follow_the_ledger_in_postgres(self):
        self.follows_the_ledger(self.postgres())

    def test_lines_follow_the_ledger_in_sqlite(self):
        self.follows_the_ledger(self.sqlite())

    def follows_its_record(self, target):
        self.prepare(target, quotes=60)
        self.sync(self.home)
        with_items = sorted({row["parent_id"] for row in self.found(ITEMS).values()})
        gone = self.chance.sample(with_items, 8)
        self.sim.ids("delete", "Quotes", ids=gone)
        self.quiet(self.sim)
        self.sync(self.home)
        self.assert_lines_equal_the_ledger()
        marked = self.target.rows("select l.parent_id, l._deleted_at = q._deleted_at from %s l join %s q on "
                                  "q.id = l.parent_id where l._deleted_at is not null" % (
                                      target.table(TABLES[ITEMS]), target.table("quotes")))
        self.assertEqual({record for record, _ in marked}, set(gone))
        self.assertTrue(all(same for _, same in marked))

        back = gone[:3]
        self.sim.ids("restore", "Quotes", ids=back)
        self.quiet(self.sim)
        self.sync(self.home)
        self.assert_lines_equal_the_ledger()

        self.home.defaults["target_options"] = {"delete_missing": "hard"}
        self.home.write()
        more = self.chance.sample([r for r in with_items if r not in gone], 5)
        self.sim.ids("delete", "Quotes", ids=more)
        self.quiet(self.sim)
        self.sync(self.home)
        self.assert_lines_equal_the_ledger()
        left = {row[0] for row in target.rows("select parent_id from " + target.table(TABLES[ITEMS]))}
        self.assertEqual(left & set(more), set())

    def test_lines_are_deleted_with_their_record_in_postgres(self):
        self.follows_its_record(self.postgres())

    def test_lines_are_deleted_with_their_record_in_sqlite(self):
        self.follows_its_record(self.sqlite())

    def survives_kills(self, target, kills=2, quotes=120):
        self.prepare(target, quotes=quotes)
        self.sim.post("mode", latency_ms=15)
        self.sim.forget_requests()
        seen, between = [], 0
        for _ in range(kills):
            daemon = self.started(self.home, "sync")
            # The 21st is asked for after the first 20 were committed.
            reads = len(self.singles()) + self.chance.randrange(21, 50)
            wait_until(lambda: not daemon.is_running() or len(self.singles()) >= reads, 60, "details are read")
            daemon.kill()
            target.settle()
            seen.append(self.waiting())
            between += 0 < seen[-1] < quotes
        self.assertGreater(between, 0, seen)
        self.assertEqual(seen, sorted(seen, reverse=True), "what was read stays")
        self.assertEqual(self.status()["details_waiting"], seen[-1])
        self.assertEqual(self.plan()["streams"][0]["details_waiting"], seen[-1])
        self.sync(self.home)
        self.assert_lines_equal_the_ledger()
        # What a kill forgets is no more than a commit's records.
        self.assertLessEqual(len(self.singles()), quotes + kills * 21)

    def test_a_kill_amid_the_backlog_loses_nothing_in_postgres(self):
        self.survives_kills(self.postgres())

    def test_a_kill_amid_the_backlog_loses_nothing_in_sqlite(self):
        self.survives_kills(self.sqlite())

    def stays_as_it_was(self, target):
        self.prepare(target, quotes=60, details="off")
        self.sync_as_foretold()
        self.assertEqual(self.singles(), [])
        self.assert_equal_to_ledger(self.sim, target, ["quotes"], at_least=50)
        self.assertNotIn("_details_at", oracle.table_columns(target, "quotes"))
        for table in TABLES.values():
            self.assertEqual(oracle.table_columns(target, table), {})
        self.assertIsNone(self.status()["details_waiting"])

        self.home.daemon["details"] = "line_items"
        self.home.write()
        versions = target.row_versions("quotes")
        self.assertEqual(self.plan()["streams"][0]["details_waiting"], len(self.live()))
        self.sync(self.home)
        self.assert_lines_equal_the_ledger()
        self.assertEqual(set(versions), set(target.row_versions("quotes")))

        # What changes while details are off waits until they are on again.
        self.home.daemon["details"] = "off"
        self.home.write()
        changed = self.chance.sample(self.live(), 10)
        self.edit_lines(changed)
        self.quiet(self.sim)
        self.sim.forget_requests()
        self.sync(self.home)
        self.assertEqual((self.singles(), self.waiting()), ([], 10))
        self.home.daemon["details"] = "line_items"
        self.home.write()
        self.sync(self.home)
        self.assert_lines_equal_the_ledger()

    def test_off_leaves_everything_as_it_was_in_postgres(self):
        self.stays_as_it_was(self.postgres())

    def test_off_leaves_everything_as_it_was_in_sqlite(self):
        self.stays_as_it_was(self.sqlite())

    def test_a_subform_that_comes_later_is_read_of_all_records(self):
        self.prepare(self.postgres(), quotes=30)
        self.home.daemon["metadata"] = "1s"
        self.home.write()
        self.sync(self.home)
        self.assert_lines_equal_the_ledger()
        versions = self.target.row_versions("quotes")

        self.sim.post("fields", module="Quotes", add=[{"api_name": LATER, "data_type": "subform", "filled": True}])
        self.fields.append(LATER)
        self.sim.forget_requests()
        self.sync(self.home)

        self.assert_lines_equal_the_ledger()
        self.assertEqual(len(self.singles()), len(self.live()), "each once, though none has changed for Zoho")
        self.assertEqual(set(versions), set(self.target.row_versions("quotes")))

    def is_away_for_a_while(self, target):
        """Records that change meanwhile are read without it."""
        self.prepare(target, quotes=40)
        self.sync(self.home)
        self.assert_lines_equal_the_ledger()
        self.sim.post("fields", module="Quotes", remove=[VISITS])
        self.sim.ids("edit", "Quotes", ids=self.live()[:10])
        self.sim.ids("create", "Quotes", count=5)
        self.quiet(self.sim)
        self.sync(self.home)
        self.assertEqual(self.waiting(), 0)
        self.sim.post("fields", module="Quotes", restore=[VISITS])
        self.sim.forget_requests()
        self.sync(self.home)
        self.assert_lines_equal_the_ledger()
        self.assertEqual(len(self.singles()), len(self.live()))
        self.sim.forget_requests()
        self.sync(self.home)
        self.assertEqual(self.singles(), [])

    def test_a_subform_that_is_away_for_a_while_in_postgres(self):
        self.is_away_for_a_while(self.postgres())

    def test_a_subform_that_is_away_for_a_while_in_sqlite(self):
        self.is_away_for_a_while(self.sqlite())

    def test_half_of_rate_and_credits(self):
        self.prepare(self.postgres(), quotes=100)
        self.home.inputs["rate"] = 20
        self.home.daemon["credits"] = {"daily": 120, "reserve": "0%"}
        self.home.write()
        result = self.sync(self.home)
        singles = self.singles()
        # One request more than the half may have been under way when the count was written.
        self.assertLessEqual(len(singles), 60)
        self.assertGreaterEqual(len(singles), 50)
        self.assertLessEqual(most_arrivals(singles), 10)
        self.assertIn("put_off", result.err)
        self.assertEqual(self.waiting(), 100 - len(singles))
        newest = self.target.rows("select min(modified_time) filter (where _details_at is not null) >= max(modified_time) "
                                  "filter (where _details_at is null) from zoho_crm.quotes")[0][0]
        self.assertTrue(newest, "the newest come first")
        # Another run has not forgotten what was spent.
        self.sim.forget_requests()
        self.sync(self.home)
        self.assertLessEqual(len(self.singles()), 60 - len(singles))

    def test_the_daemon_follows_edits_of_lines(self):
        self.prepare(self.postgres(), quotes=60)
        self.home.defaults["schedule"] = "@every 1s"
        self.home.write()
        daemon = self.started(self.home, "run")
        # Columns of lines come with the first of them.
        wait_until(lambda: self.target.has_table("zoho_crm.quotes_quoted_items") and self.filled() >= 50
                   and self.waiting() == 0, 60, "the first details", pause=0.2)
        for _ in range(3):
            self.edit_lines(self.chance.sample(self.live(), 10))
        wait_until(lambda: self.waiting() == 0 and all(self.found(f) == self.expected(f) for f in self.fields), 60,
                   "the lines equal the ledger", pause=0.5)
        result, seconds = daemon.terminate()
        self.assertEqual(result.code, 0, result.text[-3000:])
        self.assertLess(seconds, 5)
