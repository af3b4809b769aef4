"""The other verbs, and what survives a restart."""

import json
from pathlib import Path

from harness import STREAMS, EndToEnd
from request_log import counts, lists_of, since_of
from servers import wait_until

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"
SMALL = ("--records", "leads=220,contacts=210", "--scale", "0.05")


class Verbs(EndToEnd):
    def setUp(self):
        self.sim = self.simulator(*SMALL)
        self.target = self.sqlite()
        self.home = self.install(self.sim, self.target)

    def ok(self, *arguments, home=None):
        result = (home or self.home).run(*arguments)
        self.assertEqual(result.code, 0, result.text[-3000:])
        self.assert_clean(result)
        return result

    def tokens(self):
        return counts(self.sim.requests())["token"]

    # Tokens

    def test_a_token_survives_restarts(self):
        for _ in range(3):
            self.sync(self.home, "--streams", "leads")
        self.ok("discover")
        self.ok("conns", "test", "ZOHO_CRM")
        self.assertEqual(self.tokens(), 1)
        files = [p for p in self.home.state.rglob("*") if p.is_file()]
        self.assertEqual([oct(p.stat().st_mode & 0o777) for p in files], ["0o600"])

    def test_a_token_file_of_garbage_is_replaced(self):
        self.sync(self.home, "--streams", "leads")
        path = next(p for p in self.home.state.rglob("*") if p.is_file())
        for garbage in (b"", b"\0\xff{", b'{"access_token": 5}', b"[" * 5000):
            path.write_bytes(garbage)
            path.chmod(0o600)
            self.assertIn("event=token_file_ignored", self.sync(self.home, "--streams", "leads").err)
        self.assertLessEqual(self.tokens(), 5)

    def test_a_revoked_token_is_replaced_once(self):
        self.sync(self.home)
        self.sim.post("token", revoke=True)
        self.sync(self.home)
        self.assertEqual(self.tokens(), 2)

    def test_tokens_are_not_burnt_by_restarts(self):
        for _ in range(8):
            self.sim.post("token", revoke=True)
            self.home.run("sync", "--streams", "users", timeout=20) if self.tokens() < 5 else None
        self.assertEqual(self.tokens(), 5)
        # The sixth in ten minutes is not asked for, by no process.
        daemon = self.started(self.home, "run")
        wait_until(lambda: "token" in daemon.err() and "waiting" in daemon.err() or "run_failed" in daemon.err(), 30,
                   "it says that it waits")
        daemon.terminate()
        self.assertEqual(self.tokens(), 5)

    def test_the_refresh_token_grant(self):
        del self.home.secrets["soid"]
        self.home.secrets["refresh_token"] = self.sim.refresh_token
        self.home.write()
        self.sync(self.home)
        self.assert_equal_to_ledger(self.sim, self.target)

    # Verbs

    def test_discover(self):
        found = {e["stream"]: e for e in json.loads(self.ok("discover", "--json").out)}
        self.assertLessEqual(set(STREAMS) | {"Invoices", "Vehicles"}, set(found))
        listed = [f for f in self.sim.fields("Leads") if not f["virtual_field"]]
        self.assertEqual(found["leads"]["fields"], len(listed))
        self.assertTrue(found["leads"]["incremental"] and found["leads"]["selected"])
        self.assertFalse(found["users"]["incremental"])
        self.assertFalse(found["Invoices"]["selected"])
        self.assertEqual(found["meetings"]["module"], "Events")
        text = self.ok("discover").out
        for name in found:
            self.assertIn(name, text)

    def test_status(self):
        for target in (self.target, self.postgres()):
            self.assertIn("zohosyncd sync", self.ok("status", home=self.install(self.sim, target)).out)
        self.sync(self.home)
        states = {s["stream"]: s for s in json.loads(self.ok("status", "--json").out)}
        self.assertEqual(set(states), set(STREAMS))
        for state in states.values():
            self.assertEqual(state["status"], "ok")
            self.assertIn(state["freshness_seconds"], range(-5, 120))
        self.assertEqual(states["leads"]["rows_upserted"], 220)
        self.assertIn("leads", self.ok("status").out)

    def test_status_never_calls_unread_streams_fresh(self):
        self.sim.faults({"path": "/crm/v6/Leads", "action": {"kind": "deny", "code": "NO_PERMISSION"}})
        self.sync(self.home, code=1)
        states = {s["stream"]: s for s in json.loads(self.ok("status", "--json").out)}
        self.assertEqual(states["leads"]["status"], "denied")
        self.assertIsNone(states["leads"]["freshness_seconds"])

    def test_reset(self):
        self.sync(self.home)
        before = self.states(self.target)
        versions = self.target.row_versions("leads")
        anchor = before["leads"]["anchor"]
        self.ok("reset", "leads", "meetings")
        after = self.states(self.target)
        self.assertGreater(after["leads"]["generation"], before["leads"]["generation"])
        self.assertGreater(after["meetings"]["generation"], before["meetings"]["generation"])
        self.assertIsNone(after["leads"]["high_water_mark"])
        self.assertEqual(after["contacts"], before["contacts"])
        self.sim.forget_requests()
        self.sync(self.home)
        self.assertEqual(self.target.row_versions("leads"), versions)
        reached = min(since_of(r) for r in lists_of(self.sim.requests(), "Leads"))
        self.assertLessEqual(reached, since_of({"if_modified_since": anchor}) + 1)
        unknown = self.home.run("reset", "nothing")
        self.assertEqual(unknown.code, 65)  # As any unknown stream.
        self.assertIn("nothing", unknown.err)
        self.assert_equal_to_ledger(self.sim, self.target)

    def test_a_running_daemon_notices_a_reset(self):
        self.home.defaults["schedule"] = "@every 1s"
        self.home.streams = {"leads": None}
        self.home.write()
        daemon = self.started(self.home, "run")
        wait_until(lambda: daemon.err().count("run_finished") >= 2, 60, "two runs")
        self.ok("reset", "leads")
        self.sim.forget_requests()
        wait_until(lambda: sum(r["rows"] for r in lists_of(self.sim.requests(), "Leads")) >= 220, 30, "it reads all again")
        wait_until(lambda: self.states(self.target)["leads"]["high_water_mark"], 30, "a complete scan")
        self.assertEqual(daemon.terminate()[0].code, 0)
        self.assert_equal_to_ledger(self.sim, self.target, ["leads"])

    def test_migrate(self):
        self.assertIn("6 migrations applied", self.ok("migrate").out)
        self.assertIn("up to date", self.ok("migrate").out)
        home = self.install(self.sim, self.postgres())
        self.ok("migrate", home=home)
        self.assertIn("up to date", self.ok("migrate", home=home).out)

    def make_old(self, target):
        """The state as the first version had it."""
        sql = (MIGRATIONS / target.kind / "0001_state.sql").read_text()
        versions = "create table %sschema_migrations (version int primary key, name text not null, applied_at text%s)"
        if target.kind == "sqlite":
            target.connection().executescript(sql + versions % (target.state_prefix, " not null") + ";")
        else:
            target.rows("create schema zohosync; set search_path = zohosync, pg_catalog;" + sql + ";"
                        + versions % (target.state_prefix, " default now()") + "; reset search_path")
        target.rows("insert into %sschema_migrations values (1, 'state', '2026-01-01')" % target.state_prefix)

    def test_an_older_state_is_brought_up_to_date_first(self):
        for target in (self.target, self.postgres()):
            with self.subTest(target.kind):
                home = self.install(self.sim, target)
                self.make_old(target)
                for arguments in (["plan"], ["status"], ["reset", "leads"]):
                    result = home.run(*arguments)
                    self.assertEqual(result.code, 69, result.text)
                    self.assertIn("version 1, but this program needs 6: run `zohosyncd migrate`", result.text)
                self.assertIn("version 6 comes at the next start", self.ok("check", home=home).out)
                self.assertIn("5 migrations applied", self.ok("migrate", home=home).out)
                self.ok("status", home=home)
                self.sync(home, "--streams", "leads")
                self.assert_equal_to_ledger(self.sim, target, ["leads"])

    def test_conns(self):
        listed = self.ok("conns", "list").out
        for word in ("ZOHO_CRM", "WAREHOUSE", "env"):
            self.assertIn(word, listed)
        self.assertIn("success", self.ok("conns", "test", "ZOHO_CRM").text)
        self.assertIn("success", self.ok("conns", "test", "warehouse").text)
        self.assertIn("Leads", self.ok("conns", "discover", "ZOHO_CRM").out)
        self.assertEqual(self.home.run("conns", "test", "NOBODY").code, 1)
        home = self.install(self.sim, self.postgres())
        self.assertIn("success", self.ok("conns", "test", "WAREHOUSE", home=home).text)

    def test_connections_from_the_environment(self):
        entry = {"type": "api", "spec": "zoho_crm", "secrets": self.home.secrets, "inputs": self.home.inputs}
        self.home.write_env({})
        self.home.environment = {"ZOHO_CRM": json.dumps(entry), "WAREHOUSE": "sqlite://" + self.target.path}
        self.sync(self.home, "--streams", "leads")
        self.assert_equal_to_ledger(self.sim, self.target, ["leads"])

    def test_the_target_flag_beats_the_file(self):
        other = self.sqlite()
        self.sync(self.home, "--streams", "leads", "--target", "sqlite://" + other.path)
        self.assert_equal_to_ledger(self.sim, other, ["leads"])
        self.assertFalse(self.target.has_table("leads"))

    def test_a_limit_is_a_trial(self):
        self.sync(self.home, "--streams", "leads", "--limit", "100")
        rows = len(self.target.row_versions("leads"))
        self.assertTrue(100 <= rows <= 200, rows)
        self.assertIsNone(self.states(self.target)["leads"]["high_water_mark"])
        self.sync(self.home, "--streams", "leads")
        self.assert_equal_to_ledger(self.sim, self.target, ["leads"])
