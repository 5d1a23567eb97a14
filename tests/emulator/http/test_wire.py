"""HTTP on the socket: headers, keep-alive, and malformed requests."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import pytest
from patience import HANG_SECONDS

GRAPH_TYPE = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"


class Line:
    """A raw TLS connection."""

    def __init__(self, tls, url):
        plain = socket.create_connection(("127.0.0.1", urlsplit(url).port), timeout=HANG_SECONDS)
        self.socket = tls.wrap_socket(plain, server_hostname="localhost")
        self.incoming = self.socket.makefile("rb")
        self.readline, self.read = self.incoming.readline, self.incoming.read

    def say(self, text):
        self.socket.sendall(text)

    def close(self):
        self.incoming.close()
        self.socket.close()


@pytest.fixture
def dial(tls):
    with contextlib.ExitStack() as stack:
        yield lambda url: stack.enter_context(contextlib.closing(Line(tls, url)))


def read_reply(stream):
    status = int(stream.readline().split()[1])
    headers = {}
    while line := stream.readline().strip():
        name, _, value = line.decode().partition(": ")
        headers[name.lower()] = value
    return status, headers, stream.read(int(headers.get("content-length", 0)))


def test_headers_of_every_reply(graph, drive):
    """Success and error alike carry ids, date and length; only the content type of a success has parameters."""
    drive.put("a", b"x")
    for path, status in (("/root:/a", 200), ("/root:/b", 404), ("/root/nonsense", 400)):
        reply = graph.get(path, headers={"client-request-id": "abc"})
        assert reply.status_code == status
        assert reply.headers["Content-Type"] == (GRAPH_TYPE if status == 200 else "application/json")
        assert reply.headers["client-request-id"] == "abc"
        assert len(reply.headers["request-id"]) == 36
        assert int(reply.headers["Content-Length"]) == len(reply.content)
        assert parsedate_to_datetime(reply.headers["Date"]).tzinfo is not None


def test_head(graph, drive, http, emulator):
    """HEAD has the headers of GET and no body."""
    url = drive.put("a", b"12345")["@microsoft.graph.downloadUrl"]
    assert http.head(url).headers["Content-Length"] == "5"
    assert graph.head("/root:/a").status_code == 200
    assert http.head(emulator.authority_url).status_code == 200


def test_connections_stay_in_step(dial, emulator, drive):
    """Refused requests leave their bodies behind them: the next one on the connection is understood."""
    stream = dial(emulator.graph_url)
    token = emulator.token()
    put = f"PUT /v1.0/drives/{drive.id}/root:/%s:/content HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
    requests = [
        ("PUT /v1.0/me/drive/root:/a:/content HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nPUT / ", 401),
        (put % "a*b" + "Content-Length: 6\r\n\r\nPUT / ", 400),
        (put % "ok" + "Content-Length: 6\r\n\r\nPUT / ", 201),
        (put % "chunked" + "Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nTrailer: z\r\n\r\n", 201),
    ]
    stream.say("".join(text for text, _ in requests).encode())
    assert [read_reply(stream)[0] for _ in requests] == [status for _, status in requests]
    assert drive.read("chunked") == b"abc"


def test_expect_continue(dial, emulator, drive):
    """A client that waits for a 100 gets one."""
    stream = dial(emulator.graph_url)
    head = f"PUT /v1.0/drives/{drive.id}/root:/a:/content HTTP/1.1\r\nAuthorization: Bearer {emulator.token()}\r\n"
    stream.say(f"{head}Content-Length: 3\r\nExpect: 100-continue\r\n\r\n".encode())
    assert stream.readline() == b"HTTP/1.1 100 Continue\r\n"
    stream.readline()
    stream.say(b"abc")
    assert read_reply(stream)[0] == 201


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("nonsense\r\n\r\n", 400),
        ("GET / HTTP/9.9\r\n\r\n", 505),
        ("GET /" + "x" * 70_000 + " HTTP/1.1\r\n\r\n", 414),
        ("GET / HTTP/1.1\r\n" + "A: b\r\n" * 200 + "\r\n", 431),
        ("PUT / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        ("PUT / HTTP/1.1\r\nContent-Length: 1e3\r\n\r\n", 400),
        ("PUT / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        ("PUT / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("PUT / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 400),
    ],
    ids=range(9),
)
@pytest.mark.parametrize("origin", ["graph_url", "store_url"])
def test_no_proper_http(dial, emulator, text, status, origin):
    """Malformed HTTP is answered in Graph's form, and the connection closes."""
    stream = dial(getattr(emulator, origin))
    stream.say(text.encode())
    found, headers, body = read_reply(stream)
    assert (found, headers["connection"]) == (status, "close")
    assert set(json.loads(body)["error"]) == {"code", "message", "innerError"}
    assert stream.read() == b""


