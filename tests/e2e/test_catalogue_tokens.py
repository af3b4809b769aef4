"""Tokens, certificates and names (A, B11, B12, B14 and B16 of the catalogue): the outcome, and the line that tells."""

import json
import ssl

from catalogue import Catalogue, World, events, status
from fault_proxy import Authority, Canary, Proxy, server_context
from request_log import counts
from servers import free_port

LIST = r"/crm/v6/Tasks\?"


def answer(body, code=200, **more):
    return status(code, body=body, html=False, **more)


# name: (the first token reply, the kind that is waited out, a part of the error)
PASSING_REPLIES = {
    "200 with an HTML page": ("html", "token_failed", "without an access token"),
    "200 with an empty body": (answer(""), "token_failed", "without an access token"),
    "200 with an empty object": ("empty_json", "token_failed", "without an access token"),
    "200 with a list": (answer("[]"), "token_failed", "without an access token"),
    "200 with a token that is null": (answer({"access_token": None}), "token_failed", "without an access token"),
    "200 with a token that is a number": (answer({"access_token": 5}), "token_failed", "without an access token"),
    "200 with an empty token": (answer({"access_token": ""}), "token_failed", "without an access token"),
    "404 with HTML": (status(404, html=True), "token_failed", "404"),
    "429": (answer("", 429), "token_failed", "429"),
    "500 with HTML": (status(500, html=True), "token_failed", "500"),
    "503 with an error object": (answer({"error": "invalid_client"}, 503), "token_failed", "503"),
    "RST": ("reset", "token_failed", "access token"),
    "a reply that is cut": ({"kind": "truncate", "bytes": 20}, "token_failed", "access token"),
    "a reply that is too large": ({"kind": "huge_body", "bytes": 40 << 20}, "token_failed", "larger than"),
}

# name: (every token reply, a part of the message of the program that ends with 69)
LASTING_REPLIES = {
    "200 with invalid_client": (answer({"error": "invalid_client"}), "the client_id is unknown"),
    "400 with invalid_client": (answer({"error": "invalid_client"}, 400), "the client_id is unknown"),
    "200 with invalid_client_secret": (answer({"error": "invalid_client_secret"}), "check client_secret"),
    "200 with invalid_code": (answer({"error": "invalid_code"}), "refresh_token is wrong or revoked"),
    "200 with missing_org_info": (answer({"error": "missing_org_info"}), "check soid"),
    "200 with invalid_scope": (answer({"error": "invalid_scope"}), "inputs.scopes"),
    "401 with an error that is new": (answer({"error": "who_are_you"}, 401), "who_are_you"),
}

# name: (expires_in, whether it is believed)
LIVES = {"0": (0, False), "-1": (-1, False), "59": (59, False), "3600000": (3600000, False), "1e18": (10**18, False),
         "2^64": (2**64, False), "a fraction": (3600.5, False), "an object": ({"seconds": 3600}, False), "a word": ("soon", False),
         "true": (True, False), "text 3600": ("3600", True), "60": (60, True), "86400": (86400, True)}


