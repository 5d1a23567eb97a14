"""Bad input of every kind: an answer in Graph's form, no bug of the emulator, no hanging thread."""

from __future__ import annotations

import json
import random
import socket
import threading
from urllib.parse import quote, urlsplit

import pytest
from patience import HANG_SECONDS

REQUESTS = 1500
METHODS = ("GET", "GET", "PUT", "POST", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS", "BREW")
TAILS = (
    *("", "/children", "/content", "/createUploadSession", "/permanentDelete", "/copy", "/restore", "/checkout"),
    *("/checkin", "/discardCheckout", "/search(q='a')", "/search(q='a", "/search(q='')", "/search", "/delta"),
    *("/delta(token='x')", "/versions", "/versions/1.0", "/versions/9.0/content", "/versions/x/restoreVersion"),
    *("/thumbnails", "/preview", "/createLink", "/invite", "/permissions", "/permissions/x", "/listItem", "/nothing"),
)
QUERIES = (
    *(
        "",
        "",
        "?",
        "?$top=1",
        "?$top=-1",
        "?$top=9999999999999999999999",
        "?$top=%C2%B2",
        "?$skiptoken=AAAA",
        "?$skip=1",
    ),
    *(
        "?$select=",
        "?$select=,,id",
        "?$expand=children",
        "?$expand=children($select=id;$top=1)",
        "?$expand=children(((",
    ),
    *("?$expand=" + "(" * 2000, "?$orderby=name", "?$orderby=", "?$orderby=name%20down", "?$filter=name%20eq%20'a'"),
    *(
        "?$filter='",
        "?$filter=" + "(" * 2000,
        "?$count=true",
        "?format=pdf",
        "?format=%00",
        "?token=latest",
        "?token=x",
    ),
    *("?@microsoft.graph.conflictBehavior=rename", "?@microsoft.graph.conflictBehavior=x", "?%ff=%ff", "?a=b&a=c"),
    *("?includeDeletedItems=true", "?$skiptoken=" + quote("UGFnZWQ9VFJVRQ=="), "?token=%00"),
)
NAMES = (
    *("a", "b.txt", "..", ".", "%2e%2e", "%2F", "a%2Fb", "..%2F..%2Fetc", "%00", "a%00b", "%ff", "%zz", "%", ":", "::"),
    *("x" * 300, "x" * 10_000, "CON", "~$a", "%20a%20", "a.", "%F0%9F%98%80", "%ED%A0%80", "*", "a?b", "%0d%0aX:y"),
)
BODIES = (
    *(
        b"",
        b"{}",
        b"[]",
        b"null",
        b'"x"',
        b"1e999",
        b"NaN",
        b"{",
        b"\xff\xfe",
        b"x" * 5000,
        b'{"a":' * 50_000,
        b"[" * 100_000,
    ),
    *(b'{"name":null,"folder":{}}', b'{"name":"x","folder":{}}', b'{"name":"x","folder":5}', b'{"folder":{}}'),
    *(b'{"name":"\\ud800","folder":{}}', b'{"name":"\\u0000"}', b'{"name":5}', b'{"name":"' + b"y" * 10_000 + b'"}'),
    *(
        b'{"item":null}',
        b'{"item":{"name":5}}',
        b'{"item":{"fileSize":"x"}}',
        b'{"deferCommit":true}',
        b'{"deferCommit":[]}',
    ),
    *(b'{"parentReference":{"id":5}}', b'{"parentReference":[]}', b'{"parentReference":{"driveId":{}}}'),
    *(b'{"parentReference":{"id":"root"}}', b'{"fileSystemInfo":5}', b'{"fileSystemInfo":{"lastModifiedDateTime":5}}'),
    *(b'{"fileSystemInfo":{"lastModifiedDateTime":"0001-01-01T00:00:00+14:00"}}', b'{"description":5}'),
    *(b'{"@microsoft.graph.conflictBehavior":[]}', b'{"@microsoft.graph.sourceUrl":"https://[x"}', b'{"checkInAs":[]}'),
    *(b'{"@microsoft.graph.sourceUrl":"?tempauth=v1.x"}', b'{"childrenOnly":1}', b'{"childrenOnly":true}'),
    *(b'{"requests":[{"id":"1","method":"GET","url":"/me"}]}', b'{"requests":[null]}', b'{"requests":{}}'),
    *(
        b'{"requests":[{"id":"1","method":"GET","url":"//%ff/\\u0000"}]}',
        b'{"requests":[{"id":"1","method":"GET","url":""}]}',
    ),
    *(b'{"requests":[{"entityTypes":["driveItem"],"region":"x","query":{"queryString":"\\"NOT a:"}}]}',),
    *(b'{"requests":[{"entityTypes":{},"query":[]}]}', b'{"type":5,"scope":[]}', b'{"recipients":5,"roles":{}}'),
    *(b'{"name":"s","remoteItem":5}', b'{"name":"s","remoteItem":{"id":[],"parentReference":5}}'),
)
TYPES = ("application/json", "application/json", "application/json", "text/plain", "multipart/related", "\xff", "")
HEADERS = (
    *(
        {},
        {},
        {},
        {"If-Match": "*"},
        {"If-Match": '"'},
        {"If-None-Match": "\xff"},
        {"Range": "bytes=9-1"},
        {"Prefer": "x"},
    ),
    *(
        {"Authorization": "Bearer x.y.z"},
        {"Authorization": ""},
        {"Authorization": "Basic ///"},
        {"client-request-id": "\xff"},
    ),
    *({"Content-Range": "bytes 0-0/1"}, {"Expect": "200-maybe"}, {"Host": "x:y:z"}, {"Accept": "text/html"}),
)
RANGES = (
    *("bytes 0-9/10", "bytes 0-9/*", "bytes 0-0/1", "bytes 1-0/1", "bytes 5-9/20", "bytes -1-5/9", "x", "bytes 0-9/9"),
    *("bytes 99999999999999-999999999999999/999999999999999", "bytes " + "9" * 400 + "-1/2", "bytes 0-9/\xb2"),
)


class Wire:
    """A connection that is opened again when the server closes it."""

    def __init__(self, url, tls):
        self._port, self._tls = urlsplit(url).port, tls
        self._connect()

    def _connect(self):
        plain = socket.create_connection(("127.0.0.1", self._port), timeout=HANG_SECONDS)
        self._socket = self._tls.wrap_socket(plain, server_hostname="localhost")
        self._file = self._socket.makefile("rb")

    def close(self):
        self._file.close()
        self._socket.close()

    def send(self, method, target, headers, body):
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._socket.sendall(f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body)
        status = int(self._file.readline().split()[1])
        fields = {}
        while line := self._file.readline().strip():
            name, _, value = line.decode("latin-1").partition(": ")
            fields[name.lower()] = value
        content = b"" if method == "HEAD" else self._file.read(int(fields.get("content-length", 0)))
        if fields.get("connection") == "close":
            self.close()
            self._connect()
        return status, content


@pytest.fixture
def wire(tls):
    """Open raw connections, all closed at the end."""
    opened = []

    def connect(url):
        opened.append(Wire(url, tls))
        return opened[-1]

    yield connect
    for each in opened:
        each.close()


def check(status, content, sent):
    """Assert a 4xx in Graph's form (or a page's), or a success; 501 is the only intended 5xx."""
    assert status < 500 or status == 501, sent
    if status >= 400 and content and not content.startswith(b"<!doctype html>"):
        problem = json.loads(content)["error"]
        assert problem["code"], sent
        assert isinstance(problem["message"], str), sent


def target(dice, drive, ids):
    """Make up an address: mostly one that leads somewhere."""
    tail, query = dice.choice(TAILS), dice.choice(QUERIES)
    path = "/".join(dice.choice(NAMES) for _ in range(dice.randint(1, 3)))
    item = dice.choice(ids)
    base = f"/v1.0/drives/{drive.id}"
    place = dice.choice(
        [
            *("/root", "/root:/a/b.txt:", "/root:/a:", "/root:/new:", f"/items/{item}", f"/items/{item}:/n:"),
            *(
                f"/root:/{path}:",
                f"/root:/{path}",
                f"/items/{path}",
                f"/{path}",
                "",
                "/search(q='x')",
                "/special/approot",
            ),
        ]
    )
    other = dice.choice(["/v1.0/$batch", "/v1.0/search/query", f"/v1.0/{path}", f"/{path}", "/v1.0/me/drive/root", "*"])
    return other if dice.random() < 0.1 else base + place + tail + query


@pytest.mark.parametrize("personality", ["business", "personal"])
def test_made_up_requests(emulator, drive, wire, capfd, personality):
    """Every request to Graph is answered in Graph's form."""
    dice, token = random.Random(20), emulator.token()
    drive._drive.personality = personality
    graph = wire(emulator.graph_url)
    for _ in range(REQUESTS // 2):
        if not drive.exists("a/b.txt"):
            drive.put("a/b.txt", b"x")
        ids = [drive.item(path)["id"] for path in ("", "a", "a/b.txt")] + ["no", "root"]
        body = dice.choice(BODIES)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": dice.choice(TYPES), "Content-Length": len(body)}
        request = (dice.choice(METHODS), target(dice, drive, ids), headers | dice.choice(HEADERS), body)
        check(*graph.send(*request), [str(part)[:300] for part in request])
    assert capfd.readouterr().err == ""


def test_made_up_fragments(emulator, drive, graph, wire, capfd):
    """Every request to an upload URL is answered in Graph's form."""
    dice, store = random.Random(30), wire(emulator.store_url)
    for _ in range(60):
        body = {"deferCommit": dice.random() < 0.5, "@microsoft.graph.conflictBehavior": "replace"}
        url = urlsplit(graph.post("/root:/a.bin:/createUploadSession", json=body).json()["uploadUrl"])
        for _ in range(5):
            content = b"z" * dice.choice([0, 1, 10])
            headers = {"Content-Length": len(content), "Content-Range": dice.choice(RANGES)}
            request = (dice.choice(["PUT", "PUT", "POST", "GET", "DELETE", "BREW"]), f"{url.path}?{url.query}")
            check(*store.send(*request, headers, content), (request, headers))
    assert capfd.readouterr().err == ""


def test_made_up_addresses_of_the_second_origin(emulator, wire, capfd):
    """Neither a monitor nor a download nor a page takes offence."""
    dice, store = random.Random(40), wire(emulator.store_url)
    for _ in range(200):
        path = "/".join(
            dice.choice([*NAMES, "_api", "v2.0", "monitor", "uploadSession", "download.aspx", "personal"])
            for _ in range(5)
        )
        request = (dice.choice(METHODS), f"/{path}?tempauth={dice.choice(NAMES)}", dice.choice(HEADERS), b"")
        check(*store.send(*request), request)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "path",
    [
        "/root:/../../etc/passwd",
        "/root:/..%2F..%2Fetc%2Fpasswd",
        "/root:/a%2F..%2Fb",
        "/root:/a%00.txt",
        "/root:/%2e%2e/x",
    ],
)
def test_no_path_leaves_the_drive(emulator, drive, wire, path):
    """An impossible name is refused, and nothing is created."""
    graph = wire(emulator.graph_url)
    headers = {"Authorization": f"Bearer {emulator.token()}", "Content-Length": 1}
    status, content = graph.send("PUT", f"/v1.0/drives/{drive.id}{path}:/content", headers, b"x")
    assert (status, json.loads(content)["error"]["code"]) == (400, "invalidRequest")
    assert drive.paths() == []


def test_long_names(graph, drive, error):
    """10,000 characters are too long for a name, at any position."""
    name = "x" * 10_000
    assert error(graph.put(f"/root:/{name}:/content", content=b"1"))[0] == 400
    assert error(graph.post("/root/children", json={"name": name, "folder": {}}))[0] == 400
    assert graph.get(f"/root:/{name}").status_code == 404
    assert graph.post(f"/root:/{name}:/createUploadSession").status_code == 400
    assert graph.patch(f"/root:/{name}", json={"folder": {}}).status_code == 400
    assert drive.paths() == []


def test_truncated_bodies_leave_no_thread_behind(emulator, drive, tls, eventually):
    """A client that closes within a body ends its thread, and the request has no effect."""
    drive.put("a.txt", b"1")
    before, token = threading.active_count(), emulator.token()
    for line in ("PUT root:/a.txt:/content", "POST root/children", "PATCH root:/a.txt", "POST root:/a.txt:/copy"):
        method, path = line.split(" ")
        head = f"{method} /v1.0/drives/{drive.id}/{path} HTTP/1.1\r\nAuthorization: Bearer {token}\r\n"
        with (
            socket.create_connection(("127.0.0.1", urlsplit(emulator.graph_url).port), timeout=HANG_SECONDS) as plain,
            tls.wrap_socket(plain, server_hostname="localhost") as connection,
        ):
            connection.sendall(f'{head}Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{{"name":'.encode())
    eventually(lambda: len(emulator.requests) == 4 and threading.active_count() <= before)
    assert [entry.status for entry in emulator.requests] == [None] * 4
    assert (drive.read("a.txt"), drive.paths()) == (b"1", ["a.txt"])


def test_a_slow_client_keeps_nobody_waiting(emulator, drive, graph, tls):
    """While one body does not come to its end others are answered."""
    head = f"PUT /v1.0/drives/{drive.id}/root:/a.txt:/content HTTP/1.1\r\nAuthorization: Bearer {emulator.token()}\r\n"
    with (
        socket.create_connection(("127.0.0.1", urlsplit(emulator.graph_url).port), timeout=HANG_SECONDS) as plain,
        tls.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.sendall(f"{head}Content-Length: 3\r\n\r\na".encode())
        assert graph.put("/root:/a.txt:/content", content=b"other").status_code == 201
        connection.sendall(b"bc")
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
    assert drive.read("a.txt") == b"abc"


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_wrong_content_types(graph, content_type, error):
    """A JSON body without its Content-Type is refused."""
    headers = {"Content-Type": content_type} if content_type else {}
    status, code, _ = error(graph.post("/root/children", content=b'{"name":"x","folder":{}}', headers=headers))
    assert (status, code) == (400, "BadRequest")
