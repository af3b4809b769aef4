"""Statements 31 to 40: names and patterns of streams, what `--streams` picks, and what one failure does to the rest."""

import oracle
from sling import ENDPOINTS, SMALL, SlingTest, line_of

HEAD = """
source: ZOHO_CRM
target: MY_POSTGRES
defaults:
  mode: incremental
  object: zoho_crm.{stream_name}
"""

AVAILABLE = "Available endpoints: [%s]" % ", ".join(ENDPOINTS)


class Streams(SlingTest):
    def setUp(self):
        super().setUp()
        self.sim, self.target = self.simulator(*SMALL), self.sqlite()

    def expanded(self, streams, *arguments):
        """Stream to what `plan` says of it, in order."""
        self.prepare(self.sim, self.target, HEAD + "streams:\n" + streams)
        return {s["stream"]: s for s in self.plan(*arguments)["streams"]}

    def tables(self):
        return {r[0] for r in self.target.rows("select name from sqlite_master where type = 'table'")} & set(ENDPOINTS)

    def refused(self, streams, message, fragment):
        """`check` says it and no more, `sync` ends with 65 and has asked nobody."""
        written = HEAD + "streams:\n" + streams
        self.prepare(self.sim, self.target, written)
        expected = "replication.yaml:%d: %s" % (line_of(written, fragment), message)
        self.sim.forget_requests()
        told = self.ok("check", "--offline", code=65).out.splitlines()
        self.assertEqual([t.split(maxsplit=2)[2] for t in told if t.startswith("FAIL")], [expected])
        self.assertIn(expected, self.ok("sync", code=65).err)
        self.assertEqual(self.sim.requests(), [])

    def test_31_a_star_is_all_endpoints_and_explicit_ones_keep_their_own(self):
        self.assertEqual(list(self.expanded("  '*':\n")), ENDPOINTS)
        self.assertEqual(len(ENDPOINTS), 14)
        streams = self.expanded("  leads: {mode: full-refresh, object: my.people}\n  '*': {mode: incremental}\n  deals:\n")
        others = [name for name in ENDPOINTS if name not in ("leads", "deals")]
        self.assertEqual(list(streams), ["leads"] + others + ["deals"])
        self.assertEqual((streams["leads"]["mode"], streams["leads"]["target"]), ("full-refresh", "people"))
        self.assertEqual((streams["deals"]["mode"], streams["deals"]["target"]), ("incremental", "deals"))

    def test_32_a_disabled_stream_leaves_the_pattern(self):
        streams = self.expanded("  '*':\n  modules:\n    disabled: true\n")
        self.assertEqual(list(streams), [name for name in ENDPOINTS if name != "modules"])
        self.assertIn("13 streams ok, 0 failed", self.ok("sync").err)
        self.assertEqual(self.tables(), set(ENDPOINTS) - {"modules"})

    def test_33_patterns_match_in_any_case(self):
        for pattern, expected in (("c*", ["calls", "campaigns", "contacts"]), ("C*", ["calls", "campaigns", "contacts"]),
                                  ("*S", ENDPOINTS), ("*ts", ["accounts", "contacts", "products"]),
                                  ("*al*", ["calls", "deals"]), ("*AL*", ["calls", "deals"])):
            with self.subTest(pattern):
                self.assertEqual(list(self.expanded("  '%s':\n" % pattern)), expected)
        # A star in the middle matches nothing, as in Sling.
        self.refused("  'c*s':\n", "streams.c*s: did not find endpoint(s) for: c*s. " + AVAILABLE, "c*s")

    def test_34_an_unknown_stream_stops_everything_and_lists_what_there_is(self):
        """Named difference: exit code 65, not 1, as for every mistake in a file."""
        self.refused("  leads:\n  leeds:\n", "streams.leeds: did not find endpoint(s) for: leeds. %s; did you mean `leads`?"
                     % AVAILABLE, "leeds")
        self.assertFalse(self.target.rows("select 1 from sqlite_master"))

    def test_35_upper_case_is_accepted(self):
        self.assertEqual([(s["stream"], s["module"], s["target"]) for s in self.expanded("  Leads:\n  DEALS:\n").values()],
                         [("leads", "Leads", "leads"), ("deals", "Deals", "deals")])

    TAGGED = """  leads: {tags: [slow, core]}
  deals: {tags: [core]}
  calls: {tags: [slow]}
  tasks:
  'm*': {tags: [wild]}
"""

    def test_36_streams_selects_the_union_after_expansion(self):
        for selection, expected in (("tasks,tag:core", ["leads", "deals", "tasks"]), ("tag:wild", ["meetings", "modules"]),
                                    ("meetings", ["meetings"]), ("LEADS", ["leads"]), ("`deals`", ["deals"]),
                                    ("t?sks,c*", ["calls", "tasks"]), ("leads,no_such_stream", ["leads"])):
            with self.subTest(selection):
                self.assertEqual(list(self.expanded(self.TAGGED, "--streams", selection)), expected)
        self.ok("sync", "--streams", "tasks,tag:core")
        self.assertEqual(self.tables(), {"leads", "deals", "tasks"})

    def test_37_excluded_tags(self):
        self.assertEqual(list(self.expanded(self.TAGGED, "--streams", "*,-tag:slow")), ["deals", "tasks", "meetings", "modules"])
        self.sim.forget_requests()
        result = self.ok("sync", "--streams", "tag:core,-tag:slow", code=65)
        self.assertIn("--streams: cannot include and exclude tags. Either include or exclude.", result.err)
        self.assertEqual(self.sim.requests(), [])

    def test_38_no_match_is_a_warning(self):
        self.prepare(self.sim, self.target, HEAD + "streams:\n" + self.TAGGED)
        for selection in ("nothing", "tag:none", "-tag:slow"):
            self.assertIn("Did not match any streams", self.ok("sync", "--streams", selection).err)
        self.assertEqual(self.sim.requests(), [])

    def test_39_one_failing_stream_does_not_stop_the_others(self):
        self.prepare(self.sim, self.target, HEAD + "streams:\n  leads:\n  contacts:\n  deals:\n")
        self.sim.faults({"path": "/crm/v6/Contacts", "action": {"kind": "deny", "code": "NO_PERMISSION"}})
        result = self.ok("sync", code=1)
        self.assertIn("2 streams ok, 1 failed", result.err)
        self.assertRegex(result.err, r"(?m)^contacts +\S*denied|^contacts +failed")
        for stream in ("leads", "deals"):
            report = oracle.compare(self.sim, self.target, stream)
            self.assertTrue(report.is_equal() and report.rows > 0, report.text())

    def test_40_a_star_needs_a_variable_in_its_object(self):
        written = "  '*': {object: zoho_crm.everything}\n"
        self.refused(written, "streams.*: `*` needs a table for each stream: add {stream_name} to `object`", "everything")
