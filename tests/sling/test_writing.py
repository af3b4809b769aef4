"""Statements 44, 55 and 73: snapshots, the strategies of a merge, and what a user's statements do around it."""

import time
from datetime import datetime

import oracle
from request_log import lists_of
from servers import wait_until
from sling import SlingTest

HEAD = """
source: ZOHO_CRM
target: MY_POSTGRES
defaults:
  mode: incremental
  object: zoho_crm.{stream_name}
"""
HISTORY = """
source: ZOHO_CRM
target: MY_POSTGRES
defaults:
  mode: snapshot
  object: zoho_crm.{stream_name}_history
streams:
  leads:
"""
SNAPSHOT = oracle.Mapping(adopted=True)  # Read through a view, which has no key.


def seconds(moment):
    """Of a time as either target gives it."""
    return int(moment.timestamp() if isinstance(moment, datetime) else oracle.instant(moment))


class Writing(SlingTest):
    def targets(self):
        return self.postgres(), self.sqlite()

    def prepare(self, *arguments, **inputs):
        self.user = self.new_user()  # A home for each target.
        super().prepare(*arguments, **inputs)

    def live(self, sim, module):
        """Id to Modified_Time of every record that lives."""
        entries = map(oracle.parse_json, sim.ledger_lines(module))
        return {int(e["id"]): int(oracle.instant(e["list_view"]["Modified_Time"])) for e in entries if not e["deleted"]}

    def ids(self, target, stream, where="true"):
        return {r[0] for r in target.rows("select id from %s where %s" % (target.table(stream), where))}

    # 44

    def snapshots(self, target, stream="leads"):
        """Of each snapshot, the oldest first: when it was taken, and its ids with their Modified_Time."""
        found = {}
        for taken, record, modified in target.rows(
                "select _sling_loaded_at, id, modified_time from " + target.table(stream + "_history")):
            rows = found.setdefault(seconds(taken), {})
            self.assertNotIn(record, rows)
            rows[record] = seconds(modified)
        return sorted(found.items())

    def last_equals_ledger(self, sim, target, stream):
        """Every field of the last snapshot, through a view that is named like the stream."""
        history, view = target.table(stream + "_history"), target.table(stream)
        if target.kind == "sqlite":
            target.rows("drop view if exists " + view)
        target.rows("create %s view %s as select * from %s where _sling_loaded_at = (select max(_sling_loaded_at) from %s)"
                    % ("or replace" if target.kind == "postgres" else "", view, history, history))
        report = oracle.compare(sim, target, stream, mapping=SNAPSHOT, deletes="hard")
        self.assertTrue(report.is_equal() and report.rows > 0, report.text())

    def test_44_each_snapshot_appends_all_records(self):
        for target in self.targets():
            sim = self.simulator("--records", "leads=650", "--fields", "leads=70")
            self.prepare(sim, target, HISTORY + "  users:\n", anchor_date="all")
            self.assertEqual({s["mode"] for s in self.plan()["streams"]}, {"snapshot"})
            begun = int(sim.now())
            self.ok("sync")
            first = self.live(sim, "Leads")
            self.last_equals_ledger(sim, target, "leads")
            self.last_equals_ledger(sim, target, "users")
            sim.ids("edit", "Leads", count=20)
            sim.ids("create", "Leads", count=5)
            sim.ids("delete", "Leads", count=7)
            self.quiet(sim)
            kept = target.rows("select * from %s order by id" % target.table("leads_history"))
            between = int(sim.now())
            self.assertIn("INF inserted 648 rows into", self.ok("sync").err)
            taken = self.snapshots(target)
            self.assertEqual([rows for _, rows in taken], [first, self.live(sim, "Leads")])
            self.assertTrue(begun <= taken[0][0] <= between <= taken[1][0] <= sim.now(), taken)
            self.last_equals_ledger(sim, target, "leads")
            self.last_equals_ledger(sim, target, "users")
            # What was appended before is history, and stays as it is.
            old = target.rows("select * from %s where _sling_loaded_at = (select min(_sling_loaded_at) from %s) order by id"
                              % ((target.table("leads_history"),) * 2))
            self.assertEqual(old, kept)
            # Nobody compares it, and its age counts.
            self.assertIn("not_compared", self.ok("verify", "--streams", "leads").err)
            self.assertTrue(self.states(target)["leads"]["consistent_as_of"])

    def test_44_a_killed_snapshot_is_gone_on_with_and_there_once(self):
        for target in self.targets():
            sim = self.simulator("--records", "leads=1600")
            self.prepare(sim, target, HISTORY, anchor_date="all")
            began, scans = None, 0
            for page in (3, 5, 2):  # The first one is killed before it has committed anything.
                sim.forget_requests()
                sim.faults({"path": r"/crm/v6/Leads\?", "after": page, "action": {"kind": "stall", "delay_ms": 60_000}})
                daemon = self.user.start("sync")
                self.addCleanup(daemon.kill)
                wait_until(lambda: len(lists_of(sim.requests(), "Leads")) >= page, 60, "the pages are read")
                if page == 5:  # A thousand rows are a commit.
                    wait_until(lambda: self.states(target)["leads"]["scan"], 60, "pages are committed")
                daemon.kill()
                sim.clear_faults()
                target.settle()
                self.assertEqual(self.snapshots(target), [])
                scan = self.states(target)["leads"]["scan"]
                if scan:
                    scan = scan if isinstance(scan, dict) else oracle.parse_json(scan)
                    began = began or int(oracle.instant(scan["first_date"]))
                    self.assertEqual(int(oracle.instant(scan["first_date"])), began)
                    scans += 1
            self.assertGreaterEqual(scans, 2)
            time.sleep(1.1)
            sim.forget_requests()
            self.assertIn("scan_resumed", self.ok("sync", "--log-level", "info").err)
            self.assertEqual(self.snapshots(target), [(began, self.live(sim, "Leads"))])
            self.ok("sync")
            self.assertEqual(len(self.snapshots(target)), 2)

    def test_44_a_snapshot_that_does_not_commit_is_not_there(self):
        """Killed while the append, with all its rows written, stores its mark."""
        sim, target = self.simulator("--records", "leads=700"), self.postgres()
        self.prepare(sim, target, HISTORY, anchor_date="all")
        self.ok("sync")
        before = self.snapshots(target)
        target.rows("create function dawdle() returns trigger language plpgsql as $$ begin perform pg_sleep(60); return new; end $$;"
                    " create trigger dawdle before update on zohosync.sync_state for each row"
                    " when (new.consistent_as_of is distinct from old.consistent_as_of) execute function dawdle()")
        time.sleep(1.1)  # Zoho's Date is another one then, so that the trigger sees the mark move.
        daemon = self.user.start("sync")
        self.addCleanup(daemon.kill)
        pid = wait_until(lambda: target.rows("select pid from pg_stat_activity where wait_event = 'PgSleep'"), 30, "it stores the mark")[0][0]
        daemon.kill()
        target.rows("select pg_terminate_backend(%s)", pid)
        target.settle()
        self.assertEqual(self.snapshots(target), before)
        target.rows("drop trigger dawdle on zohosync.sync_state")
        self.ok("sync")
        self.assertEqual([rows for _, rows in self.snapshots(target)], [self.live(sim, "Leads")] * 2)

    def test_44_the_daemon_takes_snapshots_when_they_are_due(self):
        sim, target = self.simulator("--records", "leads=40,deals=5"), self.postgres()
        text = HISTORY + "    schedule: %s\n  deals: {mode: incremental, object: zoho_crm.deals, schedule: 1s}\ndaemon: {listen: 'off'}\n"
        self.prepare(sim, target, text % "1s", anchor_date="all")
        daemon = self.user.start("run")
        self.addCleanup(daemon.kill)
        wait_until(lambda: target.has_table("zoho_crm.leads_history") and len(self.snapshots(target)) >= 3, 60, "three snapshots")
        self.assertEqual(daemon.terminate()[0].code, 0)
        taken = self.snapshots(target)
        self.assertTrue(all(rows == self.live(sim, "Leads") for _, rows in taken))
        # A restart is no reason for another one.
        self.user.write_replication(text % "1h")
        sim.forget_requests()
        daemon = self.user.start("run")
        self.addCleanup(daemon.kill)
        wait_until(lambda: len(lists_of(sim.requests(), "Deals")) >= 4, 60, "the other stream polls")
        self.assertEqual(daemon.terminate()[0].code, 0)
        self.assertEqual(lists_of(sim.requests(), "Leads"), [])
        self.assertEqual(self.snapshots(target), taken)

    def test_44_a_table_of_records_is_not_made_one_of_snapshots(self):
        for target in self.targets():
            sim = self.simulator("--records", "leads=30")
            self.prepare(sim, target, HEAD + "streams:\n  leads:\n")
            self.ok("sync")
            before = target.row_versions("leads")
            result = self.ok("sync", "--mode", "snapshot", code=1)
            self.assertIn("has one row a record, and a snapshot needs a table of its own", result.err)
            self.assertEqual(target.row_versions("leads"), before)
            self.user.write_replication(HISTORY)
            self.ok("sync")
            result = self.ok("sync", "--mode", "incremental", code=1)
            self.assertIn("holds snapshots: choose another object", result.err)
            self.assertEqual(len(self.snapshots(target)), 1)

    # 55

    def test_55_the_four_strategies(self):
        for target in self.targets():
            for strategy in ("update_insert", "delete_insert", "insert", "update"):
                sim = self.simulator("--records", "leads=60")
                name = "by_" + strategy
                text = HEAD.replace("{stream_name}", name) + "streams:\n  leads:\n"
                self.prepare(sim, target, text)
                self.ok("sync")
                table = target.table(name)
                target.rows("alter table %s add column note text" % table)
                target.rows("update %s set note = 'mine'" % table)
                before = self.live(sim, "Leads")
                edited = sim.ids("edit", "Leads", count=6)
                created = sim.ids("create", "Leads", count=4)
                self.quiet(sim)
                versions = target.row_versions(name)
                self.user.write_replication(text + "    target_options: {merge_strategy: %s}\n" % strategy)
                self.ok("sync")
                self.ok("sync")
                now, found = self.live(sim, "Leads"), {}
                for record, modified in target.rows("select id, modified_time from " + table):
                    found[record] = seconds(modified)
                expected = {"update_insert": now, "delete_insert": now, "insert": {**now, **before},
                            "update": {i: t for i, t in now.items() if i in before}}[strategy]
                self.assertEqual(found, expected, strategy)
                after = target.row_versions(name)
                touched = {i for i in before if after[i] != versions[i]}
                self.assertEqual(touched, set() if strategy == "insert" else edited, strategy)
                lost = {r[0] for r in target.rows("select id from %s where note is null" % table)}
                self.assertEqual(lost - created, edited if strategy == "delete_insert" else set(), strategy)
                if strategy in ("update_insert", "delete_insert"):
                    report = oracle.compare(sim, target, name, module="Leads", mapping=SNAPSHOT)
                    self.assertTrue(report.is_equal(), report.text())

    def test_55_an_unknown_strategy_is_an_error(self):
        sim, target = self.simulator("--records", "leads=5"), self.sqlite()
        self.prepare(sim, target, HEAD + "streams:\n  leads: {target_options: {merge_strategy: upsert}}\n")
        result = self.ok("sync", code=65)
        self.assertIn("streams.leads.target_options.merge_strategy: `upsert` is no strategy: expected update_insert, delete_insert,"
                      " insert or update", result.text)
        self.assertIn("replication.yaml:", result.text)

    # 73

    def test_73_statements_run_before_and_after_what_is_written(self):
        for target in self.targets():
            sim = self.simulator("--records", "leads=230,deals=12")
            self.prepare(sim, target, HEAD + """
env: { WHO: "O'Brien" }
streams:
  leads:
    target_options:
      pre_sql: insert into told select 'before {stream_name} {run.mode} of {env.WHO}', count(*) from {object.full_name}
      post_sql: file://sql/after.sql
  deals: { mode: full-refresh }
""")
            (self.user.work / "sql").mkdir()
            self.user.write("sql/after.sql", """
                -- What stands in a file may be longer.
                insert into told select 'after {target_type}', count(*) from {object_full_name};
                insert into told values ('and more', 0);
                """)
            target.rows("create table told (text text, number int)")

            def told():
                return target.rows("select text, number from told")

            # The first statement is rendered inside of a literal.
            self.ok("sync")
            first = [("before leads incremental of O'Brien", 0), ("after " + target.kind, 230), ("and more", 0)]
            self.assertEqual(told(), first)
            # Nothing to write, nothing to run.
            self.quiet(sim)
            self.ok("sync")
            target.rows("delete from told")
            self.ok("sync")
            self.assertEqual(told(), [])
            sim.ids("create", "Leads", count=3)
            self.quiet(sim)
            self.ok("sync")
            self.assertEqual(told()[:2], [("before leads incremental of O'Brien", 230), ("after " + target.kind, 233)])
            self.assert_equal_to_ledger(sim, target, ["leads", "deals"], at_least=240)

    def test_73_a_failing_pre_sql_fails_the_run_before_anything_is_written(self):
        for target, wrong, state in ((self.postgres(), "select 1 / 0", "22012"), (self.sqlite(), "select * from nowhere", "")):
            sim = self.simulator("--records", "leads=30,deals=12")
            text = HEAD + "streams:\n  leads: {target_options: {pre_sql: '%s'}}\n  deals:\n"
            self.prepare(sim, target, text % wrong)
            result = self.ok("sync", code=1)
            self.assertRegex(result.err, "pre_sql of leads failed: .*" + state)
            self.assertEqual(self.ids(target, "leads"), set())
            self.assertIsNone(self.states(target)["leads"]["high_water_mark"])
            self.assertIn("pre_sql of leads failed", self.states(target)["leads"]["last_error"])
            self.assert_equal_to_ledger(sim, target, ["deals"], at_least=12)
            self.user.write_replication(text % "select 1")
            self.ok("sync")
            self.assert_equal_to_ledger(sim, target, ["leads", "deals"], at_least=42)

    def test_73_a_failing_post_sql_is_told_and_made_up_for(self):
        sim, target = self.simulator("--records", "leads=30"), self.postgres()
        text = HEAD + """
streams:
  leads:
    schedule: 1s
    target_options:
      post_sql: %s
daemon: { listen: 'off' }
"""
        self.prepare(sim, target, text % "refresh materialized view of_mine")
        result = self.ok("sync", code=1)
        self.assertRegex(result.err, r'post_sql of leads failed: relation .*of_mine.* does not exist \(42P01\)')
        self.assert_equal_to_ledger(sim, target, ["leads"], at_least=30)
        # What may pass is tried again soon, although there is nothing new.
        self.user.write_replication(text % """|
        do $$ begin
          if to_regclass('public.ready') is null then
            raise exception 'not yet' using errcode = 'lock_not_available';
          end if;
          insert into ready values (1);
        end $$""")
        sim.ids("edit", "Leads", count=2)
        daemon = self.user.start("run")
        self.addCleanup(daemon.kill)
        wait_until(lambda: "post_sql of leads failed: not yet (55P03)" in daemon.err(), 120, "it fails")
        target.rows("create table ready (n int)")
        wait_until(lambda: target.rows("select n from ready"), 120, "it was made up for")
        self.assertEqual(daemon.terminate()[0].code, 0)

    def test_73_statements_run_around_a_refresh_and_a_snapshot_too(self):
        sim, target = self.simulator("--records", "leads=25"), self.sqlite()
        text = HEAD + """
streams:
  leads:
    mode: %s
    object: '%s'
    target_options: { pre_sql: "insert into told values ('{run.mode}')", post_sql: "insert into told values ('done')" }
"""
        self.prepare(sim, target, text % ("full-refresh", "leads"))
        target.rows("create table told (text text)")
        self.ok("sync")
        self.user.write_replication(text % ("snapshot", "history"))
        self.ok("sync")
        self.assertEqual(target.rows("select text from told"), [("full-refresh",), ("done",), ("snapshot",), ("done",)])

    def test_73_table_ddl_is_refused_by_name(self):
        sim, target = self.simulator("--records", "leads=5"), self.sqlite()
        self.prepare(sim, target, HEAD + "streams:\n  leads: {target_options: {table_ddl: 'create table x (id int)'}}\n")
        self.assertIn("target_options.table_ddl", self.ok("sync", code=65).text)