class Tokens(Catalogue):
    def test_token_replies_that_pass(self):
        def check(case):
            action, kind, words = case
            with World() as world:
                world.simulator.faults({"path": "oauth", "times": 1, "action": action})
                text = self.ended(world.sync())
                self.expect(text, "waiting", for_="zoho", kind=kind, error=words)
                self.fired(world)
                self.whole(world, 450)

        self.side_by_side(PASSING_REPLIES, check)

    def test_token_replies_that_last(self):
        def check(case):
            action, words = case
            with World() as world:
                world.simulator.faults({"path": "oauth", "action": action})
                self.assertIn(words, self.ended(world.sync(), 69))
                self.assertEqual(len(world.simulator.requests()), 1)
                # The daemon stays, says the same, and works as soon as it is mended.
                daemon = world.run()
                world.wait_for(daemon, "waiting", kind="auth_refused", error=words)
                world.simulator.clear_faults()
                world.wait_for(daemon, "run_finished", stream="tasks")
                self.ended(daemon.terminate()[0])
                self.whole(world, 450)

        self.side_by_side(LASTING_REPLIES, check)

    def test_a_client_that_is_throttled(self):
        denied = {"error": "Access Denied", "error_description": "too many requests", "status": "failure"}

        def check(code):
            with World() as world:
                world.simulator.faults({"path": "oauth", "action": answer(denied, code)})
                daemon = world.run()
                line = world.wait_for(daemon, "waiting", kind="token_throttled", error="gives no more access tokens")
                self.assertGreaterEqual(line["wait"], 590)
                self.ended(daemon.terminate()[0])
                self.assertEqual(len(world.simulator.requests()), 1)

        self.side_by_side({"200": 200, "400": 400}, check)

    def test_lives_that_can_not_be(self):
        def check(case):
            life, believed = case
            with World() as world:
                world.simulator.post("token", expires_in=life)
                text = self.ended(world.sync())
                self.expect_none(text, "token_life_implausible") if believed else self.expect(
                    text, "token_life_implausible", error="not between a minute and a day")
                self.expect(text, "token_obtained", seconds=float(life) if believed else 600)
                self.whole(world, 450)

        self.side_by_side(LIVES, check)

    def test_a_life_that_is_missing(self):
        with World() as world:
            world.simulator.faults({"path": "oauth", "action": {"kind": "replace", "from": '"expires_in"', "to": '"expiry"'}})
            text = self.ended(world.sync())
            self.expect(text, "token_life_implausible", error="missing")
            self.fired(world)
            self.whole(world, 450)

    def test_a_token_that_is_refused(self):
        # (the code with the 401, at which list request)
        cases = {"%s at request %d" % (code, nth): (code, nth)
                 for code in ("INVALID_TOKEN", "AUTHENTICATION_FAILURE", "INVALID_OAUTHTOKEN") for nth in (1, 3)}

        def check(case):
            code, nth = case
            with World() as world:
                world.simulator.faults({"path": LIST, "nth": nth, "action": {"kind": "invalid_token", "code": code}})
                text = self.ended(world.sync())
                self.expect(text, "token_refused", zoho_code=code, http_status=401)
                self.expect_none(text, "run_failed")
                self.fired(world)
                self.assertEqual(counts(world.simulator.requests())["token"], 2)
                self.whole(world, 450)

        self.side_by_side(cases, check)

    def test_a_token_that_is_refused_twice(self):
        with World() as world:
            world.simulator.faults({"path": LIST, "times": 2, "action": "invalid_token"})
            text = self.ended(world.sync())
            self.expect(text, "run_failed", kind="unauthorized", zoho_code="INVALID_TOKEN")
            self.fired(world)
            self.whole(world, 450)

    def test_many_ask_for_one_token(self):
        streams = ("tasks", "calls", "deals", "contacts", "accounts", "vendors")
        with World("--scale", "0.1", streams=streams) as world:
            world.simulator.post("mode", latency_ms=20)
            text = self.ended(world.sync())
            self.assertEqual(len(events(text, "token_obtained")), 1)
            world.simulator.post("token", revoke=True)
            text = self.ended(world.sync())
            self.expect(text, "token_refused", http_status=401)
            self.assertEqual(len(events(text, "token_obtained")), 1)
            self.assertEqual(counts(world.simulator.requests())["token"], 2)

    def test_a_scope_that_is_taken_away(self):
        streams = ("tasks", "calls", "deals")
        codes = {"OAUTH_SCOPE_MISMATCH": "OAUTH_SCOPE_MISMATCH", "NO_PERMISSION": "NO_PERMISSION",
                 "INVALID_MODULE": "INVALID_MODULE"}

        def check(code):
            with World("--scale", "0.1", streams=streams) as world:
                self.ended(world.sync())
                world.simulator.faults({"path": r"/crm/v6/Tasks", "action": {"kind": "deny", "code": code}})
                world.simulator.post("edit", module="Calls", count=5)
                text = self.ended(world.sync(), 1)
                kind = "unknown_module" if code == "INVALID_MODULE" else "denied"
                self.expect(text, "run_failed", stream="tasks", kind=kind, zoho_code=code, level="error")
                self.assertEqual(self.states(world.target)["tasks"]["status"], "denied")
                self.fired(world)
                self.whole(world, 3)  # No row is lost, and the others went on.

        self.side_by_side(codes, check)

    def test_credentials_that_change_on_disk(self):
        with World() as world:
            self.ended(world.sync())
            world.home.secrets["client_secret"] = "wrong"
            world.home.write()
            text = self.ended(world.sync(), 69)
            self.expect(text, "token_file_ignored", error="of other credentials")
            world.home.secrets["client_secret"] = world.simulator.client_secret
            world.home.write()
            text = self.ended(world.sync())
            self.expect(text, "token_file_ignored", error="of other credentials")
            self.whole(world, 450)

    def test_an_api_domain_of_somebody_else(self):
        canary = Canary()
        self.addCleanup(canary.stop)
        domains = {"another data centre": "https://www.zohoapis.eu", "an unknown host": "https://crm.example.com",
                   "a name that begins well": "https://www.zohoapis.com.example.com",
                   "an address": "https://127.0.0.1:%d" % canary.port, "no TLS": "http://www.zohoapis.com",
                   "our loopback": "http://127.0.0.1:%d" % canary.port}

        def check(domain):
            with World() as world:
                world.home.secrets["api_domain"] = "https://www.zohoapis.com"
                world.home.write()
                world.simulator.post("token", api_domain=domain)
                text = self.ended(world.sync(), 69)
                for words in ("wrong data centre", "https://www.zohoapis.com", domain):
                    self.assertIn(words, text)
                daemon = world.run()
                world.wait_for(daemon, "waiting", kind="wrong_data_center", error=domain)
                self.ended(daemon.terminate()[0])
                self.assertEqual({r["kind"] for r in world.simulator.requests()}, {"token"})

        self.side_by_side(domains, check)
        self.assertEqual(canary.visits, [])


