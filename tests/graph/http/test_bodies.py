"""Bodies that are held in memory: decoded as they come, and never more than 64 MiB."""

from __future__ import annotations

import asyncio
import gzip
import json
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_onedrive.emulator.faults import Fault
from airflow_provider_onedrive.graph.client import AsyncClient, Client
from airflow_provider_onedrive.graph.http.bodies import MAX_BODY_BYTES, BodyDecoder, UnreadableBody
from airflow_provider_onedrive.graph.protocol.errors import (
    ItemNotFound,
    OneDriveError,
    ServiceUnavailable,
    Throttled,
    UnreadableAnswer,
)

MIB = 1024 * 1024
PAGE = {"operation": "children"}


class sends(Fault):  # noqa: N801 - reads as a word of a rule
    """Answer with these bytes."""

    def __init__(self, content: bytes, encoding: str = "", status: int = 200) -> None:
        self._content, self._encoding, self._status = content, encoding, status

    def after(self, reply: Any, *_: Any) -> None:
        reply.status, reply.body, reply.stream = self._status, self._content, None
        if self._encoding:
            reply.headers["Content-Encoding"] = self._encoding


def bomb(size: int) -> bytes:
    """Compress an object that is very large."""
    packer = zlib.compressobj(9, wbits=31)
    pieces = [packer.compress(b'{"value":[],"x":"'), *(packer.compress(b" " * MIB) for _ in range(size // MIB))]
    return b"".join([*pieces, packer.compress(b'"}'), packer.flush()])


def decoded(content: bytes, encoding: str, piece_bytes: int = 7, **more: Any) -> bytes:
    decoder = BodyDecoder(encoding, **more)
    pieces = [decoder.decode(content[at : at + piece_bytes]) for at in range(0, len(content), piece_bytes)]
    decoder.finish()
    return b"".join(pieces)


# --- the decoder


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("", bytes), ("identity", bytes), ("gzip", gzip.compress), ("GZIP ", gzip.compress), ("deflate", zlib.compress)],
)
def test_bodies_are_decoded(encoding: str, pack: Callable[[bytes], bytes]) -> None:
    """What was packed comes out, however it is cut."""
    content = bytes(range(256)) * 9
    for piece_bytes in (1, 7, 10**6):
        assert decoded(pack(content), encoding, piece_bytes) == content
    assert decoded(b"", encoding) == b""


@pytest.mark.parametrize(("encoding", "pack"), [("", bytes), ("gzip", gzip.compress)])
@pytest.mark.parametrize("piece_bytes", [7, 10**6])
def test_limit_is_exact(encoding: str, pack: Callable[[bytes], bytes], piece_bytes: int) -> None:
    """A body of the limit's size is read, one byte more is not."""
    content = b"a" * 1000
    assert decoded(pack(content), encoding, piece_bytes, max_bytes=1000) == content
    with pytest.raises(UnreadableBody, match="more than 999 bytes"):
        decoded(pack(content), encoding, piece_bytes, max_bytes=999)


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (b"no gzip at all", "gzip"),
        (gzip.compress(b"a" * 1000)[:-9], "gzip"),
        (b"x", "br"),
        (b"x", "gzip, gzip"),
        (gzip.compress(b"a") + b"x" * 70_000, "gzip"),
    ],
    ids=["damaged", "cut", "another encoding", "twice", "endless"],
)
def test_body_that_cannot_be_decoded(content: bytes, encoding: str) -> None:
    with pytest.raises(UnreadableBody):
        decoded(content, encoding, max_bytes=1500)


# --- both clients


@pytest.fixture(params=["threads", "event loop"])
def stat(
    request: pytest.FixtureRequest, connect: Callable[..., Client], connect_async: Callable[..., AsyncClient]
) -> Callable[[], Any]:
    """List a folder with either client."""

    async def on_a_loop() -> list[str]:
        async with connect_async() as client:
            return [item.name async for item in client.children("myfiles/")]

    in_threads: Callable[[], Any] = lambda: [item.name for item in connect().children("myfiles/")]  # noqa: E731
    return in_threads if request.param == "threads" else lambda: asyncio.run(on_a_loop())


