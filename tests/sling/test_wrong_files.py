"""Wrong files, as people write them at night: for each the exit code, and the whole message with file, line, key and what
to write instead. Whatever else `check` finds fault with is a failure, too."""

from sling import ENDPOINTS, OFFLINE_ENV, SlingTest

HEAD = "source: ZOHO_CRM\ntarget: MY_POSTGRES\ndefaults:\n  mode: incremental\n  object: zoho_crm.{stream_name}\n"
STREAMS = HEAD + "streams:\n"  # What follows begins in line 7.
FLOW = "source: ZOHO_CRM\ntarget: MY_POSTGRES\nstreams: {leads: {object: a.b}}\n"

AVAILABLE = "Available endpoints: [%s]" % ", ".join(ENDPOINTS)
MODES = ("must specify valid mode: full-refresh, incremental, backfill, snapshot, truncate, definition-only, or change-capture")
MAP_VALUE = ("Error parsing yaml content: illegal map value; look at the indentation of this line and of the one above, for "
             "the space behind each `:`, and quote a text that has `: ` in it")
FLOW_END = "Error parsing yaml content: illegal flow end; a `}` or `]` closes what was not opened that way"
FLOW_OPEN = "Error parsing yaml content: end of map flow not found; a `{` is not closed, or a text with `: ` or `,` in it not quoted"
BEHIND = ("text behind the end of the document: a bracket is closed too early, or this line is indented less than the first one")
SCHEDULES = ("is no schedule: expected five cron fields (minute hour day month weekday), @hourly, @daily, @weekly, @monthly, "
             "@yearly, @every 5m, a duration such as 5m, or manual")
QUOTE = "Error parsing yaml content: a quote that begins here is never closed"


def bomb():
    """Aliases of aliases: nine to the ninth words."""
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    for last, name in zip("abcdefgh", "bcdefghi"):
        lines.append("%s: &%s [%s]" % (name, name, ", ".join(["*" + last] * 9)))
    return "\n".join(lines) + "\n" + FLOW


def at(line, message):
    return "replication.yaml:%d: %s" % (line, message)


def type_of(path, expected, found, line=7):
    return at(line, "could not parse `%s`: expected %s, found %s" % (path, expected, found))


def key(path, message, line=7):
    return at(line, "%s: %s" % (path, message))


