"""Values that no column takes, and a host that is not as it should be (D and G of the catalogue)."""

import fcntl
import os
import resource
import subprocess
import time

from catalogue import Catalogue, World, events
from fault_proxy import Proxy

# name: (raw JSON of fields of one lead, characters that are cleaned, what quarantine counts)
VALUES = {
    "NUL in a text": ({"Company": r'"a\u0000b"'}, 1, {}),
    "NUL at both ends of a text": ({"Company": r'"\u0000ab\u0000"'}, 2, {}),
    "NUL in a nested text": ({"Owner": r'{"id":"1","name":"a\u0000b"}'}, 1, {}),
    "NUL in a nested key": ({"Owner": r'{"id":"1","na\u0000me":"b"}'}, 1, {}),
    "a lone high surrogate": ({"Company": r'"\ud800x"'}, 1, {}),
    "a lone low surrogate": ({"Company": r'"x\udc00"'}, 1, {}),
    "surrogates in the wrong order": ({"Company": r'"\udc00\ud800"'}, 2, {}),
    "a lone surrogate in nested JSON": ({"Owner": r'["\udfff"]'}, 1, {}),
    "a text for an integer": ({"No_of_Employees": '"many"'}, 0, {"no_bigint": 1}),
    "a fraction for an integer": ({"No_of_Employees": "1.5"}, 0, {"no_bigint": 1}),
    "an integer of 2^63": ({"No_of_Employees": "9223372036854775808"}, 0, {"no_bigint": 1}),
    "an integer of 40 digits": ({"No_of_Employees": "1" * 40}, 0, {"no_bigint": 1}),
    "an integer of 2^53 + 1": ({"No_of_Employees": "9007199254740993"}, 0, {}),
    "an object for an integer": ({"No_of_Employees": '{"a":1}'}, 0, {"no_bigint": 1}),
    "NaN as text": ({"Annual_Revenue": '"NaN"'}, 0, {"no_numeric": 1}),
    "Infinity as text": ({"Annual_Revenue": '"-Infinity"'}, 0, {"no_numeric": 1}),
    "1e400000": ({"Annual_Revenue": "1e400000"}, 0, {"no_numeric": 1}),
    "a decimal of 40 digits": ({"Annual_Revenue": "1234567890123456789012345678901234567.891"}, 0, {}),
    "an empty list for a number": ({"Annual_Revenue": "[]"}, 0, {"no_numeric": 1}),
    "a word for a boolean": ({"Email_Opt_Out": '"perhaps"'}, 0, {"no_boolean": 1}),
    "a number for a boolean": ({"Email_Opt_Out": "1"}, 0, {"no_boolean": 1}),
    "the 30th of February": ({"Last_Activity_Time": '"2024-02-30T10:00:00+01:00"'}, 0, {"no_timestamptz": 1}),
    "the 29th of February of 2023": ({"Last_Activity_Time": '"2023-02-29T10:00:00+01:00"'}, 0, {"no_timestamptz": 1}),
    "an hour of 25": ({"Last_Activity_Time": '"2024-02-03T25:00:00+01:00"'}, 0, {"no_timestamptz": 1}),
    "an offset of 30 hours": ({"Last_Activity_Time": '"2024-02-03T10:00:00+30:00"'}, 0, {"no_timestamptz": 1}),
    "a word for a time": ({"Last_Activity_Time": '"yesterday"'}, 0, {"no_timestamptz": 1}),
    "a time in the year 300000": ({"Last_Activity_Time": '"300000-02-03T10:00:00+01:00"'}, 0, {"no_timestamptz": 1}),
    "a time in a skipped hour": ({"Last_Activity_Time": '"2024-03-31T02:30:00+01:00"'}, 0, {}),
    "nested 64 deep": ({"Owner": "[" * 64 + "]" * 64}, 0, {}),
    "nested 65 deep": ({"Owner": "[" * 65 + "]" * 65}, 0, {"no_json": 1}),
    "six values at once": ({"Company": r'"\u0000"', "No_of_Employees": '"x"', "Annual_Revenue": '"x"',
                            "Email_Opt_Out": '"x"', "Last_Activity_Time": '"x"', "Owner": "[" * 70 + "]" * 70},
                           1, {"no_bigint": 1, "no_numeric": 1, "no_boolean": 1, "no_timestamptz": 1, "no_json": 1}),
}


