"""The doctor: each prepared defect is found, named, and told with what to change; and nothing is written."""

import json
import os
import unittest

from harness import EndToEnd

SMALL = ("--records", "leads=20,contacts=10", "--scale", "0.02")


class Doctor(EndToEnd):
    """What the tests of `check` share."""

    def setUp(self):
        self.sim = self.simulator(*SMALL)

    def check(self, home, *arguments):
        """Runs `check --json`; returns the exit code and the lines by level."""
        result = home.run("check", "--json", *arguments)
        self.assert_clean(result)
        try:
            answer = json.loads(result.out)
        except ValueError:
            self.fail(result.text[-3000:])
        lines = answer["checks"]
        self.assertEqual(answer["failures"], sum(1 for line in lines if line["level"] == "FAIL"))
        self.assertEqual(answer["ok"], result.code == 0)
        return result.code, lines

    @staticmethod
    def told(lines, level):
        return [line for line in lines if line["level"] == level]

    def found(self, lines, level, check, *words):
        """Exactly one line of that level says all the words, and it is about that check."""
        fitting = [line for line in self.told(lines, level)
                   if line["check"] == check and all(w in (line["place"] or "") + " " + line["text"] for w in words)]
        self.assertEqual(len(fitting), 1, (level, check, words, lines))
        return fitting[0]


class Offline(Doctor):
    def setUp(self):
        super().setUp()
        self.target = self.sqlite()
        self.home = self.install(self.sim, self.target)

    def offline(self, code, *expected):
        """`expected`: level, check, words. Nothing else but ok may be told, and Zoho hears nothing."""
        got, lines = self.check(self.home, "--offline")
        self.assertEqual(got, code, lines)
        for level, check, *words in expected:
            self.found(lines, level, check, *words)
        self.assertEqual(len(lines) - len(self.told(lines, "ok")), len(expected), lines)
        self.assertEqual(self.sim.requests(), [])
        self.assertFalse(os.path.exists(self.target.path))

    def test_a_good_configuration(self):
        self.offline(0)

    def test_every_mistake_of_the_configuration(self):
        self.home.write_replication("source: ZOHO_CRM\ntarget: WAREHOUSE\ndefaults:\n  mode: sideways\n"
                                    "streams:\n  leads: {schedule: whenever, object: a.b}\ndaemon:\n  overlap: long\n")
        self.offline(65, ("FAIL", "configuration", "replication.yaml:4", "mode"),
                     ("FAIL", "configuration", "replication.yaml:6", "schedule"),
                     ("FAIL", "configuration", "replication.yaml:8", "overlap"))

    def test_a_secret_that_others_can_read(self):
        secret = self.home.directory / "secret"
        secret.write_text(self.sim.client_secret)
        secret.chmod(0o644)
        self.home.secrets["client_secret"] = "file:%s" % secret
        self.home.write()
        self.offline(77, ("FAIL", "file modes", "chmod 600", str(secret)))

    def test_an_env_file_that_others_can_read_warns(self):
        self.home.env_file.chmod(0o644)
        self.offline(0, ("warn", "configuration", "env.yaml"))

    def test_a_token_file_that_others_can_read(self):
        token = self.home.state / "token-ZOHO_CRM.json"
        token.write_text("{}")
        token.chmod(0o640)
        self.offline(77, ("FAIL", "token file", "chmod 600", str(token)))

    def test_a_state_directory_that_others_can_write(self):
        self.home.state.chmod(0o777)
        self.offline(0, ("warn", "state directory", "replication.yaml", "chmod 700"))

    def test_a_state_directory_that_is_a_file(self):
        self.home.daemon["state_dir"] = str(self.home.env_file)
        self.home.write()
        self.offline(1, ("FAIL", "state directory", "replication.yaml", "daemon.state_dir", "no directory"))

    def test_a_directory_without_room_for_the_sqlite_file(self):
        self.home.target_entry["instance"] = "/nonexistent/target.db"
        self.home.write()
        self.offline(1, ("FAIL", "target file", "env.yaml", "/nonexistent"))

    def test_schedules_that_do_not_fit_the_credits(self):
        self.home.daemon["credits"] = {"daily": 1000}
        self.home.write()
        self.offline(0, ("warn", "schedules", "daemon.credits", "700"))

    def test_the_table_says_the_same_as_the_json(self):
        self.home.daemon["state_dir"] = str(self.home.env_file)
        self.home.write()
        result = self.home.run("check", "--offline")
        self.assertEqual(result.code, 1, result.text)
        self.assertRegex(result.out, r"(?m)^ok    configuration ")
        self.assertRegex(result.out, r"(?m)^FAIL  state directory .*replication\.yaml:\d+: daemon\.state_dir: ")
        self.assertIn("1 failed", result.out)
        self.assertNotIn(self.sim.client_secret, result.text)


if __name__ == "__main__":
    unittest.main()
