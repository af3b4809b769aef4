"""`details: all`: multi-select lookups, and rich text beyond what lists give, as columns; equal to the simulator's ledger."""

import json
import os
import random

import oracle
from harness import EndToEnd
from request_log import most_arrivals
from servers import wait_until

# Leads have Helpers, a multi-user lookup, and Rich_Notes already.
INTERESTS, STORY, LATER = "Interesting_Deals", "Story", "Partners"
COUNTING = "ZohoCRM.modules.READ,ZohoCRM.settings.READ,ZohoCRM.users.READ,ZohoCRM.org.READ,ZohoSearch.securesearch.READ"


class DetailColumns(EndToEnd):
    def prepare(self, target, leads=100, **daemon):
        self.seed = int(os.environ.get("ZOHOSYNCD_E2E_SEED") or random.SystemRandom().randrange(10**6))
        self.chance = random.Random(self.seed)
        self.target = target
        self.sim = self.simulator("--records", "leads=%d,quotes=30" % leads, "--scale", "0.05")
        self.sim.post("fields", module="Leads", add=[
            {"api_name": INTERESTS, "data_type": "multiselectlookup", "filled": True},
            {"api_name": STORY, "data_type": "richtext", "filled": True}])
        self.home = self.install(self.sim, target, streams={"leads": None, "quotes": None})
        self.home.inputs["scopes"] = COUNTING
        self.home.inputs["rate"] = 200
        self.home.daemon.update({"details": "all", **daemon})
        self.home.write()

    def assert_equal(self, at_least=100):
        self.assertEqual(self.waiting(), 0)
        compared = self.assert_equal_to_ledger(self.sim, self.target, ["leads", "quotes"], at_least=at_least, details=True)
        print("seed %d: %d rows" % (self.seed, compared), end=" ", flush=True)

    def waiting(self):
        return sum(self.target.rows("select count(*) from %s where _details_at is null and _deleted_at is null"
                                    % self.target.table(stream))[0][0] for stream in ("leads", "quotes"))

    def ran(self, streams):
        if not self.target.has_table(self.target.state_prefix + "sync_state"):
            return False
        states = self.states(self.target)
        return all(s in states and states[s]["consistent_as_of"] for s in streams)

    def live(self, module="Leads"):
        return [int(entry["id"]) for entry in map(json.loads, self.sim.ledger_lines(module)) if not entry["deleted"]]

    def requests_of(self, *kinds):
        return [r for r in self.sim.requests() if r["kind"].split(":")[0] in kinds]

    def singles(self):
        return self.requests_of("single")

    def plan(self):
        return json.loads(self.home.run("plan", "--json").out)

    def longest(self, column):
        return self.target.rows("select max(length(cast(%s as text))) from %s" % (column, self.target.table("leads")))[0][0]

    def follows_the_ledger(self, target):
        self.prepare(target)
        plan = self.plan()
        self.sim.forget_requests()
        self.sync(self.home)
        spent = len([r for r in self.sim.requests() if r["kind"] != "token"])
        self.assertLessEqual(abs(plan["total"]["credits"] - spent), 0.05 * spent, plan)
        self.assert_equal()
        self.assertGreater(self.longest("rich_notes"), 500)
        self.assertGreater(self.longest("interesting_deals"), 10)

        # A run that finds nothing new writes nothing, and asks for no record.
        versions = target.row_versions("leads")
        self.sim.forget_requests()
        self.sync(self.home)
        self.assertEqual((self.singles(), set(target.row_versions("leads"))), ([], set(versions)))

        edited = self.chance.sample(self.live(), 30)
        self.sim.ids("edit", "Leads", ids=edited)
        self.sim.ids("edit", "Leads", ids=edited[:5], raw_fields={"Helpers": "[]"})
        self.sim.ids("delete", "Leads", ids=edited[5:8])
        self.sim.ids("create", "Leads", count=5)
        self.quiet(self.sim)
        self.sim.forget_requests()
        self.sync(self.home)
        self.assert_equal()
        self.assertEqual(len(self.singles()), 30 - 3 + 5)

        # All of a text is what a verification finds the beginning of. It reads no lines, nor does a trial; no row waits for them then.
        self.sim.forget_requests()
        for arguments in (["verify", "--full"], ["verify", "--full", "--repair"], ["sync", "--limit", "5"], ["sync"]):
            result = self.home.run(*arguments)
            self.assertEqual(result.code, 0, result.text[-3000:])
            self.assert_clean(result)
            self.assertEqual((arguments, self.singles()), (arguments, []))
        self.assert_equal()

    def test_columns_follow_the_ledger_in_postgres(self):
        self.follows_the_ledger(self.postgres())

    def test_columns_follow_the_ledger_in_sqlite(self):
        self.follows_the_ledger(self.sqlite())

    def test_text_that_single_records_lack_or_cut_is_asked_for_by_itself(self):
        for mode in ("cut", "left_out"):
            with self.subTest(mode):
                self.prepare(self.sqlite(), leads=40)
                self.sim.post("mode", single_rich_text=mode)
                self.sync(self.home)
                self.assert_equal(at_least=40)
                asked = self.requests_of("text")
                self.assertGreater(len(asked), 10)
                # The record once more after each, to see that it is still of that version.
                self.assertEqual(len(self.singles()), len(self.live()) + len(self.live("Quotes")) + len(asked))
                self.assertLessEqual(most_arrivals(self.requests_of("single", "text")), 100)

    def comes_and_goes(self, target):
        self.prepare(target, leads=40, details="line_items", metadata="1s")
        self.sync(self.home)
        self.assert_equal_to_ledger(self.sim, target, ["leads"], at_least=40)
        self.assertEqual(self.longest("rich_notes"), 500)

        self.home.daemon["details"] = "all"
        self.home.write()
        # Quotes have lines alone, which were read already.
        self.assertEqual([s["details_waiting"] for s in self.plan()["streams"]], [len(self.live()), 0])
        self.sim.forget_requests()
        self.sync(self.home)
        self.assert_equal(at_least=40)
        self.assertEqual(len(self.singles()), len(self.live()))

        # A field more, of which no record tells by its time.
        self.sim.post("fields", module="Leads", add=[{"api_name": LATER, "data_type": "multiselectlookup", "filled": True}])
        self.sim.forget_requests()
        self.sync(self.home)
        self.assert_equal(at_least=40)
        self.assertEqual(len(self.singles()), len(self.live()))

        self.sim.post("fields", module="Leads", rename={LATER: "Allies", STORY: "Tale"})
        self.sync(self.home)
        self.assert_equal(at_least=40)
        self.assertNotIn("partners", oracle.table_columns(target, "leads"))

        # Lines alone again: no row waits for what is not read any more. Columns and long texts stay as they are.
        self.home.daemon["details"] = "line_items"
        self.home.write()
        edited = [self.sim.ids("edit", module, count=5) for module in ("Leads", "Quotes")]
        self.quiet(self.sim)
        self.sim.forget_requests()
        self.sync(self.home)
        self.assertEqual(len(self.singles()), sum(map(len, edited)))
        self.assertEqual(self.waiting(), 0)
        self.assert_equal_to_ledger(self.sim, target, ["quotes"], at_least=20)

    def test_details_and_their_fields_come_later_in_postgres(self):
        self.comes_and_goes(self.postgres())

    def test_details_and_their_fields_come_later_in_sqlite(self):
        self.comes_and_goes(self.sqlite())

    def is_away_for_a_while(self, target):
        """It is back before the daemon asks for the fields again of its own accord."""
        self.prepare(target, leads=40, metadata="10s")
        self.home.defaults["schedule"] = "@every 1s"
        self.home.write()
        daemon = self.started(self.home, "run")
        wait_until(lambda: self.ran(["leads", "quotes"]) and self.waiting() == 0, 60, "all is read")
        self.sim.post("fields", module="Leads", remove=["Helpers"])
        self.sim.forget_requests()
        edited = self.sim.ids("edit", "Leads", count=10)
        wait_until(lambda: self.singles(), 60, "records without the field are read")
        retired = "select count(*) from %scolumns where api_name = 'Helpers' and retired_at is not null" % target.state_prefix
        wait_until(lambda: self.waiting() == 0 or target.rows(retired)[0][0], 60, "it was seen that the field is gone")
        self.sim.post("fields", module="Leads", restore=["Helpers"])
        self.quiet(self.sim)
        wait_until(lambda: target.rows(retired)[0][0] == 0 and self.waiting() == 0, 90, "the field is back")
        self.assertEqual(len(edited), 10)
        self.assert_equal(at_least=40)
        daemon.terminate()

    def test_a_field_that_is_away_for_a_while_in_postgres(self):
        self.is_away_for_a_while(self.postgres())

    def test_a_field_that_is_away_for_a_while_in_sqlite(self):
        self.is_away_for_a_while(self.sqlite())

    def test_a_record_that_can_not_be_read_holds_up_no_other(self):
        for action in ({"kind": "status", "status": 500}, {"kind": "reset"}):
            with self.subTest(action["kind"]):
                self.prepare(self.sqlite(), leads=40)
                newest = max(map(json.loads, self.sim.ledger_lines("Leads")), key=lambda entry: (entry["modified"], int(entry["id"])))
                self.sim.faults({"path": "/crm/v6/Leads/%s" % newest["id"], "times": 1000, "action": action})
                result = self.sync(self.home)
                self.assertIn("event=details_not_read id=%s" % newest["id"], result.err.replace("stream=leads ", ""))
                self.assertEqual(self.waiting(), 1)
                self.sim.clear_faults()
                self.sync(self.home)
                self.assert_equal(at_least=40)

    def test_rows_of_the_future_hold_up_no_other(self):
        """A table that was there first may have any."""
        self.prepare(self.postgres(), leads=40)
        self.sync(self.home)
        table = self.target.table("leads")
        self.target.rows("insert into %s (id, modified_time) select n, '2099-01-01' from generate_series(1, 50) n" % table)
        edited = self.sim.ids("edit", "Leads", count=10)
        self.quiet(self.sim)
        self.sync(self.home, timeout=60)
        self.assertEqual(self.waiting(), 50)
        self.target.rows("delete from %s where id < 100" % table)
        self.assertEqual(len(edited), 10)
        self.assert_equal(at_least=40)

    def test_selected_columns_alone(self):
        self.prepare(self.sqlite(), leads=20)
        self.home.streams = {"leads": {"select": ["id", "Modified_Time", "Last_Name", "Helpers"]}}
        self.home.write()
        result = self.sync(self.home)
        self.assertNotIn("select_matches_nothing", result.err)
        columns = set(oracle.table_columns(self.target, "leads"))
        self.assertEqual(columns, {"id", "modified_time", "last_name", "helpers", "_synced_at", "_deleted_at", "_details_at"})
        self.assertGreater(self.target.rows("select count(helpers) from %s" % self.target.table("leads"))[0][0], 5)

    def test_a_daemon_that_is_killed_again_and_again_ends_equal(self):
        self.prepare(self.postgres(), leads=60)
        self.home.defaults["schedule"] = "@every 1s"
        self.home.write()
        for _ in range(3):
            daemon = self.started(self.home, "run")
            reads = len(self.singles()) + self.chance.randrange(10, 30)
            self.sim.ids("edit", "Leads", count=20)
            wait_until(lambda: len(self.singles()) >= reads, 60, "details are read")
            daemon.kill()
            self.target.settle()
        daemon = self.started(self.home, "run")
        self.sim.ids("edit", "Leads", count=20)
        self.quiet(self.sim)

        def is_equal():
            return self.waiting() == 0 and all(
                oracle.compare(self.sim, self.target, stream, details=True).is_equal() for stream in ("leads", "quotes"))

        wait_until(is_equal, 90, "the columns equal the ledger", pause=0.5)
        result, seconds = daemon.terminate()
        self.assertEqual(result.code, 0, result.text[-3000:])
        self.assertLess(seconds, 5)
