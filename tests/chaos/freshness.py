"""Holds the daemon to what it says about its freshness: "as of T" means that every change before T is in the target."""

import http.client
import json
import socket
from pathlib import Path

from harness import module_of
from oracle import instant


class FreshnessWatch:
    """Asks /freshz, and compares the answer with the ledger and the rows."""

    def __init__(self, simulator, target, path, streams):
        self.simulator, self.target, self.path, self.streams = simulator, target, Path(path), streams
        self.claims = 0  # Ages that were judged, one a stream and answer.
        self.rows = 0  # Rows that had to be there for them.

    def ask(self):
        """Stream to the second up to which /freshz says that it is complete; empty when nobody answers, or nothing is yet."""
        # Read before the question: what is complete up to "now less the age" is so for any later now, too.
        now = int(self.simulator.now())
        try:
            answer = self.get("/freshz?max=1")
        except OSError:
            return {}  # Not up yet, or not any more.
        ages = json.loads(answer)["freshness_seconds"]
        return {stream: now - ages[stream] for stream in self.streams if ages.get(stream) is not None}

    def get(self, path):
        connection = http.client.HTTPConnection("localhost", timeout=30)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(30)
        try:
            connection.sock.connect(str(self.path))
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def judge(self, claims):
        """What is wrong about the claims. The rows must not be written to between the question and this."""
        wrong = []
        for stream, until in claims.items():
            self.claims += 1
            rows = self.read(stream)
            for record, versions in self.simulator.history(module_of(stream)).items():
                said = self.judge_record(until, versions, rows.get(record))
                if said:
                    wrong.append("%s %d: complete up to %d, but %s" % (stream, record, until, said))
        return wrong

    def read(self, stream):
        if not self.target.has_table(self.target.table(stream)):
            return {}
        modified = "modified_time" if self.target.kind == "sqlite" else "extract(epoch from modified_time)::bigint"
        found = self.target.rows("select id, %s, _deleted_at is not null from %s" % (modified, self.target.table(stream)))
        return {record: (int(instant(time)) if isinstance(time, str) else time, bool(deleted)) for record, time, deleted in found}

    def judge_record(self, until, versions, row):
        due = [number for number, (_, committed, _) in enumerate(versions) if committed < until * 1_000_000]
        if not due:
            return None
        self.rows += 1
        first = due[-1]
        if versions[first][2] and any(not gone for _, _, gone in versions[first + 1:]):
            # Restored since: Zoho no longer lists the deletion, nor any version before it. Nobody who had not read
            # them by then can learn of them.
            return None
        later = versions[first:]  # The row may be newer than what was said.
        if row is None:
            return None if any(gone for _, _, gone in later) else "there is no row"
        if row[1]:
            return None if any(gone for _, _, gone in later) else "the row is marked deleted"
        if any(not gone and modified == row[0] for modified, _, gone in later):
            return None
        return "the row is of %s, and not of any of %s" % (row[0], later)
