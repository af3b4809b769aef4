"""The faults in which the daemon is recorded, and the alerts that each has to raise: these, and no other."""

import os
import re
import signal
import subprocess
import time

from database import Mount
from harness import EndToEnd
from servers import PostgresServer, PostgresTarget, wait_until
from sizes import CALM

FLAGS = ("--records", "leads=120,contacts=60", "--users", "3")


class Scenario(EndToEnd):
    """A daemon whose streams run every fifteen seconds, restarted as systemd would."""

    expects = set()
    flags = FLAGS
    restarts = True

    @classmethod
    def name(cls):
        return re.sub("(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    def make_target(self):
        return self.sqlite()

    def begin(self):
        self.zoho = self.simulator(*self.flags)
        self.target = self.make_target()
        self.home = self.install(self.zoho, self.target, streams={"leads": None, "contacts": None, "users": None})
        self.home.defaults["schedule"] = "@every 15s"
        self.home.daemon["listen"] = "127.0.0.1:0"
        self.home.inputs = {"rate": 5, "concurrency": 3}
        self.configure()
        self.home.write()
        self.port = None
        self.zoho.post("churn", edits_per_second=0.2)
        self.start()
        wait_until(lambda: self.daemon.err().count("event=run_finished") >= 3, 120, self.name() + " runs")

    def configure(self):
        pass

    def start(self):
        self.daemon = self.home.start("run")

    def url(self):
        found = re.findall(r"event=status_listening address=\S+:(\d+)", self.daemon.err()) if self.daemon.is_running() else []
        return "http://127.0.0.1:%s/metrics" % (found[-1] if found else 1)

    def fault(self):
        pass

    def tick(self, number):
        if self.restarts and not self.daemon.is_running():
            self.start()
            time.sleep(3)

    def end(self):
        self.daemon.kill()
        self.doCleanups()


class OwnServer(Scenario):
    def make_target(self):
        self.server = PostgresServer("")
        self.addCleanup(self.server.stop)
        return PostgresTarget(self.server)


class Healthy(Scenario):
    """Nothing is wrong: records come and go."""

    def configure(self):
        self.zoho.post("churn", edits_per_second=0.5, deletes_per_second=0.02, creates_per_second=0.05)


class DatabaseStopped(OwnServer):
    """The database is shut down."""

    expects = {"ZohosyncdTargetAway", "ZohosyncdStale"}

    def fault(self):
        self.server.pause()


class DatabaseHangs(OwnServer):
    """Every process of the database is stopped by SIGSTOP, its sockets stay open."""

    expects = {"ZohosyncdTargetAway", "ZohosyncdStale"}

    def fault(self):
        self.group = [self.server.postmaster()] + self.target.backends()
        for process in self.group:
            os.kill(process, signal.SIGSTOP)

    def end(self):
        for process in self.group:
            os.kill(process, signal.SIGCONT)
        super().end()


class DatabaseNeverThere(OwnServer):
    """The daemon is restarted while the database is down."""

    expects = {"ZohosyncdTargetAway", "ZohosyncdNoWriter"}

    def fault(self):
        self.server.pause()
        self.daemon.kill()


class DiskFull(OwnServer):
    """The tables' disk is full."""

    expects = {"ZohosyncdTargetFull", "ZohosyncdStale"}

    def make_target(self):
        target = super().make_target()
        self.disk = Mount(8)
        self.addCleanup(self.disk.remove)
        self.addCleanup(self.server.stop)
        self.server.admin("create tablespace small location '%s'" % self.disk.room)
        self.server.admin("alter database %s set default_tablespace = small" % target.name)
        return target

    def fault(self):
        subprocess.run(["dd", "if=/dev/zero", "of=%s/ballast" % self.disk.path, "bs=64k"], stderr=subprocess.DEVNULL, check=False)
        self.zoho.post("churn", edits_per_second=2, creates_per_second=3)


class TableChanged(OwnServer):
    """Somebody puts a view in the place of a table."""

    expects = {"ZohosyncdStreamBlocked", "ZohosyncdFailing", "ZohosyncdStale"}

    def fault(self):
        self.target.rows("alter table zoho_crm.leads rename to leads_before;"
                         " create view zoho_crm.leads as select id from zoho_crm.leads_before")


class LeaseLost(OwnServer):
    """The daemon is stopped for a while, and a standby that is not scraped takes over."""

    expects = {"ZohosyncdNoWriter"}

    def fault(self):
        other = self.started(self.home, "run")
        wait_until(lambda: "standing_by" in other.err(), 60, "the other stands by")
        self.daemon.signal(signal.SIGSTOP)
        wait_until(lambda: "run_finished" in other.err(), 60, "the other takes over")
        self.daemon.signal(signal.SIGCONT)


class ZohoErrors(Scenario):
    """Zoho answers 500 to everything."""

    expects = {"ZohosyncdStale", "ZohosyncdFailing", "ZohosyncdZohoErrors"}

    def fault(self):
        self.zoho.faults({"path": "/crm/", "every": 1, "action": {"kind": "status", "status": 500}})


class ZohoErrorsFromTheStart(ZohoErrors):
    """Zoho answers 500 to one module, which was never read completely."""

    expects = {"ZohosyncdFailing"}

    def fault(self):
        self.zoho.faults({"path": "/crm/v6/Deals", "every": 1, "action": {"kind": "status", "status": 500}})
        self.home.streams["deals"] = None
        self.home.write()
        self.daemon.kill()


class ZohoUnreachable(Scenario):
    """Nobody listens at Zoho's address."""

    expects = {"ZohosyncdStale", "ZohosyncdFailing", "ZohosyncdZohoErrors"}

    def fault(self):
        self.zoho.process.kill()
        self.zoho.process.wait()

    def end(self):
        self.zoho.stop = lambda: None
        self._cleanups = [entry for entry in self._cleanups if getattr(entry[0], "__self__", None) is not self.zoho]
        super().end()


class RateLimited(Scenario):
    """Zoho answers 429 to everything."""

    expects = {"ZohosyncdStale", "ZohosyncdFailing", "ZohosyncdZohoErrors"}

    def fault(self):
        self.zoho.faults({"path": "/crm/", "every": 1, "action": {"kind": "status", "status": 429, "body": "{\"code\":\"TOO_MANY_REQUESTS\"}"}})


class CredentialsRefused(Scenario):
    """The Self Client was deleted: its token is revoked, and there is no other."""

    expects = {"ZohosyncdAuth", "ZohosyncdStale", "ZohosyncdFailing", "ZohosyncdTokenChurn"}

    def fault(self):
        self.zoho.faults({"path": "/oauth/", "every": 1, "action": {"kind": "status", "status": 200, "body": "{\"error\":\"invalid_client\"}"}})
        self.zoho.post("token", revoke=True)


class TokenRefused(Scenario):
    """The accounts server gives tokens that the API refuses."""

    expects = {"ZohosyncdAuth", "ZohosyncdStale", "ZohosyncdFailing", "ZohosyncdTokenChurn"}

    def fault(self):
        self.zoho.faults({"path": "/crm/", "every": 1, "action": {"kind": "invalid_token"}})


class CreditsExhausted(Scenario):
    """The day's credits are spent."""

    expects = {"ZohosyncdCreditsExhausted", "ZohosyncdCreditsLow", "ZohosyncdStale", "ZohosyncdFailing"}

    def fault(self):
        self.target.rows("update zohosync_credits set credits = credits + 10000000"
                         " where minute = (select max(minute) from zohosync_credits)")


class CreditsExhaustedAtStart(CreditsExhausted):
    """The day's credits are spent when the daemon starts."""

    expects = {"ZohosyncdWaitingForZoho", "ZohosyncdStale"}

    def fault(self):
        super().fault()
        self.daemon.kill()


class StreamDenied(Scenario):
    """The user loses the right to one module."""

    expects = {"ZohosyncdStreamDenied", "ZohosyncdStale"}

    def fault(self):
        self.zoho.faults({"path": "/crm/v6/Leads", "every": 1, "action": {"kind": "deny", "code": "NO_PERMISSION"}})


class QuarantineGrows(Scenario):
    """A field turns out to hold what its column can not."""

    expects = {"ZohosyncdQuarantine", "ZohosyncdQuarantineGrowing"}

    flags = ("--records", "leads=600,contacts=60", "--users", "3")

    def tick(self, number):
        super().tick(number)
        if number >= CALM:
            field = next(f["api_name"] for f in self.zoho.fields("Leads") if f["data_type"] in ("integer", "bigint") and f["api_name"] != "id")
            self.zoho.post("edit", module="Leads", count=12, raw_fields={field: "1" * 30})


class RowsLost(Scenario):
    """Somebody deletes rows of a table, and a verification finds out."""

    expects = {"ZohosyncdDivergence"}

    def fault(self):
        self.target.rows("delete from contacts where id in (select id from contacts limit 5)")
        self.home.run("verify", "--streams", "contacts")


class NotVerified(Scenario):
    """The last verification is nine days old."""

    expects = {"ZohosyncdVerifyOverdue"}

    def configure(self):
        self.home.daemon["verify"] = "off"

    def begin(self):
        super().begin()
        result = self.home.run("verify", "--streams", "contacts")
        assert result.code == 0, result.text

    def fault(self):
        self.target.rows("update zohosync_sync_state set verified_at = '2026-01-01T00:00:00Z' where stream = 'contacts'")


class ClockWrong(Scenario):
    """Zoho's clock is three minutes ahead of this machine's."""

    expects = {"ZohosyncdClockSkew"}

    def fault(self):
        self.zoho.post("mode", date_header=180)


class Killed(Scenario):
    """The process is gone and nobody starts it again."""

    expects = {"ZohosyncdDown"}
    restarts = False

    def fault(self):
        self.daemon.kill()


class Restarting(Scenario):
    """The process is killed every minute and started again."""

    expects = {"ZohosyncdRestarting"}

    def tick(self, number):
        if number >= CALM and number % 4 == 0:
            self.daemon.kill()
        super().tick(number)


class ReloadRefused(Scenario):
    """SIGHUP with a mistake in the file."""

    expects = {"ZohosyncdReloadRejected"}

    def fault(self):
        self.home.write_replication("source: ZOHO_CRM\ntarget: NOWHERE\n")
        self.daemon.signal(signal.SIGHUP)


class WideTable(OwnServer):
    """A module with more than 1,400 fields."""

    expects = {"ZohosyncdColumnsNearLimit"}

    def fault(self):
        self.zoho.post("fields", module="Contacts", add=[{"api_name": "Custom_%d" % n, "data_type": "boolean"} for n in range(1400)])
        self.daemon.kill()  # It looks at the fields anew.


ALL = [Healthy, DatabaseStopped, DatabaseHangs, DatabaseNeverThere, DiskFull, TableChanged, LeaseLost, ZohoErrors,
       ZohoErrorsFromTheStart, ZohoUnreachable, RateLimited, CredentialsRefused, TokenRefused, CreditsExhausted, CreditsExhaustedAtStart, StreamDenied,
       QuarantineGrows, RowsLost, NotVerified, ClockWrong, Killed, Restarting, ReloadRefused, WideTable]
