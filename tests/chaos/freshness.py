"""Holds the daemon to what it says about its freshness: "as of T" means that of every record which has not changed since
T, each change before T is in the target."""

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
                if any(until * 1_000_000 <= committed for _, committed, _ in versions):
                    continue  # Changed since: it may have left the scan's way before the scan came to it.
                said = self.judge_record(versions, rows.get(record))
                if said:
                    wrong.append("%s %d: complete up to %d, but %s" % (stream, record, until, said))
        return wrong

    def read(self, stream):
        if not self.target.has_table(self.target.table(stream)):
            return {}
        modified = "modified_time" if self.target.kind == "sqlite" else "extract(epoch from modified_time)::bigint"
        found = self.target.rows("select id, %s, _deleted_at is not null from %s" % (modified, self.target.table(stream)))
        return {record: (int(instant(time)) if isinstance(time, str) else time, bool(deleted)) for record, time, deleted in found}

    def judge_record(self, versions, row):
        """Of a record that has not changed since: its last version has to be there."""
        self.rows += 1
        modified, _, gone = versions[-1]
        if gone:
            return None if row is None or row[1] else "its deletion is not there"
        if row is None:
            return "there is no row"
        if row[1]:
            return "the row is marked deleted"
        return None if row[0] == modified else "the row is of %s, and not of %s" % (row[0], modified)