def test_gzip_bomb_takes_little_memory(stat: Callable[[], Any], faults: Any) -> None:
    """Of 300 MiB that 300 KiB become, only what fits is ever decompressed."""
    faults.add(**PAGE, times=None, do=sends(bomb(300 * MIB), "gzip"))
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableAnswer, match=rf"more than {MAX_BODY_BYTES} bytes.*GET /users/.*/root/children"):
            stat()
        assert tracemalloc.get_traced_memory()[1] < 200 * MIB
    finally:
        tracemalloc.stop()


def test_large_error_is_known_by_its_status(stat: Callable[[], Any], faults: Any) -> None:
    """Its body cannot be read, and its status says enough."""
    faults.add(**PAGE, do=sends(bomb(100 * MIB), "gzip", 429))
    faults.add(**PAGE, do=sends(b"damaged", "gzip", 503))
    assert stat() == []
    faults.add(**PAGE, times=None, do=sends(bomb(100 * MIB), "gzip", 500))
    with pytest.raises(ServiceUnavailable, match="no reason") as caught:
        stat()
    assert not isinstance(caught.value, (Throttled, UnreadableAnswer))


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (b"[" * 5000 + b"]" * 5000, ""),
        (b'{"value":' + b"[" * 100 + b"]" * 100 + b"}", ""),
        (b'{"value":[]}'.ljust(MAX_BODY_BYTES + 1), ""),
        (b"no gzip", "gzip"),
        (b"x", "br"),
        (b'{"error": "proxy is restarting"}', ""),
        (b'{"error": {"code": "x", "message": "y"}}', ""),
        (b"{}", ""),
    ],
    ids=["nested", "nested by one too many", "large", "damaged", "br", "error", "error object", "empty"],
)
def test_odd_answer_is_asked_for_again(
    stat: Callable[[], Any], onedrive_emulator: Any, content: bytes, encoding: str
) -> None:
    """One answer that is not Graph's ends nothing; if all are so, the error names the request."""
    onedrive_emulator.drive().put("a.csv", b"1")
    onedrive_emulator.faults.add(**PAGE, do=sends(content, encoding))
    assert stat() == ["a.csv"]
    onedrive_emulator.faults.add(**PAGE, times=None, do=sends(content, encoding))
    with pytest.raises(UnreadableAnswer, match=r"GET /users/anna@contoso\.example/drive/root/children"):
        stat()


def test_compressed_answers_are_read(stat: Callable[[], Any], onedrive_emulator: Any) -> None:
    """Graph compresses what is asked for as gzip."""
    item = {"id": "A", "name": "a.csv", "file": {}, "parentReference": {"driveId": "D", "path": "/drive/root:"}}
    page = json.dumps({"value": [item]}).encode()
    onedrive_emulator.faults.add(**PAGE, do=sends(gzip.compress(page), "gzip"))
    assert stat() == ["a.csv"]


def test_downloads_are_not_decoded(connect: Callable[..., Client], onedrive_emulator: Any) -> None:
    """Ranges and hashes are those of the plain bytes, which may be many."""
    onedrive_emulator.drive().put("a.gz", content := gzip.compress(b"a" * 1000))
    assert connect().read_bytes("myfiles/a.gz") == content


def test_probe_reads_no_body(connect: Callable[..., Client], onedrive_emulator: Any) -> None:
    """The doctor only wants to see that a host answers."""
    onedrive_emulator.drive().put("a.bin", b"a")
    client = connect()
    link = client.request("GET", "/users/anna@contoso.example/drive/root:/a.bin")["@microsoft.graph.downloadUrl"]
    onedrive_emulator.faults.add(operation="download", do=sends(bomb(100 * MIB), "gzip"))
    assert "GMT" in client.probe(link)


def test_large_token_answer_ends_the_sign_in(connect: Callable[..., Client], faults: Any) -> None:
    """Entra's answers have the same limit."""
    faults.add(method="POST", origin="login", path="/token$", times=None, do=sends(bomb(100 * MIB), "gzip"))
    with pytest.raises(OneDriveError) as caught:
        connect().stat("myfiles/")
    assert not isinstance(caught.value, ItemNotFound)
