"""A daemon that is started again and again, and what it keeps between its lives."""

import subprocess
import time
from pathlib import Path

from chaos import sized
from database import DatabaseChaos, Mount, needs_root
from request_log import counts
from servers import wait_until

# Contract §9.
MOST_TOKENS = 5
STREAMS = ["leads", "contacts", "users"]


class Restarts(DatabaseChaos):
    streams = STREAMS

    def tokens(self, simulator):
        return counts(simulator.requests())["token"]

    def test_restarts_ask_for_few_tokens(self):
        restarts, longest = sized(15, 100), 180
        server = self.own_server()
        target = self.own_target(server)
        simulator, home = self.prepared(target, schedule="@every 1s")
        simulator.post("churn", modules=["Leads", "Contacts"], edits_per_second=20)
        revoked = set(self.chance.sample(range(3, restarts), 3))
        begun, slowest, finished = time.monotonic(), 0, 0
        for number in range(restarts):
            if number in revoked:
                simulator.post("token", revoke=True)
            daemon = self.started(home, "run")
            time.sleep(self.chance.uniform(0, 1.2))
            if self.chance.random() < 0.7:
                result = daemon.kill()
            else:
                result, took = daemon.terminate()
                slowest = max(slowest, took)
            self._cleanups.pop()
            self.assertIn(result.code, (-9, 0, -15), result.err[-2000:])
            finished += result.err.count("run_finished")
        took = time.monotonic() - begun
        tokens = self.tokens(simulator)
        self.assertLessEqual(tokens, MOST_TOKENS)
        self.assertLess(took, longest)
        self.assertLess(slowest, 5)
        self.assertGreaterEqual(finished, restarts // 5)
        daemon = self.started(home, "run")
        self.settle(simulator, target, daemon)
        self.assertLessEqual(self.tokens(simulator), MOST_TOKENS)
        self.total(restarts=restarts, within="%.0f s" % took, token_requests=tokens, tokens_revoked=len(revoked),
                   runs_finished=finished)

    def without_a_state_directory(self, home, simulator, target):
        """Nothing can be kept there. It works all the same; one process asks for one token, however much it does."""
        self.sync(home)
        self.assertEqual(self.tokens(simulator), 1)
        simulator.post("edit", module="Leads", count=20)
        daemon = self.started(home, "run")
        wait_until(lambda: daemon.err().count("run_finished") >= 3 * len(STREAMS), 60, "three rounds")
        self.settle(simulator, target, daemon)
        self.assertEqual(self.tokens(simulator), 2)

    def test_a_state_directory_that_can_not_be_made(self):
        target = self.own_target(self.own_server())
        simulator, home = self.prepared(target)
        home.daemon["state_dir"] = "/dev/null/state"
        home.write()
        self.without_a_state_directory(home, simulator, target)

    @needs_root
    def test_a_state_directory_that_is_full(self):
        target = self.own_target(self.own_server())
        simulator, home = self.prepared(target)
        disk = Mount(1)
        self.addCleanup(disk.remove)
        home.daemon["state_dir"] = disk.room
        home.write()
        with self.assertRaises(OSError):
            Path(disk.path, "fill").write_bytes(b"x" * (2 << 20))
        self.without_a_state_directory(home, simulator, target)
        # With space again the next token is kept, as ever.
        Path(disk.path, "fill").unlink()
        for _ in range(3):
            self.sync(home)
        self.assertEqual(self.tokens(simulator), 3)

    @needs_root
    def test_a_state_directory_that_is_read_only(self):
        """The token in it is used, and a new one is not kept."""
        target = self.own_target(self.own_server())
        simulator, home = self.prepared(target)
        disk = Mount(1)
        self.addCleanup(disk.remove)
        home.daemon["state_dir"] = disk.room
        home.write()
        self.sync(home)
        subprocess.run(["mount", "-o", "remount,ro", disk.path], check=True)
        for _ in range(2):
            self.sync(home)
        self.assertEqual(self.tokens(simulator), 1)
        simulator.post("token", revoke=True)
        self.sync(home)
        self.assertEqual(self.tokens(simulator), 2)
        self.assert_equal_to_ledger(simulator, target, STREAMS, at_least=400)

    def test_a_token_file_cut_anywhere(self):
        """As a crash of the machine may leave it. Garbage is in tests/e2e/test_verbs.py."""
        target = self.sqlite()
        simulator, home = self.prepared(target, streams=["users"])
        self.sync(home)
        file = next(p for p in home.state.rglob("token*") if p.is_file())
        whole = file.read_bytes()
        cuts = self.chance.sample(range(len(whole)), 4)
        for cut in cuts:
            file.write_bytes(whole[:cut])
            file.chmod(0o600)
            result = home.run("sync", timeout=60)
            self.assert_clean(result)
            self.assertEqual(result.code, 0, result.err[-2000:])
        self.assertLessEqual(self.tokens(simulator), MOST_TOKENS)