class Tls(Catalogue):
    @classmethod
    def setUpClass(cls):
        cls.authority = Authority()
        cls.addClassCleanup(cls.authority.remove)
        cls.good = cls.authority.sign("good")
        cls.trust = {"SSL_CERT_FILE": str(cls.authority.bundle)}

    def world(self, context, **settings):
        return World(through=lambda s: Proxy(s, context=context), environment=dict(self.trust), **settings)

    def test_a_good_certificate(self):
        with self.world(server_context(self.good, protocols=["h2", "http/1.1"])) as world:
            self.ended(world.sync())
            self.whole(world, 450)
            # HTTP/2 was offered and not taken: one transfer at a time has no use for it.
            self.assertEqual(set(world.proxy.protocols), {("TLSv1.3", "http/1.1")})

    def test_bad_certificates(self):
        authority, good = self.authority, self.good
        authority.other_root()
        authority.sign("middle", is_authority=False)
        v11 = {"least": ssl.TLSVersion.TLSv1, "most": ssl.TLSVersion.TLSv1_1}
        cases = {
            "expired": server_context(authority.sign("old", valid=(-3, -1))),
            "not valid yet": server_context(authority.sign("young", valid=(1, 3))),
            "for another name": server_context(authority.sign("other", host="crm.example.com")),
            "of an unknown authority": server_context(authority.sign("alien", issuer="stranger")),
            "signed by a server's certificate": server_context(authority.sign("leaf", issuer="middle")),
            "for clients only": server_context(authority.sign("client", usage="clientAuth")),
            "with a key of 1,024 bits": server_context(authority.sign("weak", bits=1024)),
            "signed with MD5": server_context(authority.sign("md5", digest="md5")),
            "TLS 1.1 at most": server_context(good, **v11),
        }

        def check(context):
            with self.world(context) as world:
                daemon = world.run()
                line = world.wait_for(daemon, "waiting", for_="zoho", kind="unreachable")
                self.assertRegex(line["error"], "(?i)ssl|certificate|tls")
                self.ended(daemon.terminate()[0])
                self.assertEqual(world.proxy.requests, [])

        self.side_by_side(cases, check)

    def test_no_tls_where_tls_is_asked_for(self):
        with World(through=lambda s: Proxy(s)) as world:
            world.go_through(world.proxy.url.replace("http:", "https:"))
            daemon = world.run()
            world.wait_for(daemon, "waiting", for_="zoho", kind="unreachable", error="https://localhost")
            self.ended(daemon.terminate()[0])
            self.assertEqual(world.proxy.requests, [])

    def test_an_authority_that_only_the_system_knows_not(self):
        # The same good certificate without SSL_CERT_FILE: nothing but the system's authorities counts.
        with self.world(server_context(self.good)) as world:
            world.home.environment = {}
            daemon = world.run()
            world.wait_for(daemon, "waiting", for_="zoho", kind="unreachable", error="certificate")
            self.ended(daemon.terminate()[0])
            self.assertEqual(world.proxy.requests, [])

    def test_names_and_addresses(self):
        cases = {"a name that does not exist": "https://accounts.zoho.invalid",
                 "nobody listens": "https://127.0.0.1:%d" % free_port()}

        def check(url):
            with World(inputs={"extra_hosts": ["accounts.zoho.invalid"]}) as world:
                world.home.secrets.update(accounts_url=url)
                world.home.write()
                daemon = world.run()
                world.wait_for(daemon, "waiting", for_="zoho", kind="unreachable", error=url)
                world.home.secrets.update(accounts_url=world.simulator.url)
                self.ended(daemon.terminate()[0])
                self.assertEqual(world.simulator.requests(), [])

        self.side_by_side(cases, check)

    def test_proxies_in_the_environment(self):
        canary = Canary()
        self.addCleanup(canary.stop)
        proxy = "http://somebody:s3cr3t@127.0.0.1:%d" % canary.port
        # Loopback is never asked through a proxy, whatever the variables say.
        with World(environment={name: proxy for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")}) as world:
            self.expect_none(self.ended(world.sync()), "proxy_in_use")
            self.whole(world, 450)
        self.assertEqual(canary.visits, [])
        # For https HTTPS_PROXY counts, is said, and hides its password; NO_PROXY excepts a host.
        with self.world(server_context(self.good)) as world:
            world.home.environment.update(HTTPS_PROXY=proxy)
            daemon = world.run()
            world.wait_for(daemon, "proxy_in_use", host="127.0.0.1:%d" % canary.port)
            world.wait_for(daemon, "waiting", for_="zoho", kind="unreachable")
            self.assertNotIn("s3cr3t", self.ended(daemon.terminate()[0]))
            self.assertTrue(canary.visits[0].startswith(b"CONNECT localhost:"), canary.visits)
            visits = len(canary.visits)
            world.home.environment.update(NO_PROXY="localhost")
            self.ended(world.sync())
            self.whole(world, 450)
            self.assertEqual(len(canary.visits), visits)


class Writing(Catalogue):
    def test_every_line_is_json(self):
        # Zoho's own words in an error are bytes like any others.
        with World() as world:
            message = {"code": "SOMETHING", "message": "line\nbreak \u0001 \"quoted\" \u2028 end"}
            world.simulator.faults({"path": LIST, "times": 1, "action": status(400, body=message)})
            text = self.ended(world.sync())
            self.expect(text, "run_failed", error="line\nbreak")
            for line in text.split("\n"):
                if line.startswith("{"):
                    json.loads(line)
