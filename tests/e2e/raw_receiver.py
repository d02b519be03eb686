"""Receivers that send any byte at any time: HTTP/1.1 as a script says, HTTP/2 frame by frame.

A script is a function of one exchange, called in the thread of its connection for every request. It may read as much of
the body as it wants, say what it wants, stay silent, or break the connection off.
"""
import collections
import gzip
import json
import socket
import struct
import threading
import time

LINGER_OFF = struct.pack("ii", 1, 0)  # close() sends a reset


class Gone(Exception):
    """The peer is gone, or the receiver is closing."""


def take(exchange):
    """The script of a good receiver: stores the records and says 200."""
    exchange.store()
    exchange.answer(200)


class Exchange:
    """One request of HTTP/1.1."""

    def __init__(self, receiver, sock, rest, number, on_connection):
        self.receiver = receiver
        self.sock = sock
        self.rest = rest
        self.number = number  # of all requests, from 0
        self.on_connection = on_connection  # of those on this connection, from 0
        self.keep = True
        self._body = None
        head = self._until(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.request_line = lines[0]
        self.headers = {name.lower(): value.strip() for name, _, value in
                        (line.partition(":") for line in lines[1:] if line)}
        self.key = self.headers.get("idempotency-key")
        self.at = time.monotonic()

    def _more(self, size=65536):
        try:
            got = self.sock.recv(size)
        except OSError as error:
            raise Gone from error
        if not got:
            raise Gone
        return got

    def _until(self, mark):
        while mark not in self.rest:
            self.rest += self._more()
        head, _, self.rest = self.rest.partition(mark)
        return head

    def read(self, size):
        """So many bytes of what follows the head."""
        while len(self.rest) < size:
            self.rest += self._more()
        got, self.rest = self.rest[:size], self.rest[size:]
        return got

    def read_slowly(self, bytes_per_second):
        """Reads the body at a pace, until it is whole or the peer gives up."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        left = int(self.headers["content-length"]) - len(self.rest)
        while left > 0 and not self.receiver.closing.wait(0.1):
            left -= len(self._more(max(1, bytes_per_second // 10)))

    @property
    def body(self):
        if self._body is None:
            self._body = self.read(int(self.headers["content-length"]))
        return self._body

    def lines(self):
        return [record["line"] for record in json.loads(gzip.decompress(self.body))]

    def store(self):
        with self.receiver.lock:
            self.receiver.stored.append((self.key, self.body, self.lines()))

    def send(self, data):
        try:
            self.sock.sendall(data)
        except OSError as error:
            raise Gone from error

    def answer(self, status, headers=None, body=b"", reason="Whatever"):
        """A whole answer after the whole request."""
        self.body  # pylint: disable=pointless-statement
        fields = {"Content-Length": len(body), **(headers or {})}
        text = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self.send(f"HTTP/1.1 {status} {reason}\r\n{text}\r\n".encode("latin-1") + body)

    def hold(self, seconds=3600.0):
        """Says nothing until the peer ends the connection or the time is over."""
        self.sock.settimeout(seconds)
        try:
            while self.sock.recv(65536):
                pass
        except socket.timeout:
            self.sock.settimeout(None)
            return
        except OSError:
            pass
        raise Gone

    def close(self):
        self.keep = False

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_OFF)
        raise Gone


class Listener:
    """Accepts connections and gives each a thread."""

    def __init__(self, port=0, context=None, address="127.0.0.1"):
        self.context = context
        self.lock = threading.RLock()
        self.closing = threading.Event()
        self.stored = []  # (key, body, lines)
        self.connections = 0
        self.accepted_at = []
        self.open = set()
        self.errors = []
        self.listener = socket.create_server((address, port), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.port}/ingest"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while not self.closing.is_set():
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
                self.accepted_at.append(time.monotonic())
                self.open.add(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, raw):
        sock = raw
        try:
            if self.context:
                sock = self.context.wrap_socket(raw, server_side=True)
                with self.lock:
                    self.open.add(sock)
            self.serve(sock)
        except (Gone, OSError):
            pass
        except Exception as error:  # pylint: disable=broad-except
            self.errors.append(repr(error))  # a mistake of the test, shown by it
        finally:
            with self.lock:
                self.open -= {raw, sock}
            sock.close()

    def serve(self, sock):
        raise NotImplementedError

    def lines(self):
        """Stored lines in the order of their arrival."""
        with self.lock:
            return [line for _, _, lines in self.stored for line in lines]

    def drop_connections(self):
        with self.lock:
            for sock in list(self.open):
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def close(self):
        self.closing.set()
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        self.drop_connections()


class RawReceiver(Listener):
    """HTTP/1.1. `script` may be changed at any time."""

    def __init__(self, script=take, port=0, context=None, address="127.0.0.1"):
        self.script = script
        self.requests = []  # exchanges whose head came
        super().__init__(port, context, address)

    def serve(self, sock):
        rest = b""
        on_connection = 0
        while True:
            exchange = Exchange(self, sock, rest, len(self.requests), on_connection)
            with self.lock:
                exchange.number = len(self.requests)
                self.requests.append(exchange)
            self.script(exchange)
            exchange.body  # pylint: disable=pointless-statement
            if not exchange.keep:
                return
            rest = exchange.rest
            on_connection += 1


# HTTP/2, RFC 9113.

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PUSH, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = (
    0, 1, 3, 4, 5, 6, 7, 8, 9)
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITY = 1, 1, 4, 8, 32
NO_ERROR, INTERNAL_ERROR, REFUSED_STREAM, CANCEL, HTTP_1_1_REQUIRED = 0, 2, 7, 8, 13
# Indexed fields of HPACK's static table.
STATUS = {200: b"\x88", 204: b"\x89", 400: b"\x8c", 404: b"\x8d", 500: b"\x8e"}


def literal(name, value):
    """A header field without indexing and without Huffman coding."""
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


class H2Connection:
    """One connection of HTTP/2; calls the script of its receiver for every event.

    The script gets (connection, event, stream): "headers" when a request begins, "data" for each frame of its body, "end"
    when it is whole.
    """

    def __init__(self, receiver, sock):
        self.receiver = receiver
        self.sock = sock
        self.rest = b""
        self.bodies = collections.defaultdict(bytes)
        self.open = set()  # for scripts
        self.ended = []
        self.resets = []
        self.settings_acks = 0
        self.pings_answered = 0

    def _read(self, size):
        while len(self.rest) < size:
            got = self.sock.recv(65536)
            if not got:
                raise Gone
            self.rest += got
        got, self.rest = self.rest[:size], self.rest[size:]
        return got

    def frame(self, kind, flags, stream, payload=b""):
        head = struct.pack(">I", len(payload))[1:] + bytes([kind, flags])
        try:
            self.sock.sendall(head + struct.pack(">I", stream) + payload)
        except OSError as error:
            raise Gone from error

    def settings(self, values):
        self.frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", *pair) for pair in values.items()))

    def reset(self, stream, code):
        self.frame(RST_STREAM, 0, stream, struct.pack(">I", code))

    def goaway(self, last, code=NO_ERROR):
        self.frame(GOAWAY, 0, 0, struct.pack(">II", last, code))

    def answer(self, stream, status=200, extra=b""):
        field = STATUS.get(status) or literal(b":status", str(status).encode())
        self.frame(HEADERS, END_HEADERS | END_STREAM, stream, field + extra)

    def lines(self, stream):
        return [record["line"] for record in json.loads(gzip.decompress(self.bodies[stream]))]

    def store(self, stream):
        with self.receiver.lock:
            self.receiver.stored.append((None, self.bodies[stream], self.lines(stream)))

    def run(self):
        if self._read(len(PREFACE)) != PREFACE:
            raise Gone
        self.settings(self.receiver.settings)
        if self.receiver.windows:
            self.frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1 << 24))
        while True:
            self.take_next()

    def take_next(self):
        head = self._read(9)
        length = int.from_bytes(head[:3], "big")
        kind, flags = head[3], head[4]
        stream = int.from_bytes(head[5:], "big") & 0x7FFFFFFF
        self.take(kind, flags, stream, self._read(length))

    def round_trip(self):
        """Until the peer has taken everything that was sent to it. For scripts: what comes meanwhile is told to them."""
        answered = self.pings_answered
        self.frame(PING, 0, 0, b"all read")
        while self.pings_answered == answered:
            self.take_next()

    def take(self, kind, flags, stream, payload):
        if kind == SETTINGS:
            if flags & ACK:
                self.settings_acks += 1
            else:
                self.frame(SETTINGS, ACK, 0)
        elif kind == PING and flags & ACK:
            self.pings_answered += 1
        elif kind == PING:
            self.frame(PING, ACK, 0, payload)
        elif kind == HEADERS:
            with self.receiver.lock:
                self.receiver.streams += 1
            self.tell("headers", stream)
        elif kind == DATA:
            self.bodies[stream] += payload[1:len(payload) - payload[0]] if flags & PADDED else payload
            if self.receiver.windows and payload:
                for of in (0, stream):
                    self.frame(WINDOW_UPDATE, 0, of, struct.pack(">I", len(payload)))
            self.tell("data", stream)
        elif kind == RST_STREAM:
            self.resets.append(stream)
        if kind in (HEADERS, DATA) and flags & END_STREAM:
            self.ended.append(stream)
            self.tell("end", stream)

    def tell(self, event, stream):
        self.receiver.script(self, event, stream)


def take_h2(connection, event, stream):
    """The script of a good receiver."""
    if event == "end":
        connection.store(stream)
        connection.answer(stream)


class H2Receiver(Listener):
    """HTTP/2 over TLS by ALPN; HTTP/1.1 for who does not ask for h2 (or must not)."""

    def __init__(self, context, script=take_h2, script_h1=take, settings=None, windows=True):
        self.script = script
        self.script_h1 = script_h1
        self.settings = settings or {3: 100}
        self.windows = windows
        self.streams = 0
        self.h2 = []  # connections
        self.requests = []  # of HTTP/1.1
        context.set_alpn_protocols(["h2", "http/1.1"])
        super().__init__(0, context)

    def serve(self, sock):
        if sock.selected_alpn_protocol() == "h2":
            connection = H2Connection(self, sock)
            with self.lock:
                self.h2.append(connection)
            connection.run()
        rest = b""
        while True:
            exchange = Exchange(self, sock, rest, len(self.requests), 0)
            self.requests.append(exchange)
            self.script_h1(exchange)
            rest = exchange.rest