# Name: (the text of replication.yaml, each message in order).
FILES = {
    # What is no YAML, or not the kind of file
    "an empty file": ("", "replication.yaml: the file is empty: did not find 'source' key"),
    "comments alone": ("# source: ZOHO_CRM\n", "replication.yaml: the file is empty: did not find 'source' key"),
    "a list at the root": ("- source: ZOHO_CRM\n", at(1, "expected a map with `source`, `target`, `streams`")),
    "a word at the root": ("replication\n", at(1, "expected a map with `source`, `target`, `streams`")),
    "a binary file": (b"\x7fELF\x02\x01\x01\0\0source: x\n", at(1, "not a text file: it holds a control character")),
    "a control character": (STREAMS + "  le\x01ads:\n", at(7, "not a text file: it holds a control character")),
    "Latin-1": (b"source: ZOHO_CRM\ntarget: M\xfcller\n", at(2, "not a text in UTF-8: save the file in UTF-8")),
    "UTF-16": (("\ufeff" + STREAMS).encode("utf-16-le"), at(1, "the file is in UTF-16: save it in UTF-8")),
    "a tab": ("source: ZOHO_CRM\ntarget: MY_POSTGRES\nstreams:\n\tleads:\n",
              at(4, "Error parsing yaml content: illegal map value; YAML is indented with spaces, not with tabs")),
    "a tab behind spaces": (STREAMS + "  leads:\n  \tmode: incremental\n",
                            at(8, "Error parsing yaml content: illegal map value; YAML is indented with spaces, not with tabs")),
    "a non-breaking space": (STREAMS + "\u00a0\u00a0leads:\n",
                             at(7, "a non-breaking space in front of the text: YAML is indented with plain spaces")),
    "an open quote": ('source: "ZOHO_CRM\ntarget: MY_POSTGRES\nstreams: {leads: {object: a.b}}\n', at(1, QUOTE)),
    "an open single quote": ("source: ZOHO_CRM\ntarget: 'MY_POSTGRES\nstreams: {leads: {object: a.b}}\n", at(2, QUOTE)),
    "an open bracket": (FLOW.replace("a.b}}", "a.b, tags: [a, b}}"), at(3, FLOW_END)),
    "an open brace": (FLOW.replace("}}", "}"), at(3, FLOW_OPEN)),
    "a brace too many": (FLOW.replace("}}", "}}}"), at(3, FLOW_END)),
    "no space behind a colon": (FLOW.replace("source: ", "source:"), at(2, MAP_VALUE)),
    "a colon in a value": (STREAMS + "  leads:\n    description: Note: all\n", at(8, MAP_VALUE)),
    "a colon in a value in braces": (STREAMS + "  leads: {description: a: b}\n", at(7, FLOW_OPEN)),
    "a line too far to the right": (FLOW.replace("target", " target"), at(2, MAP_VALUE)),
    "a line too far to the left": ("  source: ZOHO_CRM\ntarget: MY_POSTGRES\n", at(2, BEHIND)),
    "text behind the document": ("{source: ZOHO_CRM, target: MY_POSTGRES}\nstreams: {leads: }\n", at(2, BEHIND)),
    "a pattern without quotes": (STREAMS + "  *:\n", at(
        7, "Error parsing yaml content: the referenced anchor is not defined; a text that begins with `*` must be quoted")),
    "a cron schedule without quotes": (STREAMS + "  leads:\n    schedule: */5 * * * *\n", at(
        8, "Error parsing yaml content: the referenced anchor is not defined; a text that begins with `*` must be quoted")),
    "a schedule with @ without quotes": (STREAMS + "  leads:\n    schedule: @every 5m\n", at(
        8, "Error parsing yaml content: unknown token; a text that begins with `@` must be quoted")),
    "an object without quotes": (HEAD.replace("zoho_crm.", "{target_schema}."), at(
        5, "Error parsing yaml content: end of map not found; a text that begins with `{` must be quoted")),
    "an object that is a variable without quotes": (STREAMS.replace("zoho_crm.", "") + "  leads:\n", type_of(
        "defaults.object", "a string", "a map: quote a text that begins with `{`", 5)),
    "an unknown anchor": (STREAMS + "  leads: *base\n", at(
        7, "Error parsing yaml content: the referenced anchor is not defined; a text that begins with `*` must be quoted")),
    "an alias in its own block": (STREAMS + "  leads: &a {source_options: *a}\n",
                                  at(7, "an alias refers to the block that it stands in")),
    "a merge of a word": (STREAMS + "  leads: {<<: base}\n", at(7, "`<<` takes a map or a list of maps")),
    "a merge of words": (STREAMS + "  leads: {<<: [a, b]}\n", at(7, "`<<` takes a map or a list of maps")),
    "a map as a key": (STREAMS + "  {a: b}: c\n", at(7, "a key must be plain text")),
    "aliases of aliases": (bomb(), at(5, "too many nodes: more than 10000 with all aliases resolved")),
    "more than 10,000 nodes": (STREAMS + "  leads: {tags: [%s]}\n" % ", ".join("t%d" % i for i in range(10_001)),
                               at(7, "too many nodes: more than 10000 with all aliases resolved")),
    "too many levels": (STREAMS + "  leads: {x: %s}\n" % ("[" * 80 + "]" * 80), at(7, "nested too deeply: more than 64 levels")),

    # What is missing, of the wrong type, or nothing that there is
    "no source": (FLOW.replace("source: ZOHO_CRM\n", ""), key("source", "did not find 'source' key", 1)),
    "no target": (FLOW.replace("target: MY_POSTGRES\n", ""), key("target", "did not find 'target' key", 1)),
    "no streams": (HEAD, key("streams", "did not find 'streams' key", 1)),
    "streams of nothing": (STREAMS, key("streams", "did not find 'streams' key", 6)),
    "a source that is not defined": (FLOW.replace("ZOHO_CRM", "ZOHO_CMR"), key(
        "source", "could not find source connection: ZOHO_CMR; known: MY_POSTGRES, ZOHO_CRM", 1)),
    "a target that is not defined": (FLOW.replace("MY_POSTGRES", "~/warehouse"), key(
        "target", "could not find target connection: ~/warehouse; known: MY_POSTGRES, ZOHO_CRM", 2)),
    "a database as the source": (FLOW.replace("ZOHO_CRM", "MY_POSTGRES"), key(
        "source", "connection MY_POSTGRES is a database and can not be a source: name one of type api, spec zoho_crm", 1)),
    "Zoho as the target": (FLOW.replace("MY_POSTGRES", "ZOHO_CRM"), key(
        "target", "connection ZOHO_CRM is an API and can not be a target: name one of type postgres or sqlite", 2)),
    "a URL of another database": (FLOW.replace("MY_POSTGRES", "mysql://u@h/d"),
                                  key("target", "expected a name, postgres://… or sqlite://…", 2)),
    "streams as a list": (HEAD + "streams:\n  - leads\n  - deals\n", type_of("streams", "a map", "a list", 6)),
    "a stream as a word": (STREAMS + "  leads: incremental\n", type_of("streams.leads", "a map", "a string")),
    "a stream that is yes": (STREAMS + "  leads: yes\n", type_of("streams.leads", "a map", "a boolean")),
    "defaults as a list": (FLOW.replace("streams", "defaults: [mode]\nstreams"), type_of("defaults", "a map", "a list", 3)),
    "tags as a word": (STREAMS + "  leads: {tags: core}\n",
                       type_of("streams.leads.tags", "a list of strings", "a string: write [core]")),
    "tags that are numbers": (STREAMS + "  leads: {tags: [a, 1]}\n", type_of(
        "streams.leads.tags", "a list of strings", "a list of other things: YAML reads an unquoted `1` as a number, quote it")),
    "a field named no": (STREAMS + "  leads: {select: [id, no]}\n", type_of(
        "streams.leads.select", "a list of strings", "a list of other things: YAML reads an unquoted `no` as a boolean, quote it")),
    "a quoted boolean": (STREAMS + "  leads: {disabled: 'true'}\n", type_of(
        "streams.leads.disabled", "true or false", "a quoted string: take the quotes away")),
    "a boolean that is 1": (STREAMS + "  leads: {disabled: 1}\n",
                            type_of("streams.leads.disabled", "true or false", "a number")),
    "a quoted number": (STREAMS + "  leads: {source_options: {limit: '10'}}\n", type_of(
        "streams.leads.source_options.limit", "a whole number", "a quoted string: take the quotes away")),
    "an octal number": (STREAMS + "  leads: {source_options: {limit: 010}}\n", type_of(
        "streams.leads.source_options.limit", "a whole number",
        "a number (`010`): write digits alone, without a sign or a leading zero")),
    "a negative number": (STREAMS + "  leads: {source_options: {limit: -1}}\n", type_of(
        "streams.leads.source_options.limit", "a whole number",
        "a number (`-1`): write digits alone, without a sign or a leading zero")),
    "options as a list": (STREAMS + "  leads: {target_options: [use_bulk]}\n",
                          type_of("streams.leads.target_options", "a map", "a list")),
    "a mode that is mistyped": (STREAMS + "  leads: {mode: incrementl}\n", key(
        "streams.leads.mode", MODES + "; did you mean `incremental`?")),
    "a mode of another program": (STREAMS + "  leads: {mode: append}\n", key("streams.leads.mode", MODES)),
    "a mode that is yes": (STREAMS + "  leads: {mode: yes}\n", type_of(
        "streams.leads.mode", "a string", "a boolean: quote it, if `yes` is meant")),
    "no object": (FLOW.replace("{object: a.b}", "{}"), key(
        "streams.leads.object", "need to specify `object` for stream `leads`: write one under it or under `defaults`, such as "
        "zoho_crm.{stream_name}", 3)),
    "an object for all": (STREAMS.replace("{stream_name}", "everything") + "  '*':\n", key(
        "streams.*", "`*` needs a table for each stream: add {stream_name} to `object`")),
    "one table for two": (STREAMS.replace("{stream_name}", "everything") + "  leads:\n  deals:\n", key(
        "streams.deals.object", "streams `leads` (line 7) and `deals` have one table: zoho_crm.everything", 8)),
    "a table among ours": (STREAMS.replace("zoho_crm.", "zohosync.") + "  leads:\n", key(
        "streams.leads.object", "`zohosync.leads` lies where our own tables are; choose another name, or another "
        "daemon.state_schema")),
    "a stream that is mistyped": (STREAMS + "  leeds:\n", key(
        "streams.leeds", "did not find endpoint(s) for: leeds. %s; did you mean `leads`?" % AVAILABLE)),
    "a module in small letters": (STREAMS + "  invoices:\n", key(
        "streams.invoices", "did not find endpoint(s) for: invoices. %s; any other module is named as in Zoho's API, with a "
        "capital, such as Invoices" % AVAILABLE)),
    "a pattern for nothing": (STREAMS + "  'x*':\n", key("streams.x*", "did not find endpoint(s) for: x*. " + AVAILABLE)),
    "a stream twice": (STREAMS + "  leads:\n  Leads:\n", key(
        "streams.Leads", "`Leads` is the same stream as `leads` in line 7", 8)),
    "a module under both names": (STREAMS + "  meetings:\n  Events:\n", key(
        "streams.Events", "`Events` is the same stream as `meetings` in line 7", 8)),
    "a schedule that is off": (STREAMS + "  leads: {schedule: off}\n", type_of(
        "streams.leads.schedule", "a string", 'a boolean; YAML reads an unquoted `off` as a boolean: write "manual"')),
    "a schedule that is a number": (STREAMS + "  leads: {schedule: 5}\n", type_of(
        "streams.leads.schedule", "a string", 'a number; Sling refuses a number as well: give it a unit, such as "5m"')),
    "a schedule in words": (STREAMS + "  leads: {schedule: hourly}\n", key("streams.leads.schedule", "`hourly` " + SCHEDULES)),
    "a schedule with seconds": (STREAMS + "  leads: {schedule: '0 0 * * * *'}\n",
                                key("streams.leads.schedule", "`0 0 * * * *` " + SCHEDULES)),
    "a schedule at 25 o'clock": (STREAMS + "  leads: {schedule: '0 25 * * *'}\n",
                                 key("streams.leads.schedule", "`25` is no hour: expected 0 to 23")),
    "a casing that there is not": (STREAMS + "  leads: {target_options: {column_casing: kebab}}\n", key(
        "streams.leads.target_options.column_casing",
        "`kebab` is no casing: expected snake, source, target, upper, lower, camel or normalize")),
    "deletions that are true": (STREAMS + "  leads: {target_options: {delete_missing: true}}\n", key(
        "streams.leads.target_options.delete_missing", "expected soft, hard or none")),
    "env as a list": ("env: [a]\n" + STREAMS + "  leads:\n", type_of("env", "a map", "a list", 1)),
    "the daemon switched on": (STREAMS + "  leads:\ndaemon: on\n", type_of("daemon", "a map", "a boolean", 8)),
    "credits as a number": (STREAMS + "  leads:\ndaemon: {credits: 500}\n",
                            type_of("daemon.credits", "a map", "a number", 8)),
    "a port alone": (STREAMS + "  leads:\ndaemon: {listen: 9464}\n",
                     key("daemon.listen", "expected host:port, unix:/path or off", 8)),
    "an overlap without a unit": (STREAMS + "  leads:\ndaemon: {overlap: 5}\n",
                                  key("daemon.overlap", "expected a duration such as 5m, from 0s to 1d", 8)),

    # Several at once, and files of other systems
    "three mistakes": (
        "source: ZOHO_CMR\ntarget: MY_POSTGRES\ndefaults: {mode: sideways}\nstreams:\n  leads: {object: a.b, tags: x}\n",
        key("source", "could not find source connection: ZOHO_CMR; known: MY_POSTGRES, ZOHO_CRM", 1),
        key("defaults.mode", MODES, 3), type_of("streams.leads.tags", "a list of strings", "a string: write [x]", 5)),
    "Windows line ends": ((STREAMS + "  leads: {tags: x}\n").replace("\n", "\r\n").encode(),
                          type_of("streams.leads.tags", "a list of strings", "a string: write [x]")),
    "a byte order mark": (b"\xef\xbb\xbf" + (STREAMS + "  leads: {tags: x}\n").encode(),
                          type_of("streams.leads.tags", "a list of strings", "a string: write [x]")),
}