class Leads(World):
    """Leads that fill one page: what is read twice would count twice."""

    def __init__(self, records=150, **more):
        super().__init__("--records", "leads=%d" % records, "--no-gzip", streams=("leads",), **more)

    def one(self):
        return int(self.simulator.post("edit", module="Leads", count=1)["ids"][0])

    def edit(self, lead, raw_fields, ago=0):
        self.simulator.post("edit", module="Leads", ids=[str(lead)], raw_fields=raw_fields, modified_at=self.moment(ago))

    def moment(self, ago):
        return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(self.simulator.now() - ago))

    def kept(self):
        return self.target.rows("select count(*) from zohosync_quarantine")[0][0]


class Values(Catalogue):
    def quarantined(self, text):
        return {line["kind"]: line["rows"] for line in events(text, "quarantined")}

    def test_values_that_do_not_fit(self):
        def check(case):
            raw_fields, cleaned, kinds = case
            with Leads() as world:
                lead = world.one()
                world.edit(lead, raw_fields, ago=600)  # In a second that is over, so that it is read once.
                text = self.ended(world.sync())
                self.expect_none(text, "run_failed")
                if cleaned:
                    self.expect(text, "values_cleaned", stream="leads", characters=cleaned)
                else:
                    self.expect_none(text, "values_cleaned")
                self.assertEqual(self.quarantined(text), kinds)
                self.assertEqual(world.kept(), sum(kinds.values()))
                self.whole(world, 150)
                # What is mended at Zoho leaves quarantine.
                world.edit(lead, {"Company": '"x"', "No_of_Employees": "1", "Annual_Revenue": "1", "Owner": "null",
                                  "Email_Opt_Out": "true", "Last_Activity_Time": "null"})
                text = self.ended(world.sync())
                if kinds:
                    self.expect(text, "released_from_quarantine", rows=sum(kinds.values()))
                self.assertEqual(world.kept(), 0)
                self.whole(world, 150)

        self.side_by_side(VALUES, check)

    def test_a_page_of_nothing_but_poison(self):
        with Leads() as world:
            world.simulator.post("edit", module="Leads", count=150, raw_fields={"No_of_Employees": '"many"'},
                                 modified_at=world.moment(600))
            self.assertEqual(self.quarantined(self.ended(world.sync())), {"no_bigint": 150})
            self.whole(world, 150)
            world.simulator.post("edit", module="Leads", count=150, raw_fields={"No_of_Employees": "7"})
            self.expect(self.ended(world.sync()), "released_from_quarantine", rows=150)
            self.whole(world, 150)

    def test_bytes_that_are_no_utf8(self):
        # (the bytes in a record's text, how many characters replace them)
        cases = {"a stray byte": (b"\xff", 1), "a cut sequence": (b"\xe2\x82", 1), "an overlong form": (b"\xc0\xaf", 2),
                 "CESU-8": (b"\xed\xa0\x80", 3), "beyond U+10FFFF": (b"\xf5\x80\x80\x80", 4), "Latin-1": (b"Z\xfcrich", 1)}

        def check(case):
            text_bytes, replaced = case
            done = []

            def spoil(path, reply, connection):
                mark = b'"Company":"MARK"'
                if mark not in reply.body or done:
                    return None
                done.append(path)
                reply.body = reply.body.replace(mark, b'"Company":"<' + text_bytes + b'>"')
                return reply.raw()

            with Leads(through=lambda s: Proxy(s, fault=spoil)) as world:
                lead = world.one()
                world.edit(lead, {"Company": '"MARK"'}, ago=600)
                text = self.ended(world.sync())
                self.assertTrue(done)
                self.expect(text, "values_cleaned", characters=replaced)
                want = "<" + text_bytes.decode(errors="replace") + ">"
                found = world.target.rows("select company from leads where id = ?", lead)[0][0]
                self.assertEqual(found.strip("<>").strip("\ufffd"), want.strip("<>").strip("\ufffd"))
                self.assertEqual(found.count("\ufffd"), replaced)
                world.one()
                world.edit(lead, {"Company": '"good"'})
                self.ended(world.sync())
                self.whole(world, 150)

        self.side_by_side(cases, check)

    def test_keys_that_come_twice(self):
        cases = {"the same key": ("Company", {"repeated_key": 1}), "its twin in small letters": ("company", {})}

        def check(case):
            key, kinds = case
            with Leads() as world:
                world.edit(world.one(), {"Company": '"MARK"'}, ago=600)
                world.simulator.faults({"path": "Leads", "action": {
                    "kind": "replace", "from": '"Company":"MARK"', "to": '"Company":"MARK","%s":"twin"' % key}})
                text = self.ended(world.sync())
                self.expect_none(text, "run_failed")
                self.assertEqual(self.quarantined(text), kinds)
                self.whole(world, 150)

        self.side_by_side(cases, check)

    def test_nesting_without_end(self):
        with Leads() as world:
            lead = world.one()
            world.edit(lead, {"Owner": "[" * 1_000_000 + "]" * 1_000_000}, ago=600)
            text = self.ended(world.sync())
            self.assertEqual(self.quarantined(text), {"no_json": 1})
            self.assertEqual(world.target.rows("select count(*), count(owner) from leads where id = ?", lead)[0], (1, 0))
            # The comparer can not read such a text either, so it looks when it is gone.
            world.edit(lead, {"Owner": "null"})
            self.expect(self.ended(world.sync()), "released_from_quarantine", rows=1)
            self.whole(world, 150)

    def test_a_record_that_is_larger_than_a_reply_may_be(self):
        # Its page can not be had; the stream says so and waits, the others go on.
        with World("--records", "leads=150,tasks=150", "--no-gzip", streams=("leads", "tasks")) as world:
            self.ended(world.sync())
            lead = world.simulator.post("edit", module="Leads", count=1)["ids"][0]
            world.simulator.post("edit", module="Leads", ids=[lead], fields={"Company": "x" * (33 << 20)})
            world.simulator.post("edit", module="Tasks", count=20)
            daemon = world.run()
            world.wait_for(daemon, "run_failed", stream="leads", kind="bad_response", error="larger than")
            world.wait_for(daemon, "run_finished", stream="tasks", updated=20)
            world.simulator.post("edit", module="Leads", ids=[lead], fields={"Company": "small again"})
            world.wait_for(daemon, "run_finished", stream="leads")
            self.ended(daemon.terminate()[0])
            self.ended(world.sync())
            self.whole(world, 150)


