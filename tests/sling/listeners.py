"""Servers that only look at what a client says first, so that a test sees what the program sends without asking it."""

import contextlib
import socket
import struct
import threading

SSL_REQUEST = 80877103


class Listener:
    """Hands each connection on loopback to `meet`, one after the other, until it is closed."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(10)
            with connection, contextlib.suppress(OSError, struct.error):
                self.meet(connection)

    def meet(self, connection):
        raise NotImplementedError

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(20)


def exactly(connection, size):
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise OSError("closed")
        data += part
    return data


class PostgresDoor(Listener):
    """A PostgreSQL that asks for the password in clear text, notes it, and lets nobody in."""

    def __init__(self):
        self.passwords = []
        self.parameters = []
        self.ssl_requests = 0
        super().__init__()

    def meet(self, connection):
        while True:
            size, code = struct.unpack("!II", exactly(connection, 8))
            if code != SSL_REQUEST:
                break
            self.ssl_requests += 1
            connection.sendall(b"N")
        words = exactly(connection, size - 8).rstrip(b"\0").decode().split("\0")
        self.parameters.append(dict(zip(words[::2], words[1::2])))
        connection.sendall(struct.pack("!cII", b"R", 8, 3))
        kind, size = struct.unpack("!cI", exactly(connection, 5))
        assert kind == b"p", kind
        self.passwords.append(exactly(connection, size - 4).rstrip(b"\0").decode())
        body = b"SFATAL\0VFATAL\0C28P01\0Mnot today\0\0"
        connection.sendall(b"E" + struct.pack("!I", 4 + len(body)) + body)


class Proxy(Listener):
    """An https proxy that notes whom it is to connect to, and refuses."""

    def __init__(self):
        self.hosts = []
        super().__init__()

    def meet(self, connection):
        head = b""
        while b"\r\n\r\n" not in head:
            part = connection.recv(4096)
            if not part:
                return
            head += part
        self.hosts.append(head.split()[1].decode())
        connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


class Hook(Listener):
    """A web server that notes requests as (method, path, headers, body) and answers with `status`."""

    def __init__(self, status=200):
        self.status = status
        self.requests = []
        super().__init__()

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.port

    def meet(self, connection):
        with connection.makefile("rb") as stream:
            line = stream.readline().decode().split()
            headers = {}
            while (header := stream.readline().strip()):
                name, _, value = header.decode().partition(":")
                headers[name.lower()] = value.strip()
            body = stream.read(int(headers.get("content-length", 0))).decode()
        self.requests.append((line[0], line[1], headers, body))
        connection.sendall(b"HTTP/1.1 %d Whatever\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % self.status)
