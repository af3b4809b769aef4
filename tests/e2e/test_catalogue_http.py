"""Every way an answer of Zoho goes wrong (B of the catalogue): the outcome, and the line in the log that tells."""

import gzip
import json
import time

from catalogue import Catalogue, World, status
from fault_proxy import Canary, Close, Proxy, Reply, reset

LIST = r"/crm/v6/Tasks\?"
JSON = {"code": "INTERNAL_ERROR", "details": {}, "message": "Internal Server Error", "status": "error"}


def record(number, second, **fields):
    return {"id": str(4000000000000000000 + number), "Modified_Time": "2026-01-01T10:00:%02d+00:00" % second, **fields}


def page(*records, more=False):
    return {"data": list(records), "info": {"more_records": more, "next_page_token": None}}


# name: (what the second list request meets, the kind in run_failed, a part of its error)
BAD_ANSWERS = {
    "429 with Retry-After": (status(429, retry_after=1), "rate_limited", "429 TOO_MANY_REQUESTS"),
    "429 without Retry-After": (status(429), "rate_limited", "429 TOO_MANY_REQUESTS"),
    "429 with a Retry-After of garbage": (status(429, retry_after="soon"), "rate_limited", "429"),
    "429 with an HTML body": (status(429, html=True), "rate_limited", "429"),
    "400 with TOO_MANY_REQUESTS": (status(400, body={"code": "TOO_MANY_REQUESTS"}), "rate_limited", "TOO_MANY"),
    "500 with a JSON body": (status(500, body=JSON), "server_error", "500 INTERNAL_ERROR"),
    "500 with an empty body": (status(500, body=""), "server_error", "500"),
    "502 with an HTML body": (status(502), "server_error", "502"),
    "502 with a body of garbage": (status(502, body="\u0000\u00fe{]", html=False), "server_error", "502"),
    "503 with an HTML body": (status(503, html=True), "server_error", "503"),
    "503 with an empty body": (status(503, body=""), "server_error", "503"),
    "504 with an empty body": (status(504, body=""), "server_error", "504"),
    "504 with a body of garbage": (status(504, body="[[["), "server_error", "504"),
    "INTERNAL_ERROR with status 400": (status(400, body=JSON), "server_error", "INTERNAL_ERROR"),
    "404 of an unknown path": (status(404, body={"code": "INVALID_URL_PATTERN"}), "bad_response", "404"),
    "400 of an unknown code": (status(400, body={"code": "SOMETHING_NEW"}), "bad_response", "SOMETHING_NEW"),
    "418 without a body": (status(418, body=""), "bad_response", "418"),
    "200 with an HTML page": ("html", "bad_response", "no JSON object"),
    "200 with an empty body": (status(200, body=""), "bad_response", "no JSON object"),
    "200 with plain text": (status(200, body="OK", content_type="text/plain"), "bad_response", "no JSON object"),
    "200 with a list at the top": (status(200, body="[]"), "bad_response", "no JSON object"),
    "200 with an empty object": ("empty_json", "bad_response", "no list"),
    "200 with an error object": (status(200, body=JSON), "bad_response", "no list"),
    "200 with info and no data": (status(200, body={"info": {"more_records": False}}), "bad_response", "no list"),
    "200 with data and no info": (status(200, body={"data": []}), "bad_response", "more_records is missing"),
    "200 with more_records as text": (
        status(200, body={"data": [], "info": {"more_records": "false"}}), "bad_response", "more_records is missing"),
    "200 with data that is an object": (
        status(200, body={"data": {"id": "1"}, "info": {"more_records": False}}), "bad_response", "no valid JSON"),
    "200 with data that is null": (
        status(200, body={"data": None, "info": {"more_records": False}}), "bad_response", "no valid JSON"),
    "200 with JSON that ends early": (status(200, body='{"data":[{"id":"1","Modi'), "bad_response", "no valid JSON"),
    "a page that is not sorted": (status(200, body=page(record(1, 30), record(2, 10))), "bad_response", "not sorted"),
    "a page older than asked for": (
        status(200, body={"data": [{"id": "1", "Modified_Time": "1999-01-01T00:00:00Z"}],
                          "info": {"more_records": False}}), "bad_response", "older"),
    **{"a redirect %d" % code: ({"kind": "redirect", "status": code, "location": "https://www.example.com/"},
                                "bad_response", str(code)) for code in (301, 302, 307, 308)},
    "a gzip bomb of 1 GiB": ({"kind": "gzip_bomb", "bytes": 1 << 30}, "bad_response", "larger than"),
    "a chunked body of 50 MB": ({"kind": "huge_body", "bytes": 50 << 20}, "bad_response", "larger than"),
}


