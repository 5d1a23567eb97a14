"""HTTP as bytes on a socket, from processes of its own: what is measured is to be the server, and not a client."""

from __future__ import annotations

import multiprocessing
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from urllib.parse import urlsplit

PIECE_BYTES = 1024 * 1024
SECONDS = 60
_PROCESSES = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Load:
    """What one process sends over and over, or once.

    :param body_bytes: of each request's body, which is zeros.
    :param ca: PEM text of the authority; None = plain HTTP.
    :param seconds: how long to go on; None = send each head once.
    """

    url: str
    heads: Sequence[bytes]
    body_bytes: int = 0
    ca: str | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Done:
    requests: int
    received_bytes: int
    began: float
    ended: float


def head(method: str, url: str, headers: Mapping[str, str] | None = None) -> bytes:
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    lines = [f"{method} {target} HTTP/1.1", f"Host: {parts.netloc}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode()


def run(loads: Sequence[Load]) -> Done:
    """Send them all at once, each from a process of its own, and add up what they did."""
    pipes = [_PROCESSES.Pipe() for _ in loads]
    workers = [
        _PROCESSES.Process(target=_work, args=(load, end), daemon=True)
        for load, (_, end) in zip(loads, pipes, strict=True)
    ]
    for worker, (_, end) in zip(workers, pipes, strict=True):
        worker.start()
        end.close()  # so that a worker's death is noticed
    for pipe, _ in pipes:
        pipe.recv()
    for pipe, _ in pipes:
        pipe.send(None)
    done: list[Done] = [pipe.recv() for pipe, _ in pipes]
    for worker in workers:
        worker.join()
    return Done(
        sum(one.requests for one in done),
        sum(one.received_bytes for one in done),
        min(one.began for one in done),
        max(one.ended for one in done),
    )


def _work(load: Load, pipe: Connection) -> None:
    """Connect, say so, wait for the others, send."""
    with _connect(load) as connection:
        buffer, zeros = bytearray(PIECE_BYTES), memoryview(bytes(PIECE_BYTES))

        def exchange(request: bytes) -> int:
            connection.sendall(request)
            for offset in range(0, load.body_bytes, PIECE_BYTES):
                connection.sendall(zeros[: load.body_bytes - offset])
            return _receive(connection, buffer)

        pipe.send("ready")
        pipe.recv()
        began = time.monotonic()
        requests, received = _repeat(load, exchange, began)
        pipe.send(Done(requests, received, began, time.monotonic()))


def _repeat(load: Load, exchange: Callable[[bytes], int], began: float) -> tuple[int, int]:
    requests, received = 0, 0
    while True:
        for request in load.heads:
            received += exchange(request)
            requests += 1
        if load.seconds is None or time.monotonic() - began > load.seconds:
            return requests, received


def _connect(load: Load) -> socket.socket:
    parts = urlsplit(load.url)
    connection = socket.create_connection(("127.0.0.1", parts.port or 0), timeout=SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if load.ca is None:
        return connection
    context = ssl.create_default_context(cadata=load.ca)
    return context.wrap_socket(connection, server_hostname=parts.hostname)


def _receive(connection: socket.socket, buffer: bytearray) -> int:
    """Read one answer, and return the length of its body.

    :raises RuntimeError: it is an error.
    """
    size = connection.recv_into(buffer)
    while (end := buffer.find(b"\r\n\r\n", 0, size)) < 0:
        size += connection.recv_into(memoryview(buffer)[size:]) or _gone()
    header = bytes(buffer[:end]).lower()
    if header[9:10] != b"2":
        raise RuntimeError(bytes(buffer[:size]).decode("latin-1"))
    length = int(header.partition(b"content-length:")[2].partition(b"\r")[0] or 0)
    left = length - (size - end - 4)
    while left:
        left -= connection.recv_into(buffer, min(left, PIECE_BYTES)) or _gone()
    return length


def _gone() -> int:
    raise RuntimeError("The connection ended.")