class Host(Catalogue):
    def test_a_clock_that_is_wrong(self):
        # Zoho's clock is moved instead of ours: what counts is that they disagree.
        cases = {"a day slow": 86400, "a day fast": -86400, "an hour slow": 3600, "as at the end of 1970s": 50 * 365 * 86400}

        def check(offset):
            with World() as world:
                world.simulator.post("mode", date_header=offset)
                daemon = world.run()
                world.wait_for(daemon, "clock_skew", seconds="-" if offset < 0 else "")
                world.wait_for(daemon, "run_finished", stream="tasks")
                self.ended(daemon.terminate()[0])
                self.assertEqual(world.target.rows("select count(*) from tasks")[0][0], 450)
                world.simulator.post("mode", date_header="normal")
                self.ended(world.sync())
                self.whole(world, 450)

        self.side_by_side(cases, check)

    def test_few_file_descriptors(self):
        with World("--scale", "0.1", streams=("tasks", "calls", "deals", "vendors")) as world:
            daemon = world.home.start("sync", "--log-format", "json")
            resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (24, 24))
            self.ended(daemon.finish())
            self.whole(world, 10)

    def sync_into(self, world, writer):
        """A sync that tells all it can to that end of a pipe."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(world.home.directory / "home"),
                       "STATE_DIRECTORY": str(world.home.state)}
        done = subprocess.run(world.home.command("sync", "--log-level", "trace"), env=environment, stderr=writer,
                              stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, timeout=240)
        self.assertEqual(done.returncode, 0)
        self.whole(world, 450)

    def test_a_log_that_nobody_reads_any_more(self):
        with World() as world:
            reader, writer = os.pipe()
            os.close(reader)
            self.sync_into(world, writer)
            os.close(writer)

    def test_a_log_whose_reader_sleeps(self):
        with World() as world:
            reader, writer = os.pipe()
            fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)  # Full after the first lines.
            self.sync_into(world, writer)
            os.close(writer)
            with open(reader, "rb") as rest:
                told = rest.read()
            self.assertIn(b"event=", told)
            self.assertNotIn(b"event=run_finished", told)