# What is accepted, and told. Name: (text, each warning in order).
WARNINGS = {
    "a second document": (STREAMS + "  leads:\n---\nstreams: []\n",
                          at(8, "only the first document of a file counts; what follows `---` is ignored")),
    "a key twice": (STREAMS + "  leads: {mode: full-refresh,\n          mode: incremental}\n", key(
        "streams.leads.mode", "given twice, in lines 7 and 8; the last one counts", 8)),
    "a typographic quote": (STREAMS + "  leads: {description: \u201call of them\u201d}\n", key(
        "streams.leads.description", "begins with a typographic quote, which is taken as a part of the text: write \" or '")),
    "a key that is mistyped": (STREAMS + "  leads: {shedule: 5m}\n", key(
        "streams.leads.shedule", "`shedule` is not a known key and is ignored; did you mean `schedule`?")),
    "nothing to do": (STREAMS + "  leads: {disabled: true}\n", "replication.yaml: streams: no stream is enabled"),
}


class WrongFile(SlingTest):
    def setUp(self):
        super().setUp()
        self.user.write_env(OFFLINE_ENV)

    def told(self, content):
        """Exit code, failures and warnings of `check --offline`."""
        if isinstance(content, str):
            content = content.encode()
        self.user.write_replication(content)
        result = self.user.run("check", "--offline")
        self.assert_clean(result)
        lines = {level: [line.split(maxsplit=2)[2] for line in result.out.splitlines() if line.startswith(level)]
                 for level in ("FAIL", "warn")}
        return result.code, lines["FAIL"], lines["warn"]