def raw(text, headers=""):
    return ("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n%s\r\n" % headers).encode() + text


def cut(reply, connection, at):
    connection.sendall(reply.raw()[:len(reply.head()) + at])
    raise Close


def reset_within(reply, connection):
    connection.sendall(reply.raw()[:len(reply.head()) + len(reply.body) // 2])
    reset(connection)
    raise Close


def chunked(reply, *, ends):
    half = len(reply.body) // 2
    chunks = b"%x\r\n%s\r\n%x\r\n%s\r\n" % (half, reply.body[:half], len(reply.body) - half, reply.body[half:])
    return raw(chunks + b"0\r\n\r\n" if ends else chunks[:half + 40], "Transfer-Encoding: chunked\r\n")


def twice_gzipped(reply):
    body = gzip.compress(gzip.compress(reply.body))
    return Reply(200, reply.headers + [("Content-Encoding", "gzip")], body).raw()


def close(connection):
    connection.close()
    raise Close


# name: (what the network does to the second list reply, the kind in run_failed, a part of its error)
BAD_NETWORKS = {
    "a Content-Length that is too long": (lambda r, c: cut(r, c, len(r.body)) if c.sendall(r.head(len(r.body) + 9) + r.body)
                                          else close(c), "network", "transfer closed"),
    "a Content-Length that is too short": (lambda r, c: r.head(len(r.body) - 400) + r.body, "bad_response", "no valid JSON"),
    "a Content-Length of garbage": (lambda r, c: raw(r.body, "Content-Length: many\r\n"), "network", "failed"),
    "a chunked body that ends early": (lambda r, c: (c.sendall(chunked(r, ends=False)), close(c)), "network", "failed"),
    "a chunk whose size is garbage": (
        lambda r, c: raw(b"zz\r\n" + r.body + b"\r\n0\r\n\r\n", "Transfer-Encoding: chunked\r\n"), "network", "failed"),
    "RST in the middle of the body": (reset_within, "network", "failed"),
    "an answer that is no HTTP": (lambda r, c: b"220 mail.example.com ESMTP\r\n" * 3, "network", "failed"),
    "headers that end early": (lambda r, c: (c.sendall(r.head()[:30]), close(c)), "bad_response", "no JSON object"),
    "gzip that is not gzip": (
        lambda r, c: Reply(200, r.headers + [("Content-Encoding", "gzip")], r.body).raw(), "network", "failed"),
    "gzip within gzip": (lambda r, c: twice_gzipped(r), "bad_response", "no JSON object"),
    "gzip that ends early": (lambda r, c: Reply(
        200, r.headers + [("Content-Encoding", "gzip")], gzip.compress(r.body)[:-300]).raw(), "bad_response", "JSON"),
}

# name: what the network does to the second list reply; the daemon takes it as it is meant
ODD_BUT_RIGHT = {
    "a chunked body": lambda r, c: chunked(r, ends=True),
    "a body that ends with the connection": lambda r, c: (c.sendall(raw(r.body, "Connection: close\r\n")), close(c)),
    "a gzipped body": lambda r, c: Reply(200, r.headers + [("Content-Encoding", "gzip")], gzip.compress(r.body)).raw(),
    "white space around the JSON": lambda r, c: Reply(200, r.headers, b" \r\n\t" + r.body + b"\n\n").raw(),
    "headers in odd cases": lambda r, c: Reply(200, [(n.swapcase(), v) for n, v in r.headers], r.body).raw(),
    "an interim answer 100": lambda r, c: b"HTTP/1.1 100 Continue\r\n\r\n" + r.raw(),
}


class Nth:
    """A fault of the network for the nth list request, and `times` - 1 after it."""

    def __init__(self, act, nth=2, times=1, path="/crm/v6/Tasks?"):
        self.act, self.turns, self.path, self.seen, self.hits = act, range(nth, nth + times), path, 0, 0

    def __call__(self, path, reply, connection):
        if not path.startswith(self.path):
            return None
        self.seen += 1
        if self.seen not in self.turns:
            return None
        self.hits += 1
        return self.act(reply, connection)


class Answers(Catalogue):
    def test_bad_answers(self):
        def check(case):
            action, kind, words = case
            # A page that lacks fields is asked for once more before it is judged.
            seconds = (2, 3) if words in ("not sorted", "older") else (2,)
            with World() as world:
                world.simulator.faults(*({"path": LIST, "nth": n, "action": action} for n in seconds))
                text = self.ended(world.sync())
                self.expect(text, "run_failed", kind=kind, error=words, stream="tasks")
                self.fired(world)
                self.whole(world, 450)

        self.side_by_side(BAD_ANSWERS, check)

    def test_html_instead_of_each_page(self):
        # Three pages, and the second look at the last one.
        def check(nth):
            with World() as world:
                world.simulator.faults({"path": LIST, "nth": nth, "action": "html"})
                self.expect(self.ended(world.sync()), "run_failed", kind="bad_response", error="no JSON object")
                self.fired(world)
                self.whole(world, 450)

        self.side_by_side({"page %d" % n: n for n in (1, 2, 3)}, check)

    def test_a_body_cut_at_many_places(self):
        def check(share):
            with World() as world:
                world.simulator.faults(*({"path": LIST, "nth": n, "action": {"kind": "truncate", "bytes": n * share}}
                                         for n in (1, 2, 3)))
                self.expect(self.ended(world.sync()), "run_failed", kind="network", error="failed")
                self.fired(world)
                self.whole(world, 450)

        self.side_by_side({"every %d bytes" % b: b for b in (0, 1, 1000, 7001)}, check)

    def test_bad_networks(self):
        def check(case):
            act, kind, words = case
            fault = Nth(act)
            with World(through=lambda s: Proxy(s, fault=fault)) as world:
                text = self.ended(world.sync())
                self.expect(text, "run_failed", kind=kind, error=words)
                self.assertEqual(fault.hits, 1)
                self.whole(world, 450)

        self.side_by_side(BAD_NETWORKS, check)

    def test_odd_answers_that_are_right(self):
        def check(act):
            fault = Nth(act)
            with World(through=lambda s: Proxy(s, fault=fault)) as world:
                self.expect_none(self.ended(world.sync()), "run_failed")
                self.assertEqual(fault.hits, 1)
                self.whole(world, 450)

        self.side_by_side(ODD_BUT_RIGHT, check)

    def test_connections_that_die(self):
        # On a kept connection libcurl sends the request again by itself; a fresh one that dies, too, is said.
        def before_answer(reply, connection):
            reset(connection)
            raise Close

        def after_answer(reply, connection):
            connection.sendall(reply.raw())
            close(connection)

        def with_rst_after_answer(reply, connection):
            connection.sendall(reply.raw())
            time.sleep(0.3)  # A reset throws away what the other side has not read yet.
            before_answer(reply, connection)

        cases = {"RST once, on a kept connection": (before_answer, 1, None),
                 "RST twice, on a fresh connection, too": (before_answer, 2, "network"),
                 "closed once without an answer": (lambda r, c: close(c), 1, None),
                 "closed twice without an answer": (lambda r, c: close(c), 2, "network"),
                 "closed between two requests": (after_answer, 1, None),
                 "RST between two requests": (with_rst_after_answer, 1, None)}

        def check(case):
            act, times, kind = case
            fault = Nth(act, times=times)
            with World(through=lambda s: Proxy(s, fault=fault)) as world:
                text = self.ended(world.sync())
                self.expect(text, "run_failed", kind=kind) if kind else self.expect_none(text, "run_failed")
                self.assertEqual(fault.hits, times)
                self.whole(world, 450)

        self.side_by_side(cases, check)

    def test_answers_that_are_replayed(self):
        # A desynchronised proxy answers a request with the answer of the one before.
        cases = {"the page before": (("tasks",), "/crm/v6/Tasks?", "older"),
                 "the slice before": (("leads",), "/crm/v6/Leads?", "none of the fields")}

        def check(case):
            streams, path, words = case
            seen = []

            def replay(asked, reply, connection):
                if asked.startswith(path):
                    seen.append(reply.raw())
                return seen[0] if asked.startswith(path) and len(seen) == 2 else None

            with World(streams=streams, through=lambda s: Proxy(s, fault=replay)) as world:
                self.expect(self.ended(world.sync()), "run_failed", kind="bad_response", error=words)
                self.assertGreater(len(seen), 2)
                self.whole(world, 450)

        self.side_by_side(cases, check)

    def test_a_record_that_was_not_asked_for(self):
        # The same for single records, which win over what the target has.
        seen = []

        def replay(path, reply, connection):
            if path.startswith("/crm/v6/Leads/4") or path.startswith("/crm/v6/Leads/5"):
                seen.append(reply.raw())
                return seen[0] if len(seen) == 2 else None
            return None

        with World(streams=("leads",), through=lambda s: Proxy(s, fault=replay)) as world:
            # One edit before each list request: slices that disagree are read by id.
            world.simulator.post("churn", edits_per_request=3, modules=["Leads"])
            self.expect(self.ended(world.sync()), "run_failed", kind="bad_response", error="another record")
            self.assertGreater(len(seen), 2)
            self.quiet(world.simulator)
            self.ended(world.sync())
            self.whole(world, 450)

    def test_rows_that_come_twice(self):
        # In one page, in the same order: absorbed without a word. As text, so that numbers keep their digits.
        def doubled(reply, connection):
            text, rows, at = reply.body.decode(), [], len('{"data":[')
            while text[at - 1] != "]":
                _, end = json.JSONDecoder().raw_decode(text, at)
                rows.append(text[at:end])
                at = end + 1
            twice = ",".join(row for row in rows[:100] for _ in range(2))
            rest = text[at:].replace('"more_records":false', '"more_records":true')
            return Reply(200, reply.headers, ('{"data":[' + twice + "]" + rest).encode()).raw()

        fault = Nth(doubled, nth=1)
        with World(through=lambda s: Proxy(s, fault=fault)) as world:
            self.expect_none(self.ended(world.sync()), "run_failed")
            self.assertEqual(fault.hits, 1)
            self.whole(world, 450)

    def test_a_redirect_is_never_followed(self):
        canary = Canary()
        self.addCleanup(canary.stop)
        where = "http://127.0.0.1:%d/" % canary.port

        def check(path):
            with World() as world:
                world.simulator.faults({"path": path, "times": 1, "action": {"kind": "redirect", "location": where}})
                text = self.ended(world.sync())
                self.expect(text, "waiting" if path in ("oauth", "/org") else "run_failed", error="")
                self.fired(world)
                self.whole(world, 450)

        self.side_by_side({p: p for p in ("oauth", "/org", "settings/fields", LIST, "Tasks/deleted")}, check)
        self.assertEqual(canary.visits, [])

    def test_a_date_that_can_not_be_believed(self):
        # (the Date header, the event, whether the marks fall back on Modified_Time)
        cases = {"Date is absent": ("absent", "date_missing"), "Date is malformed": ("malformed", "date_missing"),
                 "an hour behind": (-3600, "clock_skew"), "an hour ahead": (3600, "clock_skew"),
                 "a day behind": (-86400, "clock_skew"), "a day ahead": (86400, "clock_skew"),
                 "a minute behind": (-61, None), "a minute ahead": (61, None)}

        def check(case):
            header, event = case
            with World() as world:
                world.simulator.post("mode", date_header=header)
                text = self.ended(world.sync())
                state = self.states(world.target)["tasks"]
                if event:
                    self.expect(text, event, hint="Modified_Time")
                    self.assertIsNone(state["consistent_as_of"])
                else:
                    self.expect_none(text, "clock_skew")
                    self.assertIsNotNone(state["consistent_as_of"])
                world.simulator.post("edit", module="Tasks", count=30)
                world.simulator.post("delete", module="Tasks", count=5)
                world.simulator.post("mode", date_header="normal")
                self.ended(world.sync())
                self.whole(world, 400)

        self.side_by_side(cases, check)

    def test_a_list_that_is_suddenly_empty(self):
        # (what the list and the delete list answer, the event)
        cases = {"204 for the list": (LIST, 204, "module_said_empty"), "304 for the list": (LIST, 304, None),
                 "204 for the delete list": ("Tasks/deleted", 204, None),
                 "304 for the delete list": ("Tasks/deleted", 304, None)}

        def check(case):
            path, code, event = case
            with World() as world:
                self.ended(world.sync())
                world.simulator.post("edit", module="Tasks", count=10)
                gone = world.simulator.ids("delete", "Tasks", count=3)
                world.simulator.faults({"path": path, "action": status(code, body="")})
                text = self.ended(world.sync())
                self.expect(text, event, stream="tasks") if event else self.expect_none(text, "module_said_empty")
                self.assertEqual(world.target.rows("select count(*) from tasks")[0][0], 450)
                self.fired(world)
                self.ended(world.sync())
                self.whole(world, 440)
                self.assertTrue(gone)

        self.side_by_side(cases, check)

    def test_more_at_once_than_zoho_takes(self):
        def check(limit):
            with World("--scale", "0.1", streams=("leads", "contacts", "deals", "accounts")) as world:
                world.simulator.post("mode", concurrency_limit=limit, latency_ms=30)
                text = self.ended(world.sync())
                if limit == 1:
                    self.expect(text, "run_failed", kind="rate_limited")
                self.whole(world, 20)

        self.side_by_side({"%d at once" % n: n for n in (1, 2, 3)}, check)

    def test_credits_that_run_out(self):
        with World("--records", "tasks=900", daemon={"listen": "off", "credits": {"daily": 5, "reserve": 0}}) as world:
            text = self.ended(world.sync(), 1)
            self.expect(text, "run_failed", kind="credits_exhausted", error="raise daemon.credits")
            self.assertLessEqual(sum(r["kind"] != "token" for r in world.simulator.requests()), 5)
            kept = world.target.rows("select count(*) from tasks")[0][0]
            self.assertIn(kept, range(1, 900))
            self.assertIsNone(self.states(world.target)["tasks"]["consistent_as_of"])

    def test_credits_that_somebody_else_spends(self):
        # Zoho says from its 8th request of 16 on what is left, and 8 are the reserve.
        with World("--records", "tasks=3000", daemon={"listen": "off", "credits": {"daily": 100, "reserve": "8%"}}) as world:
            world.simulator.post("mode", credits_limit=16)
            text = self.ended(world.sync(), 1)
            self.expect(text, "run_failed", kind="credits_exhausted", error="something else spends them")
            self.assertEqual(sum(r["kind"] != "token" for r in world.simulator.requests()), 8)
            self.assertIn(world.target.rows("select count(*) from tasks")[0][0], range(1, 3000))
            self.assertIsNone(self.states(world.target)["tasks"]["consistent_as_of"])
            world.simulator.post("mode", credits_limit=100000)
            self.ended(world.sync())
            self.whole(world, 3000)

    def test_credits_that_zoho_says_are_spent(self):
        with World() as world:
            world.simulator.post("mode", credits_limit=4, credits_header=False)
            daemon = world.run()
            world.wait_for(daemon, "run_failed", kind="rate_limited", stream="tasks")
            world.simulator.post("mode", credits_limit=100000)
            world.wait_for(daemon, "run_finished", stream="tasks")
            self.ended(daemon.terminate()[0])
            self.whole(world, 450)