def test_bad_chunks(dial, emulator, drive):
    """A chunk without a proper size ends the connection, and nothing is written."""
    stream = dial(emulator.graph_url)
    head = f"PUT /v1.0/drives/{drive.id}/root:/a:/content HTTP/1.1\r\nAuthorization: Bearer {emulator.token()}\r\n"
    stream.say(f"{head}Transfer-Encoding: chunked\r\n\r\n-5\r\nabc\r\n".encode())
    assert stream.read() == b""
    assert drive.paths() == []


def test_a_body_that_breaks_off(dial, emulator, drive, eventually):
    """A client that goes away in the middle of its body has written nothing."""
    stream = dial(emulator.graph_url)
    head = f"PUT /v1.0/drives/{drive.id}/root:/a:/content HTTP/1.1\r\nAuthorization: Bearer {emulator.token()}\r\n"
    stream.say(f"{head}Content-Length: 10\r\n\r\nabc".encode())
    stream.close()
    eventually(lambda: len(emulator.requests) == 1)
    assert drive.paths() == []
    assert [(entry.status, entry.received_bytes) for entry in emulator.requests] == [(None, 3)]


def test_silent_clients_keep_nobody_waiting(emulator, graph):
    """A client that never shakes hands, or never sends, does not delay others."""
    port = urlsplit(emulator.graph_url).port
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
    try:
        assert graph.get("/root").status_code == 200
    finally:
        for one in silent:
            one.close()


def test_plain_http_is_not_answered(emulator):
    """Without TLS there is no answer."""
    with socket.create_connection(("127.0.0.1", urlsplit(emulator.graph_url).port), timeout=HANG_SECONDS) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert b"HTTP" not in plain.recv(1000)


def test_headers_cannot_be_smuggled(dial, emulator):
    """An id that is sent back cannot carry a line break."""
    stream = dial(emulator.graph_url)
    stream.say(b"GET /v1.0/me HTTP/1.1\r\nclient-request-id: a\r\n Evil: b\r\n\r\n")
    status, headers, _ = read_reply(stream)
    assert status == 401
    assert "evil" not in headers


def test_many_at_once(graph, drive):
    """Requests at the same time do not disturb one another."""
    statuses = []

    def work(number):
        for index in range(5):
            statuses.append(graph.put(f"/root:/f/{number}-{index}:/content", content=b"x" * number).status_code)
            statuses.append(
                graph.put("/root:/same:/content?@microsoft.graph.conflictBehavior=rename", content=b"").status_code
            )

    threads = [threading.Thread(target=work, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [201] * 100
    assert len(drive.paths()) == 101
    assert drive.item("f")["size"] == sum(5 * number for number in range(10))


def test_location_of_a_new_item(graph, drive):
    """A new file or folder is named as a child of its folder, by a key that leads there."""
    folder = graph.post("/root/children", json={"name": "a", "folder": {}})
    file = graph.put("/root:/a/b.txt:/content", content=b"x")
    for reply in (folder, file):
        assert reply.status_code == 201
        assert graph.get(reply.headers["Location"]).json()["id"] == reply.json()["id"]
    assert f"/items('{folder.json()['id']}')/children('" in file.headers["Location"]
    assert "Location" not in graph.put("/root:/a/b.txt:/content", content=b"y").headers


def test_last_modified_of_a_download(drive, http):
    """It is the time of the file."""
    item = drive.put("a", b"1")
    moment = parsedate_to_datetime(http.get(item["@microsoft.graph.downloadUrl"]).headers["Last-Modified"])
    assert moment.isoformat().replace("+00:00", "Z") == item["lastModifiedDateTime"]