class WrongFiles(WrongFile):
    def test_wrong_files(self):
        self.assertGreaterEqual(len(FILES), 60)
        for name, (content, *messages) in FILES.items():
            with self.subTest(name):
                code, failures, warnings = self.told(content)
                self.assertEqual((code, failures, warnings), (65, messages, []))

    def test_files_that_are_taken_with_a_warning(self):
        for name, (content, *messages) in WARNINGS.items():
            with self.subTest(name):
                code, failures, warnings = self.told(content)
                self.assertEqual((code, failures, warnings), (0, [], messages))

    def test_the_same_is_said_by_the_verbs_that_do_something(self):
        """`sync` and `run` end with the same code and the same lines, before they talk to anybody."""
        for name in ("an open quote", "three mistakes", "a stream that is mistyped"):
            content, *messages = FILES[name]
            self.user.write_replication(content.encode())
            for verb in ("sync", "run", "plan"):
                with self.subTest(name, verb=verb):
                    result = self.user.run(verb)
                    self.assertEqual(result.code, 65, result.err)
                    for message in messages:
                        self.assertIn(message, result.err)

    def test_a_file_that_is_not_there(self):
        for verb in ("check", "sync"):
            result = self.user.run(verb)
            self.assertEqual(result.code, 65, result.text)
            self.assertIn("replication.yaml: Unable to open replication path: No such file or directory", result.text)


