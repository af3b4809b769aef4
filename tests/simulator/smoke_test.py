#!/usr/bin/python3
"""Checks the simulator's main rules with real requests. Usage: smoke_test.py SIMULATOR"""

import calendar
import gzip
import http.client
import json
import re
import signal
import subprocess
import sys
import time
import unittest
import urllib.parse
import zlib
from datetime import datetime, timezone
from email.utils import parsedate

SCOPES = "ZohoCRM.modules.READ,ZohoCRM.settings.READ,ZohoCRM.users.READ,ZohoCRM.org.READ"
WALK = "/crm/v6/Leads?sort_by=Modified_Time&sort_order=asc&fields=Last_Name,Modified_Time"


class Simulator:
    """One running simulator and a keep-alive connection to it."""

    def __init__(self, *flags):
        self.process = subprocess.Popen(
            [BINARY, "--port", "0", *flags], stdout=subprocess.PIPE, text=True
        )
        ready = self.process.stdout.readline()
        self.port = int(re.fullmatch(r"listening on http://127\.0\.0\.1:(\d+)\n", ready).group(1))
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        self.token = ""

    def request(self, method, path, headers=None, body=None):
        self.connection.request(method, path, body=body, headers=headers or {})
        response = self.connection.getresponse()
        self.headers = response.headers
        return response.status, response.read()

    def get(self, path, since=None, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        headers.setdefault("Authorization", "Zoho-oauthtoken " + self.token)
        if since:
            headers["If-Modified-Since"] = since
        status, body = self.request("GET", path, headers)
        return status, json.loads(body) if body else None

    def control(self, path, body=None, method=None):
        text = json.dumps(body) if body is not None else None
        method = method or ("POST" if body is not None else "GET")
        status, reply = self.request(method, "/_sim/" + path, body=text)
        assert status == 200, (path, status, reply)
        return json.loads(reply)

    def ask_token(self, **changes):
        params = {
            "client_id": "sim-client",
            "client_secret": "sim-secret",
            "grant_type": "client_credentials",
            "scope": SCOPES,
            "soid": "ZohoCRM.808232144",
        }
        params.update(changes)
        query = urllib.parse.urlencode({k: v for k, v in params.items() if v is not None})
        status, body = self.request("POST", "/oauth/v2/token?" + query)
        return status, json.loads(body)

    def log_in(self, **changes):
        self.token = self.ask_token(**changes)[1]["access_token"]

    def walk(self, path, since=None):
        """All rows of a token walk."""
        rows, token = [], ""
        while True:
            status, page = self.get(path + token, since)
            if status != 200:
                return rows
            rows += page["data"]
            if not page["info"]["more_records"]:
                return rows
            token = "&page_token=" + page["info"]["next_page_token"]

    def ledger(self, module, query=""):
        _, body = self.request("GET", "/_sim/ledger/" + module + query)
        return [json.loads(line) for line in body.decode().splitlines()]

    def stop(self):
        self.connection.close()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(5)
        self.process.stdout.close()
        return code


def instant(text):
    return datetime.fromisoformat(text).timestamp()


class Smoke(unittest.TestCase):
    def setUp(self):
        self.sim = Simulator("--records", "leads=2500,vendors=5,cases=0", "--tie", "leads=450")
        self.sim.log_in()

    def tearDown(self):
        self.assertEqual(self.sim.stop(), 0)

    def assert_error(self, reply, status, code, **details):
        self.assertEqual((reply[0], reply[1]["code"]), (status, code))
        self.assertEqual(reply[1]["status"], "error")
        for key, value in details.items():
            self.assertEqual(reply[1]["details"][key], value)

    def test_token_endpoint(self):
        sim = self.sim
        status, reply = sim.ask_token()
        self.assertEqual(status, 200)
        self.assertRegex(reply["access_token"], r"^1000\.[0-9a-f]{32}\.[0-9a-f]{32}$")
        self.assertEqual(reply["api_domain"], "http://127.0.0.1:%d" % sim.port)
        self.assertEqual(reply["scope"], SCOPES.replace(",", " "))
        self.assertEqual(reply["expires_in"], 3600)
        for changes, error in (
            ({"client_id": "x"}, "invalid_client"),
            ({"client_secret": "x"}, "invalid_client_secret"),
            ({"soid": None}, "missing_org_info"),
            ({"scope": "nonsense"}, "invalid_scope"),
            ({"grant_type": "refresh_token", "refresh_token": "x"}, "invalid_code"),
        ):
            self.assertEqual(sim.ask_token(**changes), (200, {"error": error}))
        form = "client_id=sim-client&client_secret=sim-secret&grant_type=refresh_token"
        status, body = sim.request(
            "POST",
            "/oauth/v2/token",
            {"Content-Type": "application/x-www-form-urlencoded"},
            form + "&refresh_token=sim-refresh",
        )
        self.assertIn("access_token", json.loads(body))
        for _ in range(7):
            self.assertEqual(sim.ask_token()[0], 200)
        status, reply = sim.ask_token()
        self.assertEqual((status, reply["error"]), (400, "Access Denied"))

    def test_api_authorization(self):
        sim = self.sim
        self.assert_error(sim.get("/crm/v6/org", Authorization="x"), 401, "AUTHENTICATION_FAILURE")
        self.assert_error(
            sim.get("/crm/v6/org", Authorization="Bearer x"), 401, "INVALID_TOKEN"
        )
        self.assertEqual(sim.get("/crm/v6/org", Authorization="Bearer " + sim.token)[0], 200)
        sim.control("token", {"revoke": True})
        self.assert_error(sim.get("/crm/v6/org"), 401, "INVALID_TOKEN")
        sim.log_in(scope="ZohoCRM.modules.vendors.READ")
        self.assertEqual(sim.get("/crm/v6/Vendors?fields=Vendor_Name")[0], 200)
        self.assert_error(sim.get("/crm/v6/Leads?fields=City"), 401, "OAUTH_SCOPE_MISMATCH")
        self.assert_error(sim.get("/crm/v6/users"), 401, "OAUTH_SCOPE_MISMATCH")

    def test_list_parameters(self):
        get = self.sim.get
        leads = "/crm/v6/Leads"
        self.assert_error(get(leads), 400, "REQUIRED_PARAM_MISSING", param_name="fields")
        many = ",".join("F%d" % i for i in range(51))
        self.assert_error(get(leads + "?fields=" + many), 400, "LIMIT_EXCEEDED", limit=50)
        base = leads + "?fields=City"
        self.assert_error(get(base + "&per_page=201"), 400, "PATTERN_NOT_MATCHED")
        self.assert_error(get(base + "&per_page=x"), 400, "PATTERN_NOT_MATCHED")
        self.assert_error(get(base + "&sort_by=City"), 400, "INVALID_DATA", param_name="sort_by")
        self.assertEqual(get(base + "&page=10")[0], 200)
        self.assert_error(
            get(base + "&page=11"), 400, "DISCRETE_PAGINATION_LIMIT_EXCEEDED", limit=2000
        )
        self.assert_error(
            get(base + "&page=1&page_token=a"), 400, "AMBIGUITY_DURING_PROCESSING"
        )
        self.assert_error(get(base + "&page_token=a"), 400, "INVALID_DATA")
        self.assert_error(get("/crm/v6/leads?fields=City"), 400, "INVALID_MODULE")
        self.assert_error(get("/crm/v6/Documents?fields=City"), 400, "INVALID_MODULE")
        self.assert_error(get("/crm/v6/Leads/x/y/z"), 404, "INVALID_URL_PATTERN")
        self.assert_error(get("/crm/v6/settings/x"), 404, "INVALID_URL_PATTERN")
        headers = {"Authorization": "Zoho-oauthtoken " + self.sim.token}
        status, body = self.sim.request("POST", base, headers)
        self.assert_error((status, json.loads(body)), 400, "INVALID_REQUEST_METHOD")
        self.assertEqual(get("/crm/v6/Cases?fields=Subject"), (204, None))
        self.assertEqual(get("/crm/v6/Vendors?fields=Vendor_Name&page=2"), (204, None))

    def test_list_answer(self):
        status, page = self.sim.get("/crm/v6/Leads?fields=City,Nonsense&per_page=3")
        self.assertEqual(status, 200)
        self.assertEqual(sorted(page["data"][0]), ["City", "id"])
        ids = [int(row["id"]) for row in page["data"]]
        self.assertEqual(ids, sorted(ids, reverse=True))
        info = page["info"]
        self.assertEqual((info["sort_by"], info["sort_order"]), ("id", "desc"))
        self.assertEqual((info["count"], info["more_records"]), (3, True))
        self.assertRegex(info["next_page_token"], "^[0-9a-f]{96}$")
        now = calendar.timegm(parsedate(self.sim.headers["Date"]))
        self.assertLess(abs(now - time.time()), 5)
        _, page = self.sim.get("/crm/v6/Vendors?fields=City")
        self.assertIsNone(page["info"]["next_page_token"])
        self.assertIsNone(page["info"]["page_token_expiry"])

    def test_walks_see_every_record_once_when_nothing_changes(self):
        sim = self.sim
        live = {r["id"]: r["list_view"] for r in sim.ledger("leads") if not r["deleted"]}
        for mode in ("keyset", "offset", "snapshot"):
            sim.control("mode", {"token_mode": mode})
            rows = sim.walk(WALK + "&converted=both")
            self.assertEqual(len(rows), len(live), mode)
            self.assertEqual({row["id"] for row in rows}, set(live), mode)
            times = [instant(row["Modified_Time"]) for row in rows]
            self.assertEqual(times, sorted(times))
        for row in rows:
            self.assertEqual(row["Last_Name"], live[row["id"]]["Last_Name"])
        offsets = {row["Modified_Time"][-6:] for row in rows}
        self.assertEqual(offsets, {"-04:00", "-05:00"})
        most = max(times.count(t) for t in set(times))
        self.assertGreaterEqual(most, 450)
        converted = [row for row in live.values() if row["Converted__s"]]
        self.assertEqual(len(sim.walk(WALK)), len(live) - len(converted))
        self.assertEqual(len(sim.walk(WALK + "&converted=true")), len(converted))

    def test_offset_walk_loses_rows_under_churn_and_snapshot_does_not(self):
        sim = self.sim
        before = {r["id"] for r in sim.ledger("leads", "?view=list") if not r["deleted"]}
        for mode, loses in (("offset", True), ("snapshot", False), ("keyset", False)):
            sim.control("mode", {"token_mode": mode})
            sim.control("churn", {"edits_per_request": 30, "modules": ["leads"]})
            rows = sim.walk(WALK + "&converted=both")
            sim.control("churn", {})
            self.assertEqual(bool(before - {row["id"] for row in rows}), loses, mode)

    def test_page_token_binding(self):
        sim = self.sim
        _, page = sim.get(WALK)
        token = "&page_token=" + page["info"]["next_page_token"]
        for path, since in (
            (WALK + ",City", None),
            (WALK + "&per_page=100", None),
            (WALK, "2024-01-01T00:00:00Z"),
        ):
            self.assert_error(sim.get(path + token, since), 400, "TOKEN_BOUND_DATA_MISMATCH")
        self.assertEqual(sim.get(WALK + token)[0], 200)
        self.assertEqual(sim.get(WALK + token)[0], 200)
        sim.control("mode", {"token_row_limit": 400})
        _, page = sim.get(WALK + token)
        second = "&page_token=" + page["info"]["next_page_token"]
        self.assert_error(sim.get(WALK + second), 400, "PAGINATION_LIMIT_EXCEEDED")
        sim.control("mode", {"clock_offset_seconds": 90000})
        sim.control("token", {})
        sim.log_in()
        self.assert_error(sim.get(WALK + token), 400, "EXPIRED_VALUE")

    def test_if_modified_since(self):
        sim = self.sim
        future = "2099-01-01T00:00:00Z"
        self.assertEqual(sim.get(WALK, future), (304, None))
        self.assertEqual(sim.get("/crm/v6/Leads/deleted", future), (304, None))
        ids = sim.control("edit", {"module": "leads", "count": 3, "same_second": True})["ids"]
        last = sim.ledger("leads", "?view=list")
        stamp = [r["list_view"]["Modified_Time"] for r in last if r["id"] == ids[0]][0]
        for text in (stamp, datetime.fromtimestamp(instant(stamp), timezone.utc).isoformat()):
            rows = sim.walk(WALK + "&converted=both", text)
            self.assertEqual({row["id"] for row in rows}, set(ids))
        sim.control("mode", {"if_modified_since": "exclusive"})
        self.assertEqual(sim.get(WALK, stamp)[0], 304)
        self.assert_error(
            sim.get(WALK, "Mon, 06 Nov 2023 08:49:37 GMT"), 400, "INVALID_DATA"
        )

    def test_single_record_has_what_lists_leave_out(self):
        sim = self.sim
        lines = [r for r in sim.ledger("leads", "?to_line=40") if not r["deleted"]]
        self.assertTrue(any(r["full"]["Languages_Known"] for r in lines))
        long_texts = 0
        for line in lines:
            self.assertNotIn("Languages_Known", line["list_view"])
            _, reply = sim.get("/crm/v6/Leads/" + line["id"])
            record = reply["data"][0]
            self.assertEqual({k: record[k] for k in line["full"]}, line["full"])
            full, cut = line["full"]["Rich_Notes"], line["list_view"]["Rich_Notes"]
            self.assertEqual(cut, full[:500] if full else full)
            long_texts += bool(full and len(full) > 500)
        self.assertGreater(long_texts, 0)
        self.assertEqual(sim.get("/crm/v6/Leads/1"), (204, None))

    def test_deletions(self):
        sim = self.sim
        time.sleep(1)
        start = sim.control("clock")["now"]
        gone = sim.control("delete", {"module": "leads", "count": 2})["ids"]
        purged = sim.control("delete", {"module": "leads", "count": 1, "permanent": True})["ids"]
        _, page = sim.get("/crm/v6/Leads/deleted", start)
        self.assertEqual({row["id"] for row in page["data"]}, set(gone + purged))
        by_id = {row["id"]: row for row in page["data"]}
        self.assertIsNone(by_id[purged[0]]["display_name"])
        self.assertEqual(by_id[gone[0]]["type"], "recycle")
        self.assertEqual(sim.get("/crm/v6/Leads/" + gone[0])[0], 204)
        back = sim.control("restore", {"module": "leads", "ids": [gone[0]]})["ids"]
        self.assertEqual(back, [gone[0]])
        _, page = sim.get("/crm/v6/Leads/deleted?type=recycle", start)
        self.assertEqual([row["id"] for row in page["data"]], [gone[1]])
        self.assertEqual(sim.get("/crm/v6/Leads/" + gone[0])[0], 200)
        self.assert_error(sim.get("/crm/v6/Leads/deleted?type=x"), 400, "PATTERN_NOT_MATCHED")
        self.assert_error(sim.get("/crm/v6/Notes/deleted"), 400, "INVALID_MODULE")
        ledger = {r["id"]: r["deleted"] for r in sim.ledger("leads", "?view=list")}
        self.assertEqual([ledger[i] for i in gone + purged], [False, True, True])

    def test_versions_and_visibility_lag(self):
        sim = self.sim
        sim.control("mode", {"visibility_lag_seconds": 1})
        start = sim.control("clock")["now"]
        record = sim.control("edit", {"module": "vendors", "count": 1})["ids"][0]
        path = "/crm/v6/Vendors?fields=Vendor_Name"
        self.assertEqual(sim.get(path, start)[0], 304)
        time.sleep(1.1)
        self.assertEqual(sim.get(path, start)[1]["data"][0]["id"], record)
        sim.control("mode", {"visibility_lag_seconds": 0})
        change = {"module": "vendors", "ids": [record], "move_modified_time": False}
        sim.control("edit", {**change, "fields": {"City": "Zürich"}})
        sim.control("edit", {**change, "raw_fields": {"State": '"a\\u0000b"'}})
        versions = sim.control("versions/Vendors/" + record)["versions"]
        self.assertEqual([v["event"] for v in versions], ["created", "edited", "edited", "edited"])
        self.assertEqual(versions[1]["modified"], versions[3]["modified"])
        self.assertEqual(json.loads(versions[2]["full"])["City"], "Zürich")
        self.assertEqual(json.loads(versions[3]["full"])["State"], "a\0b")

    def test_metadata_users_and_org(self):
        sim = self.sim
        modules = {m["api_name"]: m for m in sim.get("/crm/v6/settings/modules")[1]["modules"]}
        self.assertEqual(modules["Events"]["module_name"], "Meetings")
        self.assertFalse(modules["Documents"]["api_supported"])
        fields = {
            f["api_name"]: f for f in sim.get("/crm/v6/settings/fields?module=Leads")[1]["fields"]
        }
        self.assertGreater(len(fields), 60)
        self.assertEqual(fields["id"]["data_type"], "bigint")
        self.assertTrue(fields["Languages_Known"]["virtual_field"])
        self.assertEqual(fields["Tag"]["json_type"], "jsonarray")
        self.assertEqual(sim.get("/crm/v6/settings/fields?module=Visits"), (204, None))
        self.assert_error(
            sim.get("/crm/v6/settings/fields"), 400, "REQUIRED_PARAM_MISSING", param_name="module"
        )
        self.assert_error(sim.get("/crm/v6/settings/fields?module=X"), 400, "INVALID_MODULE")
        users = sim.get("/crm/v6/users?type=AllUsers")[1]
        self.assertEqual(users["info"]["count"], 12)
        self.assertIn("Isonline", users["users"][0])
        self.assertEqual(len(sim.get("/crm/v6/users?type=CurrentUser")[1]["users"]), 1)
        self.assert_error(sim.get("/crm/v6/users?type=x"), 400, "PATTERN_NOT_MATCHED")
        self.assertEqual(sim.get("/crm/v6/org")[1]["org"][0]["zgid"], "808232144")
        sim.control("fields", {"module": "leads", "add": [{"api_name": "Late"}]})
        names = [f["api_name"] for f in sim.get("/crm/v6/settings/fields?module=Leads")[1]["fields"]]
        self.assertIn("Late", names)
        self.assertEqual(sim.get("/crm/v6/Leads?fields=Late")[1]["data"][0]["Late"], None)

    def test_fields_that_change(self):
        sim = self.sim

        def field(name):
            found = [f for f in sim.control("fields/vendors")["fields"] if f["api_name"] == name]
            return found[0] if found else None

        def first(name):
            ledger = sim.request("GET", "/_sim/ledger/vendors?to_line=1")[1]
            self.assertIn(name, json.loads(ledger)["list_view"])
            return sim.get("/crm/v6/Vendors?sort_order=asc&fields=" + name)[1]["data"][0].get(name)

        record = sim.get("/crm/v6/Vendors?sort_order=asc&fields=City")[1]["data"][0]["id"]
        sim.control("edit", {"module": "vendors", "ids": [record], "fields": {"City": "Rom"}})
        city, street = field("City"), field("Street")
        of_street = first("Street")
        sim.control("fields", {"module": "vendors", "rename": {"City": "Street", "Street": "City"}})
        self.assertEqual([field("Street")["id"], field("City")["id"]], [city["id"], street["id"]])
        self.assertEqual([first("Street"), first("City")], ["Rom", of_street])
        sim.control("fields", {"module": "vendors", "remove": ["Street"], "retype": {"Country": "integer"}})
        self.assertEqual((field("Street"), field("Country")["data_type"]), (None, "integer"))
        self.assertIsInstance(first("Country") or 0, int)
        for mode, wanted in (("ignored", (200, {"id"})), ("null", (200, {"id", "Street"})), ("error", (400, None))):
            sim.control("mode", {"unknown_fields": mode})
            status, page = sim.get("/crm/v6/Vendors?fields=Street")
            self.assertEqual((status, set(page["data"][0]) if status == 200 else None), wanted)
        sim.control("mode", {"unknown_fields": "ignored"})
        sim.control("fields", {"module": "vendors", "add": [{"api_name": "Street", "filled": True}]})
        self.assertNotEqual(field("Street")["id"], city["id"])
        sim.control("fields", {"module": "vendors", "remove": ["Street"]})
        sim.control("fields", {"module": "vendors", "add": [{"api_name": "Gate"}]})
        ids = [f["id"] for f in sim.control("fields/vendors")["fields"]]
        self.assertEqual(len(set(ids)), len(ids))

    def test_faults(self):
        sim = self.sim
        path = "/crm/v6/Vendors?fields=City"

        def plant(action, **rule):
            sim.control("faults", {"path": "/Vendors", "times": 1, "action": action, **rule})

        plant({"kind": "status", "status": 429, "retry_after": 7})
        self.assert_error(sim.get(path), 429, "TOO_MANY_REQUESTS")
        self.assertEqual(sim.headers["Retry-After"], "7")
        plant("invalid_token", nth=2)
        self.assertEqual(sim.get(path)[0], 200)
        self.assert_error(sim.get(path), 401, "INVALID_TOKEN")
        self.assertEqual(sim.get(path)[0], 200)
        plant({"kind": "deny", "code": "NO_PERMISSION"})
        self.assert_error(sim.get(path), 403, "NO_PERMISSION")
        plant("empty_json")
        self.assertEqual(sim.get(path), (200, {}))
        plant("null_token")
        info = sim.get(path)[1]["info"]
        self.assertEqual((info["more_records"], info["next_page_token"]), (True, None))
        plant("html")
        with self.assertRaises(json.JSONDecodeError):
            sim.get(path)
        plant("redirect")
        self.assertEqual(sim.get(path)[0], 302)
        plant("truncate")
        with self.assertRaises(http.client.IncompleteRead):
            sim.get(path)
        sim.connection.close()
        plant("reset")
        with self.assertRaises((ConnectionResetError, http.client.RemoteDisconnected)):
            sim.get(path)
        sim.connection.close()
        plant({"kind": "slow_body", "bytes": 200, "pause_ms": 20})
        self.assertEqual(sim.get(path)[0], 200)
        plant({"kind": "gzip_bomb", "bytes": 8 << 20})
        headers = {"Authorization": "Zoho-oauthtoken " + sim.token}
        _, body = sim.request("GET", path, headers)
        self.assertLess(len(body), 100_000)
        # Its checksum is wrong on purpose, so it is not read to its end.
        self.assertEqual(len(zlib.decompressobj(wbits=31).decompress(body, 8 << 20)), 8 << 20)
        sim.control("faults", method="DELETE")
        self.assertEqual(sim.get(path)[0], 200)
        self.assertEqual(sim.control("stats")["in_flight"], 0)

    def test_log_credits_and_gzip(self):
        sim = self.sim
        sim.control("requests", method="DELETE")
        for _ in range(3):
            sim.get("/crm/v6/Vendors?fields=City", "2020-01-01T00:00:00Z")
        stats = sim.control("stats")
        self.assertEqual(stats["kinds"], {"list:Vendors": 3})
        self.assertEqual(stats["rows"], 15)
        self.assertEqual(stats["credits_used"], 3)
        entry = sim.control("requests")["requests"][0]
        self.assertEqual(entry["if_modified_since"], "2020-01-01T00:00:00Z")
        self.assertEqual((entry["status"], entry["rows"], entry["in_flight"]), (200, 5, 1))
        sim.control("mode", {"credits_limit": 5})
        self.assertEqual(sim.get("/crm/v6/org")[0], 200)
        self.assertEqual(sim.headers["X-API-CREDITS-REMAINING"], "1")
        sim.get("/crm/v6/org")
        self.assert_error(sim.get("/crm/v6/org"), 429, "TOO_MANY_REQUESTS")
        sim.control("mode", {"credits_limit": 1000})
        headers = {"Authorization": "Zoho-oauthtoken " + sim.token, "Accept-Encoding": "gzip"}
        _, body = sim.request("GET", "/crm/v6/Leads?fields=City", headers)
        self.assertEqual(sim.headers["Content-Encoding"], "gzip")
        self.assertEqual(len(json.loads(gzip.decompress(body))["data"]), 200)
        sim.control("mode", {"date_header": "absent"})
        sim.get("/crm/v6/org")
        self.assertNotIn("Date", sim.headers)


class Bench(unittest.TestCase):
    def test_bench_mode_pages_edits_and_fields(self):
        sim = Simulator("--bench", "deals=5000,fields=45")
        sim.log_in()
        fields = sim.get("/crm/v6/settings/fields?module=Deals")[1]["fields"]
        names = ",".join(f["api_name"] for f in fields)
        path = "/crm/v6/Deals?sort_by=Modified_Time&sort_order=asc&fields="
        rows = sim.walk(path + names)
        self.assertEqual(len({row["id"] for row in rows}), 5000)
        self.assertEqual(set(rows[0]), set(names.split(",")))
        self.assertEqual(len(sim.walk(path + "Modified_Time,Bench_text_4")), 5000)
        start = sim.control("clock")["now"]
        ids = sim.control("edit", {"module": "deals", "count": 50})["ids"]
        changed = sim.walk(path + names, start)
        self.assertEqual({row["id"] for row in changed}, set(ids))
        rows = {row["id"]: row for row in sim.walk(path + names)}
        self.assertEqual(rows, {r["id"]: r["list_view"] for r in sim.ledger("Deals")})
        self.assertEqual(sim.stop(), 0)


if __name__ == "__main__":
    BINARY = sys.argv.pop(1)
    unittest.main()
