"""A TCP proxy between the daemon and PostgreSQL that breaks the connection where it hurts most.

It reads just enough of the wire protocol to know where a COMMIT and its answer are. A `plan` is asked at every
COMMIT and says what becomes of it:

    pass        nothing
    done        the server commits; its answer is thrown away and both ends are cut
    done_late   the client is cut first; the COMMIT reaches the server `delay` seconds later
    lost        both ends are cut before the COMMIT reaches the server
    lost_late   the client is cut; the server learns of it `delay` seconds later, until then its transaction is open
"""

import socket
import struct
import threading
import time
from collections import Counter

SSL_REQUEST, GSS_REQUEST, CANCEL_REQUEST = 80877103, 80877104, 80877102
# A send to a peer that reads no more must not hold its thread for ever.
PATIENCE = 30


class Gone(Exception):
    """One end has closed, or was cut."""


class Reader:
    """Whole pieces from a socket."""

    def __init__(self, source):
        self._source = source
        self._kept = b""

    def take(self, count):
        while len(self._kept) < count:
            try:
                piece = self._source.recv(65536)
            except OSError:
                piece = b""
            if not piece:
                raise Gone
            self._kept += piece
        taken, self._kept = self._kept[:count], self._kept[count:]
        return taken

    def message(self):
        """Type and body of one message."""
        head = self.take(5)
        return head[:1], self.take(struct.unpack("!I", head[1:])[0] - 4)


def packed(kind, body):
    return kind + struct.pack("!I", len(body) + 4) + body


def reset(connection):
    """Ends it with RST, as a firewall or a dead host would."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RD)  # Wakes the thread that reads from it.
    except OSError:
        pass
    connection.close()


class Connection:
    """One session of the daemon."""

    def __init__(self, proxy, client):
        self.proxy = proxy
        self.client = client
        self.server = None
        self.statements = set()  # Texts run in the current transaction.
        self._names = {}
        self._swallows = False
        self._answered = threading.Event()
        self.is_cut = False
        threading.Thread(target=self._run, daemon=True).start()

    # The life of a session

    def _run(self):
        try:
            reader = Reader(self.client)
            startup = self._startup(reader)
            self.server = socket.create_connection(self.proxy.upstream, timeout=PATIENCE)
            self.server.settimeout(None)
            for end in (self.client, self.server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.server.sendall(startup)
            threading.Thread(target=self._pump, args=(self._from_server,), daemon=True).start()
            self._pump(self._from_client, reader)
        except (Gone, OSError):
            self.cut()

    def _startup(self, reader):
        while True:
            head = reader.take(8)
            length, code = struct.unpack("!II", head)
            if code in (SSL_REQUEST, GSS_REQUEST):
                self.client.sendall(b"N")
                continue
            return head + reader.take(length - 8)

    def _pump(self, step, *arguments):
        try:
            step(*arguments)
        except (Gone, OSError):
            self.cut()

    def _from_client(self, reader):
        while True:
            kind, body = reader.message()
            self._note(kind, body)
            if kind == b"S" and self.proxy.before_sync:
                self.proxy.before_sync(self)
            self.proxy.wait_for_network()
            if kind == b"Q" and body.startswith(b"COMMIT"):
                self._commit(packed(kind, body))
                self.statements = set()
            else:
                self.server.sendall(packed(kind, body))

    def _from_server(self):
        reader = Reader(self.server)
        while True:
            kind, body = reader.message()
            if self._swallows:
                self._swallow(kind, body)
                continue
            self.proxy.wait_for_network()
            self.client.sendall(packed(kind, body))

    # What is said

    def _note(self, kind, body):
        """Keeps the texts of the statements of a transaction."""
        if kind == b"Q":
            text = body.rstrip(b"\0").decode(errors="replace")
            if text.upper().startswith(("BEGIN", "ROLLBACK")):
                self.statements = set()
            self.statements.add(text)
        elif kind == b"P":
            name, text = body.split(b"\0")[:2]
            self._names[name] = text.decode(errors="replace")
        elif kind == b"B":
            self.statements.add(self._names.get(body.split(b"\0")[1], ""))

    def _commit(self, message):
        verdict, delay = self.proxy.judge(self)
        self.proxy.wait_for_network()
        if verdict == "pass":
            self.server.sendall(message)
        elif verdict == "done":
            self._swallows = True
            self.server.sendall(message)
            self._answered.wait(PATIENCE)
        elif verdict == "done_late":
            self._swallows = True
            reset(self.client)
            time.sleep(delay)
            self.server.sendall(message)
            self._answered.wait(PATIENCE)
        elif verdict == "lost":
            raise Gone
        elif verdict == "lost_late":
            reset(self.client)
            time.sleep(delay)
            raise Gone

    def _swallow(self, kind, body):
        if kind == b"C":
            self.proxy.note_answer(body.rstrip(b"\0").decode())
        if kind in (b"Z", b"E"):
            self._answered.set()
            raise Gone

    def cut(self):
        """RST to both ends."""
        self.is_cut = True
        for end in (self.client, self.server):
            if end is not None:
                reset(end)
        self.proxy.forget(self)


class PgProxy:
    """Listens on `port` of loopback; safe to command from any thread."""

    def __init__(self, port, host="127.0.0.1"):
        self.upstream = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._connections = set()
        self._flows = threading.Event()
        self._flows.set()
        self._refuses = False
        self.latency = 0
        self.plan = None  # (connection) -> verdict, or (verdict, delay)
        self.before_sync = None  # (connection), told when a statement has arrived but for the message that ends it
        self.verdicts = Counter()
        self.answers = Counter()  # The tags of the answers that were thrown away.
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:  # So that refuse() misses none.
                if self._refuses:
                    reset(client)
                else:
                    self._connections.add(Connection(self, client))

    def judge(self, connection):
        plan = self.plan
        verdict = plan(connection) if plan else "pass"
        verdict, delay = verdict if isinstance(verdict, tuple) else (verdict, 0)
        with self._lock:
            self.verdicts[verdict] += 1
        return verdict, delay

    def note_answer(self, tag):
        with self._lock:
            self.answers[tag] += 1

    def forget(self, connection):
        with self._lock:
            self._connections.discard(connection)

    def wait_for_network(self):
        if self.latency:
            time.sleep(self.latency)
        self._flows.wait()

    # What a network does

    def reset_all(self):
        """Every connection ends with RST; new ones may come."""
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            connection.cut()
        return len(connections)

    def refuse(self, refuses=True):
        """New connections are reset at once, and the old ones, too."""
        with self._lock:
            self._refuses = refuses
        if refuses:
            self.reset_all()

    def blackhole(self):
        """Nothing passes, and nobody is told. What was sent arrives after heal(), as TCP would have it."""
        self._flows.clear()

    def heal(self):
        self._refuses = False
        self._flows.set()

    def close(self):
        self.plan = self.before_sync = None
        self._listener.close()
        self._flows.set()
        self.reset_all()
