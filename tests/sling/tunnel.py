"""The Internet of a test: an HTTPS proxy that takes every host to one server, and remembers which were asked for."""

import socket
import threading


class Tunnel:
    """Answers CONNECT. Whatever the host, the bytes go to `port` on loopback: the names are the client's alone."""

    def __init__(self, port):
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d" % self._listener.getsockname()[1]
        self.hosts = []
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            part = client.recv(1)
            if not part:
                return client.close()
            head += part
        method, host, _ = head.decode().split(" ", 2)
        self.hosts.append("%s %s" % (method, host))
        server = socket.create_connection(("127.0.0.1", self._to))
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        threading.Thread(target=self._copy, args=(client, server), daemon=True).start()
        return self._copy(server, client)

    @staticmethod
    def _copy(source, sink):
        try:
            while part := source.recv(65536):
                sink.sendall(part)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
