"""Statements 41, 46, 48, 49, 50, 53, 54 and 72: what is in the tables at any instant, and what a run leaves behind."""

import threading
import time
from datetime import datetime, timedelta, timezone

import oracle
import psycopg2
from request_log import lists_of, since_of
from servers import wait_until
from sling import SlingTestOfTargets

HEAD = """
source: ZOHO_CRM
target: MY_POSTGRES
defaults:
  mode: incremental
  object: zoho_crm.{stream_name}
"""
LEADS = HEAD + "streams:\n  leads:\n"
REFRESH = HEAD + "streams:\n  leads: {mode: full-refresh}\n"


class Reader(threading.Thread):
    """Looks at a table again and again, each time by one statement, and keeps what it has seen."""

    def __init__(self, target, statement):
        super().__init__(daemon=True)
        self.statement, self.seen, self.looks = statement, [], 0
        self._stop_asked = threading.Event()
        if target.kind == "postgres":
            chosen = {k: v for k, v in target.parameters.items() if k in ("host", "port", "user", "password", "dbname")}
            self._connection = psycopg2.connect(application_name="e2e", **chosen)
            self._connection.autocommit = True
        else:
            other = type(target).__new__(type(target))
            other.path, other._connection = target.path, None
            self._connection = other.connection()

    def run(self):
        while not self._stop_asked.is_set():
            cursor = self._connection.cursor()
            cursor.execute(self.statement)
            found = cursor.fetchall()
            cursor.close()
            if not self.seen or self.seen[-1] != found:
                self.seen.append(found)
            self.looks += 1
            time.sleep(0.002)
        self._connection.close()

    def stop(self):
        self._stop_asked.set()
        self.join(20)
        return self.seen


