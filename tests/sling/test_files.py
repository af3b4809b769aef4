"""Statements 1 to 8, 10 to 12, 14, 26 and 27: how the file is read, inherited and rendered."""

import json

from sling import ENDPOINTS, SMALL, SlingTest, line_of, text

MAIN_EXAMPLE = """
source: ZOHO_CRM
target: MY_POSTGRES
defaults:
  mode: incremental
  object: zoho_crm.{stream_name}
streams:
  leads:
  contacts:
  accounts:
  deals:
  users:
    mode: full-refresh
"""

HEAD = """
source: ZOHO_CRM
target: MY_POSTGRES
defaults:
  mode: incremental
  object: zoho_crm.{stream_name}
"""


class Files(SlingTest):
    def understood(self, replication, *arguments):
        """What `plan` makes of a file, by stream and in its order."""
        if not hasattr(self, "sim"):
            self.sim, self.target = self.simulator(*SMALL), self.postgres()
        self.prepare(self.sim, self.target, replication)
        return {stream["stream"]: stream for stream in self.plan(*arguments)["streams"]}

    def refused(self, replication, *messages):
        """Exit code 65, and exactly these lines."""
        result = self.offline(replication, code=65)
        told = [line.split(maxsplit=2)[2] for line in result.out.splitlines() if line.startswith("FAIL")]
        self.assertEqual(told, list(messages))

    def warnings(self, replication):
        result = self.offline(replication)
        return [line.split(maxsplit=2)[2] for line in result.out.splitlines() if line.startswith("warn")]

    def modes(self, streams):
        return [(name, stream["mode"]) for name, stream in streams.items()]

    def test_01_the_main_example_loads_with_its_streams_in_file_order(self):
        streams = self.understood(MAIN_EXAMPLE)
        self.assertEqual(self.modes(streams), [
            ("leads", "incremental"), ("contacts", "incremental"), ("accounts", "incremental"),
            ("deals", "incremental"), ("users", "full-refresh")])
        self.assertEqual([s["target"] for s in streams.values()],
                         ["zoho_crm.leads", "zoho_crm.contacts", "zoho_crm.accounts", "zoho_crm.deals", "zoho_crm.users"])

    def test_02_the_same_document_as_json(self):
        document = {"source": "ZOHO_CRM", "target": "MY_POSTGRES",
                    "defaults": {"mode": "incremental", "object": "zoho_crm.{stream_name}"},
                    "streams": {"leads": None, "contacts": None, "accounts": None, "deals": None,
                                "users": {"mode": "full-refresh"}}}
        as_yaml = self.understood(MAIN_EXAMPLE)
        for written in (json.dumps(document), json.dumps(document, indent="\t")):
            as_json = self.understood(written)
            self.assertEqual(self.modes(as_json), self.modes(as_yaml))
            self.assertEqual([s["target"] for s in as_json.values()], [s["target"] for s in as_yaml.values()])

    def test_03_a_missing_source_target_or_streams_is_named(self):
        for key in ("source", "target"):
            lines = text(MAIN_EXAMPLE).splitlines(keepends=True)
            self.refused("".join(line for line in lines if not line.startswith(key)),
                         "replication.yaml:1: %s: did not find '%s' key" % (key, key))
        self.refused(HEAD, "replication.yaml:1: streams: did not find 'streams' key")
        self.refused("source: ~\ntarget:\nstreams: {}\n", "replication.yaml:1: source: did not find 'source' key",
                     "replication.yaml:2: target: did not find 'target' key",
                     "replication.yaml:3: streams: did not find 'streams' key")

    UNKNOWN = HEAD.replace("  mode:", "  sort: asc\n  mode:") + """
x_notes: ours
streams:
  leads:
    replication_mode: old
    source_options: {paralel: true}
    target_options: {vacuum: true}
"""

    def test_04_unknown_keys_are_accepted_everywhere(self):
        self.assertEqual(self.modes(self.understood(self.UNKNOWN)), [("leads", "incremental")])

    def test_05_unknown_keys_are_told_once_with_their_lines(self):
        told = self.warnings(self.UNKNOWN)
        expected = [("sort", "defaults.sort"), ("x_notes", "x_notes"), ("replication_mode", "streams.leads.replication_mode"),
                    ("paralel", "streams.leads.source_options.paralel"),
                    ("vacuum", "streams.leads.target_options.vacuum")]
        self.assertEqual(len(told), len(expected), told)
        for key, path in expected:
            place = "replication.yaml:%d: " % line_of(self.UNKNOWN, key)
            line = [w for w in told if w.startswith(place)]
            self.assertEqual(len(line), 1, told)
            self.assertIn("`%s` is not a known key and is ignored" % key, line[0])
            self.assertIn(path, line[0])

    def test_06_a_null_stream_and_an_empty_one_inherit_everything(self):
        seen = []
        for body in ("leads:", "leads: ~", "leads: {}", "leads: null", "'leads':"):
            streams = self.understood(HEAD + '  schedule: "@every 7m"\nstreams:\n  %s\n' % body)
            seen.append([(s["stream"], s["mode"], s["target"], s["interval_seconds"]) for s in streams.values()])
        self.assertEqual(seen, [[("leads", "incremental", "zoho_crm.leads", 420)]] * 5)

    def test_07_wrong_types_name_block_and_key(self):
        for body, path, expected, found in (
                ("{tags: x}", "tags", "a list of strings", "a string: write [x]"),
                ('{disabled: "true"}', "disabled", "true or false", "a quoted string: take the quotes away"),
                ('{source_options: {limit: "10"}}', "source_options.limit", "a whole number",
                 "a quoted string: take the quotes away"),
                ("{select: a}", "select", "a list of strings", "a string: write [a]"),
                ("{mode: [incremental]}", "mode", "a string", "a list"),
                ("{target_options: [use_bulk]}", "target_options", "a map", "a list")):
            written = HEAD + "streams:\n  leads: %s\n" % body
            self.refused(written, "replication.yaml:%d: could not parse `streams.leads.%s`: expected %s, found %s" % (
                line_of(written, "leads: "), path, expected, found))
        self.refused(HEAD + "streams: [a]\n", "replication.yaml:6: could not parse `streams`: expected a map, found a list")
        self.refused("source: ZOHO_CRM\ntarget: MY_POSTGRES\ndefaults: {tags: x}\nstreams: {leads: {object: a.b}}\n",
                     "replication.yaml:3: could not parse `defaults.tags`: expected a list of strings, found a string: write [x]")

    def created(self, stream):
        return [statement for statement in stream["ddl"] if statement.startswith("CREATE TABLE")][0]

    def test_08_a_key_as_a_string_and_as_a_list_are_equal(self):
        one, two = (self.created(self.understood(HEAD + "streams:\n  leads: {primary_key: %s}\n" % key)["leads"])
                    for key in ("id", "[id]"))
        self.assertEqual(one, two)
        self.assertIn('"id" bigint PRIMARY KEY', one)

    def test_10_anchors_aliases_and_merge_keys_are_resolved_before_inheritance(self):
        streams = self.understood(HEAD + """
x_base: &base {schedule: "@every 9m", mode: full-refresh}
x_other: &other {mode: incremental, object: "other.{stream_name}"}
streams:
  leads: *base
  contacts: {<<: *base, mode: incremental}
  deals: {<<: [*other, *base]}
  accounts: &again {<<: *base}
  tasks: *again
  calls:
""")
        self.assertEqual([(s["stream"], s["mode"], s["target"], s["interval_seconds"]) for s in streams.values()], [
            ("leads", "full-refresh", "zoho_crm.leads", 540), ("contacts", "incremental", "zoho_crm.contacts", 540),
            ("deals", "incremental", "other.deals", 540), ("accounts", "full-refresh", "zoho_crm.accounts", 540),
            ("tasks", "full-refresh", "zoho_crm.tasks", 540), ("calls", "incremental", "zoho_crm.calls", 300)])

    def test_11_the_last_of_a_repeated_key_wins_with_a_warning(self):
        written = HEAD + """
streams:
  leads:
    mode: incremental
    mode: full-refresh
  contacts:
"""
        self.assertEqual(self.modes(self.understood(written)), [("leads", "full-refresh"), ("contacts", "incremental")])
        line = line_of(written, "    mode: full-refresh")
        self.assertEqual(self.warnings(written), [
            "replication.yaml:%d: streams.leads.mode: given twice, in lines %d and %d; the last one counts" % (line, line - 1, line)])

    def test_12_quoted_stream_names(self):
        streams = self.understood(HEAD + "streams:\n  'leads':\n  \"contacts\":\n  \"'deals'\":\n")
        self.assertEqual(list(streams), ["leads", "contacts", "deals"])
        self.assertEqual(sorted(self.understood(HEAD + 'streams:\n  "*":\n')), ENDPOINTS)

    def test_14_a_null_key_in_a_stream_means_the_endpoints_own(self):
        streams = self.understood(HEAD + "  primary_key: id\nstreams:\n  leads: {primary_key: ~}\n  deals:\n")
        for stream in streams.values():
            self.assertIn('"id" bigint PRIMARY KEY', self.created(stream))

    def test_26_stream_table_is_the_stream_name(self):
        streams = self.understood(HEAD.replace("{stream_name}", "{stream_table}") + "streams:\n  leads:\n  Invoices:\n")
        self.assertEqual([s["target"] for s in streams.values()], ["zoho_crm.leads", "zoho_crm.invoices"])

    def test_27_dotted_forms_render_equally(self):
        def target(written):
            return [s["target"] for s in self.understood(HEAD.replace("zoho_crm.{stream_name}", "'%s'" % written)
                                                         + "streams:\n  leads:\n").values()]

        for flat, dotted, expected in (("{target_schema}.{stream_name}", "{target.schema}.{stream.name}", "zoho_crm.leads"),
                                       ("a.{source_name}_{stream_name}", "a.{source.name}_{stream.name}", "a.zoho_crm_leads"),
                                       ("{target_name}.{stream_table}", "{target.name}.{stream.table}", "my_postgres.leads"),
                                       ("{source_type}.{target_kind}", "{source.type}.{target.kind}", "api.database")):
            self.assertEqual(target(flat), [expected])
            self.assertEqual(target(dotted), [expected])
