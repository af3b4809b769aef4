"""Hooks of streams and of the root: what runs, when, with which variables, and what is refused (§1.8, statements 22, 24, 30)."""

import json
import time
import unittest

from harness import EndToEnd, needs_own_postgres
from listeners import Hook
from servers import PostgresServer, PostgresTarget, wait_until

SMALL = ("--records", "leads=12,contacts=3", "--scale", "0.01")
HEAD = """\
source: ZOHO_CRM
target: WAREHOUSE
defaults:
  mode: incremental
  object: zoho_crm.{stream_name}
"""


class Hooks(EndToEnd):
    def setUp(self):
        self.sim = self.simulator(*SMALL)
        self.target = self.postgres()
        self.home = self.install(self.sim, self.target)
        self.web = Hook()
        self.addCleanup(self.web.close)

    def write(self, rest):
        self.home.write_replication(HEAD + rest.replace("WEB", self.web.url)
                                    + "daemon: " + json.dumps(self.home.daemon) + "\n")

    def paths(self):
        return [path for _, path, _, _ in self.web.requests]

    def test_22_hooks_of_a_stream_replace_those_of_defaults_as_a_whole(self):
        self.write("""\
  hooks:
    pre: [{ type: http, url: "WEB/default-pre/{stream.name}" }]
    post: [{ type: http, url: "WEB/default-post/{stream.name}" }]
streams:
  leads:
  contacts:
    hooks:
      post: [{ type: http, url: "WEB/own-post/{stream.name}" }]
""")
        self.sync(self.home)
        self.assertEqual(sorted(self.paths()), ["/default-post/leads", "/default-pre/leads", "/own-post/contacts"])

    def test_22_hooks_run_around_the_run_of_their_stream_with_its_variables(self):
        self.write("""\
streams:
  leads:
    hooks:
      pre:
        - type: query
          connection: '{target.name}'
          query: |
            create table public.seen (moment text, rows bigint, word text);
            insert into public.seen select 'pre', count(*), '{run.status}' from pg_tables where schemaname = 'zoho_crm' and tablename = 'leads'
      post:
        - type: query
          connection: WAREHOUSE
          query: insert into public.seen select 'post', count(*), '{run.status} {run.total_rows} {object.schema}' from {object.full_name}
        - type: http
          url: WEB/done?stream={stream_name}&mode={run.mode}
          method: POST
          headers: { Authorization: "Bearer {env.WORD}" }
          payload: '{"rows": {run.total_rows}, "status": "{run.status}", "error": "{run.error}", "from": "{source.name}"}'
        - { type: log, message: "{run.total_rows} rows in {object.table}", level: warn }
env: { WORD: $GREETING }
""")
        self.home.environment = {"GREETING": "hello"}
        result = self.sync(self.home)
        self.assertEqual(self.target.rows("select * from public.seen order by moment desc"),
                         [("pre", 0, "running"), ("post", 12, "success 12 zoho_crm")])
        (method, path, headers, body), = self.web.requests
        self.assertEqual((method, path), ("POST", "/done?stream=leads&mode=incremental"))
        self.assertEqual((headers["authorization"], headers["content-type"]), ("Bearer hello", "application/json"))
        self.assertEqual(json.loads(body), {"rows": 12, "status": "success", "error": "", "from": "zoho_crm"})
        self.assertRegex(result.err, r"warn .*stream=leads.*12 rows in leads")

    def test_22_conditions_decide_which_hooks_run(self):
        self.write("""\
streams:
  leads:
    hooks:
      post:
        - { type: http, url: WEB/many, if: run.total_rows > 10 && run.status == "success" }
        - { type: http, url: WEB/none, if: run.total_rows == 0 }
        - { type: http, url: WEB/failed, if: run.status == "error" }
""")
        self.sync(self.home)
        self.assertEqual(self.paths(), ["/many"])
        self.quiet(self.sim)
        self.sync(self.home)
        self.assertEqual(self.paths(), ["/many", "/none"])

    def test_22_post_hooks_run_after_a_run_that_failed(self):
        self.sim.faults({"path": r"/crm/v6/Leads\?", "action": {"kind": "deny"}})
        self.write("""\
streams:
  leads:
    hooks:
      post:
        - { type: http, url: WEB/failed, method: POST, payload: "{run.error}", if: run.status == "error" }
        - { type: http, url: WEB/fine, if: run.status == "success" }
""")
        result = self.home.run("sync")
        self.assertEqual(result.code, 1, result.text[-3000:])
        self.assertEqual(set(self.paths()), {"/failed"})
        self.assertIn("NO_PERMISSION", self.web.requests[0][3])

    def test_22_on_failure_decides_what_a_failure_means(self):
        self.web.status = 500
        hook = "streams:\n  leads:\n    hooks:\n      %s:\n        - { type: http, url: WEB/a, on_failure: %s }\n        - { type: http, url: WEB/b, on_failure: quiet }\n"
        for stage, on_failure, code, rows, paths in (
                ("pre", "abort", 1, None, ["/a"]),
                ("pre", "skip", 0, None, ["/a"]),
                ("pre", "break", 0, 12, ["/a"]),
                ("pre", "warn", 0, 12, ["/a", "/b"]),
                ("pre", "quiet", 0, 12, ["/a", "/b"]),
                ("post", "abort", 1, 12, ["/a"])):
            with self.subTest(stage=stage, on_failure=on_failure):
                target = self.postgres()
                self.home = self.install(self.sim, target)
                self.web.requests.clear()
                self.write(hook % (stage, on_failure))
                result = self.home.run("sync")
                self.assertEqual(result.code, code, result.text[-3000:])
                self.assert_clean(result)
                self.assertEqual(self.paths(), paths)
                has_table = target.has_table("zoho_crm.leads")
                self.assertEqual(target.rows("select count(*) from zoho_crm.leads")[0][0] if has_table else None, rows)
                told = any("event=hook_failed" in line and " debug " not in line for line in result.err.splitlines())
                self.assertEqual(told, on_failure != "quiet", result.err)
                if code:
                    self.assertIn("was answered with 500", self.states(target)["leads"]["last_error"]
                                  if "leads" in self.states(target) else result.err)

    def test_22_a_failing_query_quotes_no_value(self):
        self.write("""\
streams:
  leads:
    hooks:
      post:
        - { type: query, connection: WAREHOUSE, query: "select '{run.mode} of a person'::int" }
""")
        result = self.home.run("sync")
        self.assertEqual(result.code, 1)
        self.assertIn("invalid_text_representation", result.err)
        self.assertNotIn("of a person", result.err)
        self.assertEqual(self.target.rows("select count(*) from zoho_crm.leads"), [(12,)])

    def test_22_hooks_reach_a_sqlite_target_too(self):
        target = self.sqlite()
        self.home = self.install(self.sim, target)
        self.write("""\
streams:
  leads:
    hooks:
      post: [{ type: query, connection: warehouse, query: "create table seen as select count(*) as rows from leads" }]
""")
        self.sync(self.home)
        self.assertEqual(target.rows("select rows from seen"), [(12,)])

    def test_22_the_daemon_runs_hooks_around_each_run_and_leaves_at_once(self):
        self.write("""\
streams:
  leads:
    schedule: "@every 1s"
    hooks:
      pre: [{ type: http, url: WEB/pre }]
      post: [{ type: query, connection: WAREHOUSE, query: "select pg_sleep(600)", if: run.total_rows == 0 }]
""")
        daemon = self.started(self.home, "run")
        wait_until(lambda: len(self.web.requests) >= 2, 60, "two runs")
        wait_until(lambda: self.target.rows("select 1 from pg_stat_activity where query like '%%pg_sleep(600)' and datname = %s",
                                            self.target.name), 60, "the second run's query")
        result, seconds = daemon.terminate()
        self.assertEqual(result.code, 0)
        self.assertLess(seconds, 4)
        self.target.settle()  # The server was told to stop, too.

    def test_24_env_of_the_file_sets_SLING_settings_before_the_environment(self):
        self.sim.faults({"path": r"/crm/v6/Leads\?", "action": {"kind": "status", "status": 503, "delay_ms": 12_000}})
        self.write("streams: {leads: }\nenv: { SLING_TIMEOUT: 0.05 }\n")
        self.home.environment = {"SLING_TIMEOUT": "1000"}
        result = self.home.run("sync")
        self.assertEqual(result.code, 1)
        self.assertLess(result.seconds, 30)
        self.assertIn("timed-out", result.err)

    def test_30_root_hooks_of_streams_are_rejected(self):
        for stage in ("pre", "post", "pre_merge", "post_merge"):
            with self.subTest(stage):
                self.write("streams:\n  leads:\nhooks:\n  %s: [{ type: log, message: a }]\n" % stage)
                result = self.home.run("sync")
                self.assertEqual(result.code, 65)
                self.assertIn("replication.yaml:9: hooks.%s: cannot declare a \"%s\" hook at replication level, "
                              "only accepts start/end." % (stage, stage), result.err)
                self.assertEqual(self.sim.requests(), [])

    def test_30_unsupported_types_are_rejected_when_the_file_is_loaded(self):
        for kind in ("command", "copy", "delete", "group", "inspect", "list", "read", "replication", "routine", "store",
                     "write", "nonsense"):
            with self.subTest(kind):
                self.write("streams:\n  leads:\n    hooks:\n      post:\n        - type: log\n          message: fine\n"
                           "        - type: %s\n" % kind)
                result = self.home.run("sync")
                self.assertEqual(result.code, 65)
                self.assertRegex(result.err, r"replication\.yaml:12: streams\.leads\.hooks\.post\[1\]\.type: .*`%s`" % kind)
                self.assertEqual(self.sim.requests(), [])

    def test_30_root_hooks_run_around_one_sync(self):
        self.sim.faults({"path": r"/crm/v6/Contacts\?", "action": {"kind": "deny"}})
        self.write("""\
streams: {leads: , contacts: }
hooks:
  start: [{ type: http, url: "WEB/start?n={execution.status.total}" }]
  end:
    - { type: http, url: "WEB/end?ok={execution.status.success}&bad={execution.status.error}&rows={execution.total_rows}" }
""")
        self.assertEqual(self.home.run("sync").code, 1)
        self.assertEqual(self.paths(), ["/start?n=2", "/end?ok=1&bad=1&rows=12"])

    def test_30_a_start_hook_that_aborts_stops_the_pass(self):
        self.web.status = 503
        self.write("streams: {leads: }\nhooks:\n  start: [{ type: http, url: WEB/start }]\n")
        result = self.home.run("sync")
        self.assertEqual(result.code, 1)
        self.assertIn("was answered with 503", result.err)
        self.assertFalse(self.target.has_table("zoho_crm.leads"))

    def test_30_run_leaves_root_hooks_out_and_says_so(self):
        self.write("streams: {leads: }\nhooks:\n  start: [{ type: http, url: WEB/start }]\n")
        daemon = self.started(self.home, "run")
        wait_until(lambda: self.target.has_table("zoho_crm.leads"), 60, "the first run")
        result, _ = daemon.terminate()
        self.assertEqual(result.code, 0)
        self.assertIn("event=hooks_left_out", result.err)
        self.assertEqual(self.paths(), [])

    @needs_own_postgres
    def test_30_while_the_target_is_away_no_hook_runs(self):
        server = PostgresServer()
        self.addCleanup(server.stop)
        self.target = PostgresTarget(server)
        self.home = self.install(self.sim, self.target)
        self.write("streams:\n  leads:\n    schedule: '@every 1s'\n    hooks:\n      pre: [{ type: http, url: WEB/pre }]\n"
                   "      post: [{ type: http, url: \"WEB/{run.status}\" }]\n")
        daemon = self.started(self.home, "run")
        wait_until(lambda: "/success" in self.paths(), 60, "the first run")
        server.pause()
        time.sleep(2)  # A run that was under way ends, with its hooks.
        before = len(self.web.requests)
        time.sleep(4)
        self.assertEqual(self.paths()[before:], [])
        server.resume()
        wait_until(lambda: len(self.web.requests) > before, 60, "runs again")
        daemon.terminate()


if __name__ == "__main__":
    unittest.main()
