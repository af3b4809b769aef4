"""/freshz is never more optimistic than the ledger, whatever goes wrong."""

import os
import signal
import time

from chaos import sized
from database import DatabaseChaos
from freshness import FreshnessWatch
from servers import wait_until

STREAMS = ["leads", "contacts", "deals"]
FLAGS = ("--records", "leads=400,contacts=200,deals=150", "--users", "3")
CHURN = {"edits_per_second": 25, "deletes_per_second": 1.5, "restores_per_second": 1, "creates_per_second": 1,
         "edits_per_request": 0.3, "deletes_per_request": 0.05}


class Freshness(DatabaseChaos):
    streams = STREAMS

    def serving(self, target, ahead=0):
        simulator = self.simulator("--seed", str(self.seed), *FLAGS)
        simulator.post("mode", clock_offset_seconds=ahead)
        home = self.install(simulator, target, streams={s: None for s in STREAMS})
        home.defaults["schedule"] = "@every 1s"
        home.daemon.update(overlap="5s", listen="unix:%s" % (home.directory / "status.sock"))
        home.write()
        self.watch = FreshnessWatch(simulator, target, home.directory / "status.sock", STREAMS)
        daemon = self.started(home, "run")
        wait_until(lambda: len(self.watch.ask()) == len(STREAMS), 60, "it is fresh once")
        return simulator, daemon

    def judge(self, daemon, claims):
        """The daemon stands still meanwhile, so that it can not make its words true afterwards."""
        daemon.signal(signal.SIGSTOP)
        try:
            self.assertEqual(self.watch.judge(claims), [])
        finally:
            daemon.signal(signal.SIGCONT)

    def look(self, daemon, seconds):
        """Asks and judges, again and again."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            claims = self.watch.ask()
            self.judge(daemon, claims)
            time.sleep(self.chance.uniform(0, 0.2))

    def while_away(self, daemon, seconds, come_back):
        """The rows can not be read before the target is back; then all that was said has to be true of what is there."""
        self.watch.target.connection().close()  # It would break; the next use opens another.
        greatest, asked = {}, 0
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            claims = self.watch.ask()
            asked += len(claims)
            greatest = {stream: max(until, greatest.get(stream, 0)) for stream, until in claims.items()}
            time.sleep(0.05)
        daemon.signal(signal.SIGSTOP)
        come_back()
        self.judge(daemon, greatest)
        self.watch.claims += asked - len(greatest)
        self.assertGreater(asked, 0)

    def test_through_faults(self):
        server = self.own_server()
        target = self.own_target(server)
        simulator, daemon = self.serving(target)
        simulator.post("churn", modules=["Leads", "Contacts", "Deals"], **CHURN)
        length = sized(1.5, 20)
        for action in ({"kind": "status", "status": 500}, {"kind": "stall", "delay_ms": 700}, {"kind": "invalid_token"},
                       {"kind": "reset", "after_answer": True}, {"kind": "truncate", "bytes": 3000}):
            simulator.faults({"path": "/crm/v6/", "probability": 0.4, "action": action})
            self.look(daemon, length)
        simulator.clear_faults()

        server.pause()
        self.while_away(daemon, length, server.resume)
        self.look(daemon, length)
        group = [server.postmaster()] + target.backends()
        for process in group:
            os.kill(process, signal.SIGSTOP)
        self.while_away(daemon, length, lambda: [os.kill(process, signal.SIGCONT) for process in group])
        self.look(daemon, length)
        daemon.kill()
        self.assertGreater(self.watch.claims, 20)
        self.assertGreater(self.watch.rows, 2_000)
        self.total(answers_of_freshz=self.watch.claims, rows_vouched_for=self.watch.rows)

    def test_with_a_clock_behind_zohos(self):
        simulator, daemon = self.serving(self.sqlite(), ahead=7)
        simulator.post("churn", modules=["Leads", "Contacts", "Deals"], **CHURN)
        self.look(daemon, sized(3, 40))
        daemon.kill()
        self.assertGreater(self.watch.claims, 5)
        self.total(answers_of_freshz=self.watch.claims, rows_vouched_for=self.watch.rows)

    def test_a_wrong_answer_would_be_caught(self):
        simulator, daemon = self.serving(self.sqlite())
        simulator.post("churn")
        daemon.kill()
        claims = {"leads": int(simulator.now())}
        restored, created, edited, deleted = (
            simulator.post(what, module="Leads", count=1)["ids"] for what in ("restore", "create", "edit", "delete"))
        second = int(simulator.now())
        wait_until(lambda: int(simulator.now()) > second, 5, "the second is over")
        # What was true before is so still; what an optimist would say now is not.
        self.assertEqual(self.watch.judge(claims), [])
        wrong = self.watch.judge({"leads": int(simulator.now())})
        for ids in (edited, deleted, created, restored):
            self.assertTrue(any(" %s:" % ids[0] in text for text in wrong), (ids, wrong))
        self.assertEqual(len(wrong), len({*edited, *deleted, *created, *restored}))