ENV = """connections:
  ZOHO_CRM:
    type: api
    spec: zoho_crm
    secrets: { client_id: MY_ID, client_secret: MY_SECRET, soid: ZohoCRM.12345678 }
  MY_POSTGRES:
    type: postgres
    host: db.example.com
    user: sling
    password: hunter2
    database: warehouse
    sslmode: require
"""
NOT_FOUND = ("replication.yaml:1: source: could not find source connection: ZOHO_CRM; no connection is defined",
             "replication.yaml:2: target: could not find target connection: MY_POSTGRES; no connection is defined")


def zoho(line):
    """The connection with another line in it; that is line 5."""
    return "    spec: zoho_crm\n", "    spec: zoho_crm\n    %s\n" % line


def postgres(line):
    """The same for the database; that is line 9."""
    return "    user: sling\n", "    %s\n    user: sling\n" % line


# Name: (what is replaced by what, each message in order; `env:` stands for the file's path).
ENV_FILES = {
    "no connections": ((ENV, ""), *NOT_FOUND),
    "a list at the root": ((ENV, "- ZOHO_CRM\n"), "env:1: expected a map with `connections`", *NOT_FOUND),
    "connections as a list": ((ENV, "connections: [ZOHO_CRM]\n"), "env:1: could not parse `connections`: expected a map",
                              *NOT_FOUND),
    "a tab": (("    type: api", "\ttype: api"), "env:3: Error parsing yaml content: end of map not found; YAML is indented with "
              "spaces, not with tabs", *NOT_FOUND),
    "an open quote": (("hunter2", '"hunter2'), "env:10: " + QUOTE, *NOT_FOUND),
    "no host": (("    host: db.example.com\n", ""), "env:6: MY_POSTGRES.host: Property value not provided: host"),
    "no database": (("    database: warehouse\n", ""), "env:6: MY_POSTGRES.database: Property value not provided: database"),
    "no user": (("    user: sling\n", ""), "env:6: MY_POSTGRES.user: Property value not provided: user"),
    "another database": (("type: postgres", "type: mysql"),
                         "env:6: MY_POSTGRES: connection MY_POSTGRES can not be a target: expected type postgres or sqlite"),
    "a port that is a word": (postgres("port: five"), "env:9: MY_POSTGRES.port: expected a port from 1 to 65535"),
    "sslmode on": (("sslmode: require", "sslmode: on"), "env:12: MY_POSTGRES.sslmode: expected disable, allow, prefer, require, verify-ca or "
                   "verify-full"),
    "no soid": ((", soid: ZohoCRM.12345678", ""), "env:5: ZOHO_CRM.secrets.soid: connection ZOHO_CRM has neither the secret "
                "`soid` nor `refresh_token`"),
    "no client_id": (("client_id: MY_ID, ", ""), "env:5: ZOHO_CRM.secrets.client_id: connection ZOHO_CRM has no secret `client_id`"),
    "no secrets": (("    secrets: { client_id: MY_ID, client_secret: MY_SECRET, soid: ZohoCRM.12345678 }\n", ""),
                   "env:2: ZOHO_CRM.secrets.client_id: connection ZOHO_CRM has no secret `client_id`",
                   "env:2: ZOHO_CRM.secrets.client_secret: connection ZOHO_CRM has no secret `client_secret`",
                   "env:2: ZOHO_CRM.secrets.soid: connection ZOHO_CRM has neither the secret `soid` nor `refresh_token`"),
    "another spec": (("spec: zoho_crm", "spec: stripe"), "env:4: ZOHO_CRM.spec: only spec zoho_crm is supported"),
    "a date of another country": (zoho("inputs: { anchor_date: 01/02/2024 }"), "env:5: ZOHO_CRM.inputs.anchor_date: `anchor_date` "
                                  "must be a date YYYY-MM-DD or `all`"),
    "the 30th of February": (zoho("inputs: { anchor_date: 2024-02-30 }"), "env:5: ZOHO_CRM.inputs.anchor_date: `anchor_date` must "
                             "be a date YYYY-MM-DD or `all`"),
    "a rate in words": (zoho("inputs: { rate: fast }"), "env:5: ZOHO_CRM.inputs.rate: expected a whole number from 1 to 100000"),
    "a data centre that there is not": (zoho("data_center: europe"), "env:5: ZOHO_CRM.data_center: expected one of us eu in au jp "
                                        "ca cn sa uk ae"),
    "no encryption": (("soid: Z", "api_domain: http://www.zohoapis.com, soid: Z"), "env:5: ZOHO_CRM.secrets.api_domain: http:// is "
                      "accepted for loopback addresses only"),
    "a host of somebody else": (("soid: Z", "api_domain: https://www.zohoapis.com.example.net, soid: Z"),
                                "env:5: ZOHO_CRM.secrets.api_domain: www.zohoapis.com.example.net is none of Zoho's hosts; list it "
                                "in inputs.extra_hosts if it is meant"),
    "a secret in a file that is not there": (("client_secret: MY_SECRET", "client_secret: file:/nonexistent"),
                                             "env:5: ZOHO_CRM.secrets.client_secret: could not read /nonexistent: No such file or "
                                             "directory"),
}


class WrongConnections(WrongFile):
    """The same for env.yaml."""

    def test_wrong_files(self):
        for name, ((old, new), *messages) in ENV_FILES.items():
            with self.subTest(name):
                self.assertIn(old, ENV)
                self.user.write_env(ENV.replace(old, new))
                code, failures, warnings = self.told(FLOW)
                failures = [line.replace(str(self.user.env_yaml), "env") for line in failures]
                self.assertEqual((code, failures, warnings), (65, messages, []))
                self.assertNotIn("hunter2", "".join(failures))

    def test_an_object_without_a_schema(self):
        self.user.write_env(ENV)
        self.assertEqual(self.told(FLOW.replace("a.b", "leads")), (65, [
            "replication.yaml:3: streams.leads.object: stream `leads`: did not specify schema. Please specify schema in object name."], []))

    def test_a_connection_that_is_not_there(self):
        result = self.user.run("conns", "test", "NOBODY")
        self.assertEqual(result.code, 1)
        self.assertIn("Invalid Connection name: NOBODY. Make sure it is created", result.err)
        result = self.user.run("check", "--offline", "--env-file", "nowhere.yaml")
        self.assertEqual(result.code, 65)
        self.assertIn("nowhere.yaml: could not be read: No such file or directory", result.out)