class Loading(SlingTestOfTargets):
    def fingerprint(self, target, table):
        """A statement that sees ids and versions of the whole table at one instant."""
        group = "string_agg(id::text || '@' || modified_time::text, ',' order by id)"
        if target.kind == "sqlite":
            group = "group_concat(id || '@' || modified_time)"
            table = "(select id, modified_time from %s order by id)" % table
        return "select count(*), %s from %s" % (group, table)

    def tables(self, target):
        if target.kind == "sqlite":
            return {r[0] for r in target.rows("select name from sqlite_master where type = 'table'")}
        return {"%s.%s" % tuple(r) for r in target.rows(
            "select table_schema, table_name from information_schema.tables where table_schema in ('zoho_crm', 'zohosync')"
            " and table_type = 'BASE TABLE'")}

    def refuse_marks(self, target, condition):
        """From now on the target refuses a state row that fulfils the condition: the last thing of a transaction."""
        state = target.state_prefix + "sync_state"
        if target.kind == "sqlite":
            target.rows("create trigger refuse before update on %s when %s begin select raise(abort, 'refused by the test'); end"
                        % (state, condition))
        else:
            target.rows("create function refuse() returns trigger language plpgsql as $$ begin raise exception 'refused by the test';"
                        " end $$; create trigger refuse before update on %s for each row when (%s) execute function refuse()"
                        % (state, condition))

    def accept_marks(self, target):
        target.rows("drop trigger refuse" + ("" if target.kind == "sqlite" else " on zohosync.sync_state"))

    # 41

    def test_41_readers_see_the_old_rows_or_the_new_never_a_part(self):
        for target in self.targets():
            sim = self.simulator("--records", "leads=1500")
            self.prepare(sim, target, REFRESH)
            self.ok("sync")
            # A view that depends on the table stands in the way of a DROP, and of nothing that we do.
            view = "watched" if target.kind == "sqlite" else "public.watched"
            target.rows("create view %s as select * from %s" % (view, target.table("leads")))
            look = self.fingerprint(target, view)
            old = target.rows(look)
            self.assertEqual(old[0][0], 1500)
            sim.ids("edit", "Leads", count=700)
            sim.ids("create", "Leads", count=300)
            self.quiet(sim)
            reader = Reader(target, look)
            reader.start()
            self.ok("sync")
            seen = reader.stop()
            new = target.rows(look)
            self.assertEqual(new[0][0], 1800)
            self.assertEqual(seen, [old, new])
            self.assertGreater(reader.looks, 5)
            self.assert_equal_to_ledger(sim, target, ["leads"], at_least=1800)

    def test_41_a_failure_keeps_the_old_rows(self):
        for target in self.targets():
            sim = self.simulator("--records", "leads=900")
            self.prepare(sim, target, REFRESH)
            self.ok("sync")
            old = target.row_versions("leads")
            sim.ids("edit", "Leads", count=400)
            sim.ids("create", "Leads", count=100)
            self.quiet(sim)
            # On the way: pages were read and staged, and then Zoho answers no more.
            sim.faults({"path": r"/crm/v6/Leads\?", "after": 2, "action": {"kind": "deny"}})
            self.ok("sync", code=1)
            sim.clear_faults()
            self.assertEqual(target.row_versions("leads"), old)
            # At the very end: the rows are merged, and the transaction does not commit.
            self.refuse_marks(target, "new.consistent_as_of is not null and new.scan is null and "
                                      + ("new.consistent_as_of is not old.consistent_as_of" if target.kind == "sqlite" else
                                         "new.consistent_as_of is distinct from old.consistent_as_of"))
            self.ok("sync", code=1)
            self.assertEqual(target.row_versions("leads"), old)
            self.accept_marks(target)
            self.ok("sync")
            self.assert_equal_to_ledger(sim, target, ["leads"], at_least=1000)

    # 46

    def test_46_a_missing_table_is_made_and_loaded_from_the_anchor(self):
        for target in self.targets():
            sim = self.simulator("--records", "leads=500")
            anchor = (datetime.fromtimestamp(sim.now(), timezone.utc) - timedelta(days=60)).strftime("%Y-%m-%d")
            begin = int(datetime.strptime(anchor + "+0000", "%Y-%m-%d%z").timestamp())
            self.prepare(sim, target, LEADS, anchor_date=anchor)
            wanted = set()
            for line in sim.ledger_lines("Leads"):
                entry = oracle.parse_json(line)
                if not entry["deleted"] and entry["modified"] >= begin:
                    wanted.add(int(entry["id"]))
            self.assertTrue(20 < len(wanted) < 480, len(wanted))
            for is_first in (True, False):  # And again after somebody has dropped it: a mark is worth nothing without its table.
                sim.forget_requests()
                result = self.ok("sync")
                self.assertIn(anchor, result.err)
                self.assertEqual({r[0] for r in target.rows("select id from " + target.table("leads"))}, wanted)
                first = since_of(lists_of(sim.requests(), "Leads")[0])
                self.assertTrue(begin - 1 <= first <= begin, (first, begin))
                if is_first:
                    target.rows("drop table " + target.table("leads"))

    # 48

    def test_48_no_news_leaves_the_target_alone(self):
        for target in self.targets():
            sim = self.simulator("--records", "leads=250")
            self.prepare(sim, target, LEADS)
            self.ok("sync")
            self.quiet(sim)
            self.ok("sync")  # What was as young as the first reply.
            before, tables = target.row_versions("leads"), self.tables(target)
            written = target.write_counts()["zoho_crm.leads"] if target.kind == "postgres" else None
            result = self.ok("sync")
            self.assertIn("INF 0 rows inserted. Nothing to do.\n", result.err)
            self.assertIn("INF execution succeeded\n", result.err)
            self.assertEqual(target.row_versions("leads"), before)
            self.assertEqual(self.tables(target), tables)
            if written is not None:
                self.assertEqual(target.write_counts()["zoho_crm.leads"], written)

    # 49

    def test_49_the_second_of_the_boundary_is_neither_lost_nor_doubled(self):
        for target in self.targets():
            for comparison in ("inclusive", "exclusive"):
                sim = self.simulator("--records", "leads=600")
                sim.post("mode", if_modified_since=comparison)
                self.prepare(sim, target, LEADS.replace("{stream_name}", comparison) + "daemon: {overlap: 90s}\n")
                second = int(sim.now())
                moment = datetime.fromtimestamp(second, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
                # More than a page of one second; the scan runs within it or right after.
                early = sim.ids("tie", "Leads", count=230, modified_at=moment)
                self.ok("sync")
                between = target.row_versions(comparison)
                # A page that lies wholly in the scan's own second may be left to the next one.
                self.assertGreaterEqual(len(between), 600 - 30)
                rest = sorted(set(between) - early)[:40]
                # Others come to the same second after it was read.
                late = sim.ids("tie", "Leads", ids=[str(i) for i in rest], modified_at=moment)
                self.assertEqual(len(late), 40)
                self.quiet(sim)
                sim.forget_requests()
                self.ok("sync")
                self.ok("sync")
                report = oracle.compare(sim, target, comparison, module="Leads")
                self.assertTrue(report.is_equal(), report.text())
                after = target.row_versions(comparison)
                self.assertEqual(len(after), 600)
                # None of the first ones is written a second time.
                self.assertEqual({i for i in between if after[i] != between[i]} & early, set())

    # 50

    def test_50_a_mark_is_never_ahead_of_its_rows(self):
        """Killed between the rows and the mark, while the transaction waits for a lock on the latter."""
        sim, target = self.simulator("--records", "leads=300"), self.postgres()
        self.prepare(sim, target, LEADS)
        self.ok("sync")
        sim.ids("edit", "Leads", count=120)
        self.quiet(sim)
        before, state = target.row_versions("leads"), self.states(target)["leads"]
        for _ in range(2):
            target.rows("begin")
            target.rows("select 1 from zohosync.sync_state where stream = 'leads' for update")
            daemon = self.user.start("sync")
            self.addCleanup(daemon.kill)
            # Other sessions may wait for a moment, too, for the lease.
            wait_until(lambda: target.rows("select 1 from pg_locks w join pg_locks l using (pid) where not w.granted and"
                                           " l.relation = 'zoho_crm.leads'::regclass and l.mode = 'RowExclusiveLock'"),
                       30, "its rows are written already, and the transaction waits for the mark")
            daemon.kill()
            target.rows("rollback")
            target.settle()
            self.assertEqual(target.row_versions("leads"), before)
            self.assertEqual(self.states(target)["leads"], state)
        self.ok("sync")
        self.assert_equal_to_ledger(sim, target, ["leads"], at_least=300)

    def test_50_rows_without_their_mark_are_not_kept(self):
        for target in self.targets():
            sim = self.simulator("--records", "leads=700")
            self.prepare(sim, target, LEADS)
            self.ok("sync")
            sim.ids("edit", "Leads", count=300)
            self.quiet(sim)
            before, state = target.row_versions("leads"), self.states(target)["leads"]
            self.refuse_marks(target, "new.scan is not null or new.last_error is null")
            self.ok("sync", code=1)
            self.assertEqual(target.row_versions("leads"), before)
            now = self.states(target)["leads"]
            for mark in ("high_water_mark", "consistent_as_of", "deletes_mark", "scan"):
                self.assertEqual(now[mark], state[mark])
            self.accept_marks(target)
            self.ok("sync")
            self.assert_equal_to_ledger(sim, target, ["leads"], at_least=700)

    def test_50_a_killed_load_is_read_again_and_nothing_is_lost(self):
        for target in self.targets():
            sim = self.simulator("--records", "leads=2600")
            self.prepare(sim, target, LEADS)
            modified = {}
            for line in sim.ledger_lines("Leads"):
                entry = oracle.parse_json(line)
                if not entry["deleted"]:
                    modified[int(entry["id"])] = entry["modified"]
            resumed = 0
            for page in (3, 5, 4):  # So many pages are answered, then the process dies while it waits.
                sim.forget_requests()
                sim.faults({"path": r"/crm/v6/Leads\?", "after": page, "action": {"kind": "stall", "delay_ms": 60_000}})
                daemon = self.user.start("sync")
                self.addCleanup(daemon.kill)
                wait_until(lambda: len(lists_of(sim.requests(), "Leads")) >= page, 60, "the pages are read")
                time.sleep(0.3)
                daemon.kill()
                sim.clear_faults()
                target.settle()
                if not target.has_table(target.table("leads")):
                    continue
                # What the mark says was read is there.
                rows = {r[0] for r in target.rows("select id from " + target.table("leads"))}
                scan = self.states(target)["leads"]["scan"]
                if scan:
                    scan = scan if isinstance(scan, dict) else oracle.parse_json(scan)
                    at = int(oracle.instant(scan["at"]))
                    self.assertLessEqual({i for i, t in modified.items() if int(oracle.instant(scan["start"])) <= t < at}, rows)
                    resumed += 1
                else:
                    self.assertEqual(rows, set())
            self.assertGreaterEqual(resumed, 1)
            self.ok("sync")
            self.assert_equal_to_ledger(sim, target, ["leads"], at_least=2000)

    # 53

    def test_53_no_temporary_table_is_left_behind(self):
        for target in self.targets():
            sim = self.simulator("--records", "leads=500", "--users", "5")
            self.prepare(sim, target, REFRESH + "  users:\n")
            self.ok("sync")
            clean = self.tables(target)
            ours = {t for t in clean if not t.startswith(target.state_prefix)}
            self.assertEqual(ours, {target.table("leads"), target.table("users")})
            self.ok("sync")
            self.assertEqual(self.tables(target), clean)
            # A walk that was cut off keeps its stage among the tables of the state: it is gone on with. The user's tables
            # are the same, and after the next success so is everything.
            sim.faults({"path": r"/crm/v6/Leads\?", "after": 1, "action": {"kind": "deny"}})
            self.ok("sync", code=1)
            left = self.tables(target) - clean
            self.assertTrue(all(t.startswith(target.state_prefix) for t in left), left)
            self.assertLessEqual(len(left), 1)
            sim.clear_faults()
            self.ok("sync")
            self.assertEqual(self.tables(target), clean)

    def test_53_a_temporary_table_of_sling_is_not_ours_to_drop(self):
        for target in self.targets():
            sim = self.simulator("--records", "leads=30")
            self.prepare(sim, target, REFRESH)
            if target.kind == "postgres":
                target.rows("create schema zoho_crm")
            left_over = target.table("leads_tmp")
            target.rows("create table %s (id bigint)" % left_over)
            target.rows("insert into %s values (1)" % left_over)
            self.ok("sync")
            self.ok("sync", "--mode", "incremental")
            self.assertEqual(target.rows("select id from " + left_over), [(1,)])
            self.assert_equal_to_ledger(sim, target, ["leads"], at_least=30)

    # 54

    def stage(self, target):
        """The one stage that there is, or nothing."""
        found = [t for t in self.tables(target) if t.startswith(target.state_prefix + ("stage_" if target.kind == "postgres" else "_stage_"))
                 or t.startswith("zohosync_stage_")]
        self.assertLessEqual(len(found), 1)
        return found[0] if found else None

    def test_54_rows_are_counted_before_they_are_merged(self):
        for target in self.targets():
            sim = self.simulator("--records", "leads=1000")
            self.prepare(sim, target, REFRESH)
            self.ok("sync")
            before = target.row_versions("leads")
            self.assertEqual(len(before), 1000)
            # Somebody takes a row out of the stage while the walk goes on.
            sim.faults({"path": r"/crm/v6/Leads\?", "nth": 2, "action": {"kind": "stall", "delay_ms": 600}},
                       {"path": r"/crm/v6/Leads\?", "nth": 4, "action": {"kind": "stall", "delay_ms": 4_000}})
            daemon = self.user.start("sync")
            self.addCleanup(daemon.kill)
            stage = wait_until(lambda: self.stage(target), 30, "the stage is there")
            wait_until(lambda: target.rows("select count(*) from " + stage)[0][0], 30, "rows are staged")
            target.rows("delete from %s where id = (select min(id) from %s)" % (stage, stage))
            result = daemon.finish()
            sim.clear_faults()
            # Nothing is merged; it is begun anew, and nothing counts as absent.
            self.assertRegex(result.err, "holds 999 rows and not the 1000 that were written to it")
            self.assertIn("stage_incomplete", result.err)
            self.assertEqual(result.code, 0, result.text[-4000:])
            self.assertEqual(target.row_versions("leads"), before)

    def test_54_a_walk_that_was_cut_off_is_counted_as_well(self):
        for target in self.targets():
            sim = self.simulator("--records", "leads=1000")
            self.prepare(sim, target, REFRESH)
            self.ok("sync")
            before = target.row_versions("leads")
            for walk in ("whole", "incomplete", "gone"):
                sim.faults({"path": r"/crm/v6/Leads\?", "after": 3, "action": {"kind": "deny"}})
                self.ok("sync", code=1)
                sim.clear_faults()
                scan = self.states(target)["leads"]["scan"]
                scan = scan if isinstance(scan, dict) else oracle.parse_json(scan)
                stage = self.stage(target)
                self.assertEqual(target.rows("select count(*) from " + stage), [(scan["rows"],)])
                self.assertGreaterEqual(scan["rows"], 200)
                if walk == "incomplete":
                    target.rows("delete from %s where id = (select min(id) from %s)" % (stage, stage))
                elif walk == "gone":
                    target.rows("drop table " + stage)
                sim.forget_requests()
                result = self.ok("sync")
                self.assertEqual("stage_incomplete" in result.err, walk != "whole")
                first = since_of(lists_of(sim.requests(), "Leads")[0])
                self.assertEqual(first > int(oracle.instant(scan["start"])), walk == "whole")
                self.assertEqual(target.row_versions("leads"), before)

    # 72

    # By the type that Zoho names; what is JSON is text, whatever it is called.
    SQLITE_TYPES = {"integer": "INTEGER", "bigint": "INTEGER", "boolean": "INTEGER", "double": "", "decimal": "", "currency": "",
                    "percent": "", "date": "TEXT", "datetime": "TEXT", "text": "TEXT", "textarea": "TEXT", "email": "TEXT",
                    "phone": "TEXT", "website": "TEXT", "picklist": "TEXT", "autonumber": "TEXT", "lookup": "TEXT",
                    "ownerlookup": "TEXT", "multiselectpicklist": "TEXT"}

    def test_72_a_sqlite_target(self):
        sim, target = self.simulator("--records", "deals=60", "--fields", "deals=70"), self.sqlite()
        self.prepare(sim, target, HEAD + "streams:\n  deals:\n  users:\n")
        self.ok("sync")
        # No schemas: `zoho_crm.deals` is the table `deals`.
        self.assertEqual({t for t in self.tables(target) if not t.startswith("zohosync_")}, {"deals", "users"})
        declared = {name: (kind.upper(), key) for _, name, kind, _, _, key in target.rows("pragma table_info(deals)")}
        self.assertEqual(declared.pop("id"), ("INTEGER", 1))
        seen = set()
        for field in sim.fields("Deals"):
            name, kind = field["api_name"].lower(), field["data_type"]
            if name in declared and kind in self.SQLITE_TYPES:
                self.assertEqual(declared[name][0], self.SQLITE_TYPES[kind], (name, kind))
                seen.add(kind)
        self.assertLessEqual({"integer", "boolean", "double", "currency", "date", "datetime", "text", "picklist", "lookup"}, seen)
        # One row a record, by the table itself: what ON CONFLICT needs.
        with self.assertRaisesRegex(Exception, "UNIQUE constraint failed: deals.id"):
            target.rows("insert into deals (id) select id from deals limit 1")
        edited = sim.ids("edit", "Deals", count=9)
        self.quiet(sim)
        before = target.row_versions("deals")
        self.ok("sync")
        self.assertEqual({i for i, row in target.row_versions("deals").items() if before[i] != row}, edited)
        self.assert_equal_to_ledger(sim, target, ["deals", "users"], at_least=60)
