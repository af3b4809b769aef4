"""A network between the daemon and the simulated Zoho that can do what a socket can do wrong."""

import http.client
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Reply:
    """A whole answer of the simulator, or what a test makes of it."""

    status: int
    headers: list
    body: bytes

    def head(self, length=None):
        kept = [(n, v) for n, v in self.headers if n.lower() not in ("content-length", "transfer-encoding", "connection")]
        lines = ["HTTP/1.1 %d X" % self.status] + ["%s: %s" % pair for pair in kept]
        if self.status not in (204, 304):
            lines.append("Content-Length: %d" % (len(self.body) if length is None else length))
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def raw(self):
        return self.head() + self.body


def reset(connection):
    """Closes with RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class Close(Exception):
    """Raised by a fault that has done everything itself."""


@dataclass
class Proxy:
    """Listens on loopback, forwards each request to the simulator, and lets `fault` spoil the exchange.

    `fault(path, reply, connection)` is called before the answer goes out; it returns None to let it pass, other bytes
    to send instead, or raises Close. `before(path, connection)` is the same before the simulator is asked.
    """

    simulator: object
    context: ssl.SSLContext = None
    fault: object = None
    before: object = None
    requests: list = field(default_factory=list)
    protocols: list = field(default_factory=list)

    def __post_init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = "%s://localhost:%d" % ("https" if self.context else "http", self.port)
        self._open = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self):
        self._listener.close()
        for connection in list(self._open):
            try:
                connection.close()
            except OSError:
                pass

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        self._open.add(connection)
        try:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
                self._open.add(connection)
                self.protocols.append((connection.version(), connection.selected_alpn_protocol()))
            stream = connection.makefile("rb")
            while self._exchange(connection, stream):
                pass
        except (OSError, ssl.SSLError, Close, ValueError, http.client.HTTPException):
            pass
        finally:
            connection.close()

    def _exchange(self, connection, stream):
        line = stream.readline().decode()
        if not line.strip():
            return False
        method, path, _ = line.split(" ", 2)
        headers = {}
        for raw in iter(stream.readline, b"\r\n"):
            if not raw:
                return False
            name, _, value = raw.decode().partition(":")
            headers[name.strip()] = value.strip()
        body = stream.read(int(headers.get("Content-Length", 0)))
        self.requests.append(path)
        if self.before:
            self.before(path, connection)
        reply = self._ask(method, path, headers, body)
        answer = self.fault(path, reply, connection) if self.fault else None
        connection.sendall(reply.raw() if answer is None else answer)
        return True

    def _ask(self, method, path, headers, body):
        onward = http.client.HTTPConnection("127.0.0.1", self.simulator.port, timeout=60)
        try:
            kept = {n: v for n, v in headers.items() if n.lower() not in ("host", "accept-encoding", "connection")}
            onward.request(method, path, body=body or None, headers=kept)
            answer = onward.getresponse()
            return Reply(answer.status, answer.getheaders(), answer.read())
        finally:
            onward.close()


class Canary:
    """A server that nobody should talk to."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.visits = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.visits.append(connection.recv(4096))
            connection.close()

    def stop(self):
        self._listener.close()


class Authority:
    """A certificate authority made by openssl, and what it signs, good or bad."""

    def __init__(self):
        self._home = tempfile.TemporaryDirectory(prefix="zohosyncd-e2e-ca-")
        self.directory = Path(self._home.name)
        self.bundle = self._root("ca")

    def remove(self):
        self._home.cleanup()

    def _openssl(self, *arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, cwd=self.directory,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def _root(self, name):
        self._openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", name + ".key", "-out", name + ".pem",
                      "-subj", "/CN=Test authority " + name, "-days", "2", "-addext", "keyUsage=critical,keyCertSign")
        return self.directory / (name + ".pem")

    def other_root(self):
        return self._root("stranger")

    def sign(self, name, host="localhost", issuer="ca", bits=2048, digest="sha256", valid=(-1, 1), usage="serverAuth",
             is_authority=False):
        """A server's chain and key in one file. `valid` are days from now."""
        extensions = self.directory / (name + ".ext")
        extensions.write_text("subjectAltName=DNS:%s\nextendedKeyUsage=%s\nbasicConstraints=CA:%s\n" % (
            host, usage, "TRUE" if is_authority else "FALSE"))
        self._openssl("req", "-newkey", "rsa:%d" % bits, "-nodes", "-keyout", name + ".key", "-out", name + ".csr",
                      "-subj", "/CN=" + host)
        self._sign_request(name, issuer, digest, valid, extensions)
        both = self.directory / (name + ".chain")
        both.write_bytes((self.directory / (name + ".pem")).read_bytes() + (self.directory / (name + ".key")).read_bytes())
        return both

    def _sign_request(self, name, issuer, digest, valid, extensions):
        database = self.directory / (name + ".db")
        database.write_text("")
        config = self.directory / (name + ".cnf")
        config.write_text("[ca]\ndefault_ca=d\n[d]\ndatabase=%s\nnew_certs_dir=%s\nrand_serial=yes\npolicy=p\n"
                          "[p]\ncommonName=supplied\n" % (database, self.directory))
        self._openssl("ca", "-batch", "-config", config, "-in", name + ".csr", "-out", name + ".pem", "-notext",
                      "-cert", issuer + ".pem", "-keyfile", issuer + ".key", "-md", digest, "-extfile", extensions,
                      "-startdate", _stamp(valid[0]), "-enddate", _stamp(valid[1]))


def _stamp(days):
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + days * 86400))


def server_context(chain, most=None, least=None, protocols=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")  # The server is to be as bad as it likes.
    if least:
        context.minimum_version = least
    if most:
        context.maximum_version = most
    if protocols:
        context.set_alpn_protocols(protocols)
    context.load_cert_chain(chain)
    return context
