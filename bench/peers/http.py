"""One keep-alive HTTP/1.1 connection that costs little: the clock stops when the last byte is here, undecoded."""

import json
import socket
import time
from dataclasses import dataclass
from typing import Any

from peers.engine import Failed

IDLE_SECONDS = 5
"""A server closes a connection on which nothing was asked for some time; a new one is made before that."""
ROOM_BYTES = 1 << 20


@dataclass(frozen=True)
class Reply:
    """An answer, and how long it took from sending the request until all of it was here."""

    status: int
    seconds: float
    head: bytes
    rest: memoryview

    @property
    def body(self) -> bytes:
        """Put together only when asked for: most answers are only timed."""
        return _unchunk(self.rest) if _is_chunked(self.head) else bytes(self.rest)


class Connection:
    """To a server on this machine."""

    def __init__(self, address: str, token: str) -> None:
        self.address = address
        self.token = token
        self.room = bytearray(ROOM_BYTES)
        self._connect()

    def _connect(self) -> None:
        host, _, port = self.address.partition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=600)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.used = time.monotonic()

    def close(self) -> None:
        self.socket.close()

    def get(self, path: str) -> Reply:
        return self._exchange(f"GET {path} HTTP/1.1\r\nhost: {self.address}\r\n\r\n".encode())

    def read(self, path: str) -> Reply:
        """What only callers with a token may read."""
        return self._exchange(
            f"GET {path} HTTP/1.1\r\nhost: {self.address}\r\nauthorization: Bearer {self.token}\r\n\r\n".encode()
        )

    def delete(self, path: str) -> Reply:
        return self._exchange(
            f"DELETE {path} HTTP/1.1\r\nhost: {self.address}\r\nauthorization: Bearer {self.token}\r\n\r\n".encode()
        )

    def post(self, path: str, document: Any, accept: str = "application/json") -> Reply:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nhost: {self.address}\r\nauthorization: Bearer {self.token}\r\n"
            f"accept: {accept}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        return self._exchange(head.encode() + body)

    def _exchange(self, request: bytes) -> Reply:
        if time.monotonic() - self.used > IDLE_SECONDS:
            self.close()
            self._connect()
        started = time.perf_counter()
        self.socket.sendall(request)
        received = bytearray()
        body: _Body | None = None
        while body is None or not body.is_whole(received):
            count = self.socket.recv_into(self.room)
            if count == 0:
                raise Failed("the server closed the connection in the middle of an answer")
            received += memoryview(self.room)[:count]
            if body is None and (head_end := received.find(b"\r\n\r\n")) >= 0:
                body = _Body(bytes(received[:head_end]))
        seconds = time.perf_counter() - started
        self.used = time.monotonic()
        return Reply(int(body.head.split(b" ", 2)[1]), seconds, body.head, memoryview(received)[len(body.head) + 4 :])


class _Body:
    """How far a body has come. Every byte is looked at once, however many pieces it comes in."""

    def __init__(self, head: bytes) -> None:
        self.head = head
        self.end = len(head) + 4
        """Of the body, or of the chunks whose sizes are known."""
        self.is_last = not _is_chunked(head)
        if self.is_last:
            self.end += _length(head)

    def is_whole(self, received: bytearray) -> bool:
        while not self.is_last and len(received) > self.end:
            line_end = received.find(b"\r\n", self.end)
            if line_end < 0:
                return False
            size = int(bytes(received[self.end : line_end]).partition(b";")[0], 16)
            self.end = line_end + 2 + size + 2
            self.is_last = size == 0
        return self.is_last and len(received) >= self.end


def _is_chunked(head: bytes) -> bool:
    return b"transfer-encoding: chunked" in head.lower()


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


def _unchunk(body: memoryview) -> bytes:
    pieces: list[memoryview] = []
    place = 0
    while True:
        # A chunk begins with a line of a few hexadecimal digits.
        line = bytes(body[place : place + 32]).partition(b"\r\n")[0]
        size = int(line.partition(b";")[0], 16)
        if size == 0:
            return b"".join(pieces)
        start = place + len(line) + 2
        pieces.append(body[start : start + size])
        place = start + size + 2
