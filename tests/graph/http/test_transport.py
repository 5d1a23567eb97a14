"""The transport on real sockets: what ends a wait, and what a wait must not end."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import select
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import trustme
from patience import HANG_SECONDS, MUCH_LONGER_SECONDS

from airflow_provider_onedrive.emulator.faults import Fault, bandwidth, delay
from airflow_provider_onedrive.graph.http.pools import SHARD_CONNECTIONS, SHARDS
from airflow_provider_onedrive.graph.http.proxies import proxy_for
from airflow_provider_onedrive.graph.http.stop_flag import StopFlag
from airflow_provider_onedrive.graph.http.transport import Transport
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError, Stopped
from airflow_provider_onedrive.graph.protocol.messages import Request
from airflow_provider_onedrive.graph.protocol.retry import RetryPolicy

CHILDREN = {"method": "GET", "origin": "graph", "path": "children$"}
TOKEN = {"method": "POST", "origin": "login", "path": "/token$"}
CONTENT = hashlib.shake_128(b"content").digest(3 * 1024 * 1024 + 1)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
SCHEMES = pytest.mark.parametrize("scheme", ["http", "https"])
PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


# --- the other side


class Peer:
    """Listens on one port and talks to each connection as it is told.

    :param talk: is given the connection, and ends when ``over`` is set.
    """

    def __init__(self, talk, tls=None):
        self.over = threading.Event()
        self.greetings: list[bytes] = []
        self.problems: list[Exception] = []
        self._talk, self._tls = talk, tls
        self._open: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def port(self):
        return self._listening.getsockname()[1]

    def stop(self):
        self.over.set()
        for each in (self._listening, *self._open):
            with contextlib.suppress(OSError):
                socket.socket.shutdown(each, socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(HANG_SECONDS)
        self._listening.close()

    def head(self, connection):
        """Read up to the blank line, and remember it."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            if not (piece := connection.recv(1)):
                return b""
            head += piece
        self.greetings.append(head)
        return head

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                self._threads.append(threading.Thread(target=self._serve, args=(self._listening.accept()[0],)))
                self._threads[-1].start()

    def _serve(self, connection):
        try:
            connection.settimeout(HANG_SECONDS)
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            self._open.append(connection)
            self._talk(self, connection)
        except OSError as error:
            self.problems.append(error)
        finally:
            connection.close()


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def trusting(authority):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture
def peer(authority):
    """Make peers; they stop with the test."""
    peers = []
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)

    def make(talk, scheme="http"):
        peers.append(Peer(talk, tls if scheme == "https" else None))
        return peers[-1]

    yield make
    for each in peers:
        each.stop()


@pytest.fixture
def black_hole():
    """A port where connections are asked for and never made: its queue is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, contextlib.ExitStack() as waiting:
        for _ in range(4):
            caller = waiting.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(full.getsockname())
        yield full.getsockname()[1]


@pytest.fixture
def http(trusting, monkeypatch):
    """Make HTTP clients on the transport, each with its flag."""
    for name in (*PROXY_VARIABLES, *map(str.lower, PROXY_VARIABLES)):
        monkeypatch.delenv(name, raising=False)
    clients = []

    def make(flag=None, timeout=MUCH_LONGER_SECONDS, **more):
        transport = Transport(flag or StopFlag(), trusting, **more)
        clients.append(httpx.Client(transport=transport, trust_env=False, timeout=timeout))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def silent(peer, connection):
    """Take the connection, and say and read nothing."""
    peer.over.wait()


def mute(peer, connection):
    """Read the request's head, and say nothing."""
    peer.head(connection)
    peer.over.wait()


def stuck(peer, connection):
    """Begin an answer, and say no more."""
    peer.head(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n.")
    peer.over.wait()


def polite(peer, connection):
    """Answer each request."""
    while peer.head(connection):
        connection.sendall(OK)


# --- stopping


@dataclass
class Stopper:
    """Sets a flag when a request has come to a point, from another thread or by a signal to this one."""

    by: str
    act: Any
    reached: threading.Event = field(default_factory=threading.Event)

    def __enter__(self):
        self._main = threading.get_ident()
        self._thread = threading.Thread(target=self._stop)
        self._thread.start()
        self._started = time.monotonic()
        return self

    def __exit__(self, *_):
        took = time.monotonic() - self._started
        self.reached.set()
        self._thread.join()
        assert took < HANG_SECONDS, "its time-out was not waited for"

    def trace(self, point):
        """Return the extensions of a request that see it come to a point of httpcore's trace."""
        return {"trace": lambda name, _: self.reached.set() if name.endswith(point) else None}

    def _stop(self):
        self.reached.wait(HANG_SECONDS)
        time.sleep(0.1)  # the wait itself has begun by now; should it not, the test checks less and still passes
        if self.by == "thread":
            self.act()
        else:
            signal.pthread_kill(self._main, signal.SIGUSR1)


@pytest.fixture(params=["thread", "signal"])
def stopper(request, handling):
    def make(act):
        handling(signal.SIGUSR1, act)
        return Stopper(request.param, act)

    return make


def send_one_piece(http, url, **more):
    """Send so much that no buffer on the way holds it, as one piece."""
    return http.put(url, content=[bytes(64 * 1024 * 1024)], headers={"Content-Length": str(64 * 1024 * 1024)}, **more)


@SCHEMES
@pytest.mark.parametrize(
    "wait",
    [
        (mute, "receive_response_headers.started", httpx.Client.get),
        (stuck, "receive_response_body.started", httpx.Client.get),
        (silent, "send_request_body.started", send_one_piece),
    ],
    ids=["answer", "body", "sending"],
)
def test_a_stop_ends_every_wait(http, peer, stopper, scheme, wait):
    """Whatever a request waits for, it ends with the flag."""
    flag, (talk, point, send) = StopFlag(), wait
    url = f"{scheme}://localhost:{peer(talk, scheme).port}/"
    with stopper(flag.set) as stopping, pytest.raises((httpx.ReadError, httpx.WriteError), match="stopped"):
        send(http(flag), url, extensions=stopping.trace(point))


def test_a_stop_ends_a_handshake(http, peer, stopper):
    """A server that takes the connection and speaks no TLS holds nobody up."""
    flag = StopFlag()
    with stopper(flag.set) as stopping, pytest.raises(httpx.ConnectError, match="stopped"):
        http(flag).get(f"https://localhost:{peer(silent).port}/", extensions=stopping.trace("start_tls.started"))


def test_a_stop_ends_connecting(http, black_hole, stopper):
    """An address that answers nothing holds nobody up."""
    flag = StopFlag()
    with stopper(flag.set) as stopping, pytest.raises(httpx.ConnectError, match="stopped"):
        http(flag).get(f"http://127.0.0.1:{black_hole}/", extensions=stopping.trace("connect_tcp.started"))


def test_after_a_stop_nothing_is_sent(http, peer):
    """A connection that is there is not used either; a thread that was allowed to may send its last request."""
    flag, other = StopFlag(), peer(polite)
    client = http(flag)
    assert client.get(f"http://localhost:{other.port}/first").text == "ok"
    flag.set()
    with pytest.raises(httpx.ConnectError, match="stopped"):
        client.get(f"http://localhost:{other.port}/refused")
    with flag.lifted():
        assert client.get(f"http://localhost:{other.port}/last").text == "ok"
    assert [head.split()[1] for head in other.greetings] == [b"/first", b"/last"]


@dataclass(frozen=True)
class Met(Fault):
    """Says that a request came, and lets it pass."""

    met: threading.Event
    shapes = True

    def before(self, request, context):
        del request, context
        self.met.set()


def listing(client, tmp_path):
    return list(client.children("myfiles/"))


def downloading(client, tmp_path):
    return client.download("myfiles/a.bin", tmp_path / "a.bin")


@pytest.mark.parametrize(
    "waiting",
    [
        (TOKEN, delay(60), listing),
        (CHILDREN, delay(60), listing),
        ({"origin": "store", "method": "GET"}, bandwidth(down_bytes_per_second=10_000), downloading),
    ],
    ids=["token", "answer", "download"],
)
def test_a_stopped_client_ends(client, onedrive_emulator, stopper, tmp_path, waiting):
    """A client that waits for Entra, for Graph or for content ends at once, and nothing more is sent."""
    where, trouble, call = waiting
    client.retry_policy = RetryPolicy()
    onedrive_emulator.drive().put("a.bin", CONTENT)
    with stopper(client.stop) as stopping:
        onedrive_emulator.faults.add(**where, do=Met(stopping.reached))
        onedrive_emulator.faults.add(**where, times=None, do=trouble)
        with pytest.raises(Stopped):
            call(client, tmp_path)
    assert list(tmp_path.iterdir()) == []
    sent = len(onedrive_emulator.requests)
    with pytest.raises(Stopped):
        client.stat("myfiles/a.bin")
    assert len(onedrive_emulator.requests) == sent


def test_a_stopped_client_sends_no_more_of_a_body(client, onedrive_emulator, stopper):
    """An upload over a slow line ends at once, and its file is not there."""
    onedrive_emulator.faults.add(method="PUT", times=None, do=bandwidth(up_bytes_per_second=10_000))
    size = 4 * 1024 * 1024
    user = onedrive_emulator.users[0]
    with stopper(client.stop) as stopping:

        def body():
            stopping.reached.set()
            yield bytes(size)

        def flow():
            return (yield Request("PUT", f"/users/{user}/drive/root:/a.bin:/content", body=body, body_bytes=size))

        with pytest.raises(Stopped):
            client.run(flow())
    assert onedrive_emulator.drive().paths() == []


# --- timeouts


@pytest.mark.parametrize(
    "wait",
    [
        (silent, "https", httpx.Client.get, httpx.ConnectTimeout),
        (mute, "http", httpx.Client.get, httpx.ReadTimeout),
        (mute, "https", httpx.Client.get, httpx.ReadTimeout),
        (stuck, "https", httpx.Client.get, httpx.ReadTimeout),
        (silent, "http", send_one_piece, httpx.WriteTimeout),
    ],
)
def test_timeouts_are_those_of_the_whole_wait(http, peer, wait):
    """A wait ends after the time that was given, not after a slice of it."""
    talk, scheme, send, error = wait
    other = peer(talk, scheme if talk is not silent else "http")
    started = time.monotonic()
    with pytest.raises(error, match="timed out"):
        send(http(timeout=0.5), f"{scheme}://localhost:{other.port}/")
    assert 0.5 <= time.monotonic() - started < HANG_SECONDS


def test_a_timeout_of_connecting(http, black_hole):
    """An address that answers nothing is given up in time."""
    started = time.monotonic()
    with pytest.raises(httpx.ConnectTimeout, match="timed out"):
        http(timeout=0.5).get(f"http://127.0.0.1:{black_hole}/")
    assert 0.5 <= time.monotonic() - started < 100  # the system gives up after two minutes


def test_a_timeout_of_waiting_for_a_connection(http, peer):
    """There are at most as many connections as were asked for."""
    client = http(timeout=0.5, connections=1)
    url = f"http://localhost:{peer(stuck).port}/"
    with client.stream("GET", url), pytest.raises(httpx.PoolTimeout):
        client.get(url)


def test_a_stop_ends_waiting_for_a_connection(http, peer, stopper):
    """Who waits for others to finish is stopped like them."""
    flag = StopFlag()
    client = http(flag, connections=1)
    url = f"http://localhost:{peer(stuck).port}/"
    with client.stream("GET", url), stopper(flag.set) as stopping:
        stopping.reached.set()
        with pytest.raises(httpx.ConnectError, match="stopped"):
            client.get(url)


def test_a_slow_line_is_not_a_dead_one(http, peer):
    """A body that moves is not given up, however long all of it takes."""

    def slow(peer, connection):
        peer.head(connection)
        left = 4 * 1024 * 1024
        while left:
            left -= len(connection.recv(64 * 1024))
            peer.over.wait(0.02)
        connection.sendall(OK)

    client = http(timeout=httpx.Timeout(60, write=1))
    content = [bytes(4 * 1024 * 1024)]
    headers = {"Content-Length": str(4 * 1024 * 1024)}
    assert client.put(f"http://localhost:{peer(slow).port}/", content=content, headers=headers).text == "ok"


# --- contents, whole and broken


@SCHEMES
def test_large_pieces_both_ways(http, peer, scheme):
    """Content arrives as it was sent, in pieces of any size."""

    def echo(peer, connection):
        left = int(peer.head(connection).partition(b"Content-Length: ")[2].split(b"\r\n")[0])
        content = b""
        while left > len(content):
            content += connection.recv(1024 * 1024)
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for start in range(0, len(content), 70_001):
            piece = content[start : start + 70_001]
            connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
        connection.sendall(b"0\r\n\r\n")

    url = f"{scheme}://localhost:{peer(echo, scheme).port}/"
    answer = http().put(url, content=[CONTENT[:5], b"", CONTENT[5:]], headers={"Content-Length": str(len(CONTENT))})
    assert answer.content == CONTENT


@SCHEMES
@pytest.mark.parametrize("is_polite", [True, False])
def test_an_answer_that_ends_with_the_connection(http, peer, scheme, is_polite):
    """An answer without a length ends with the connection, whether TLS was ended as well or not."""

    def until_closed(peer, connection):
        peer.head(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + CONTENT)
        if is_polite and scheme == "https":
            with contextlib.suppress(OSError):
                connection.unwrap()

    assert http().get(f"{scheme}://localhost:{peer(until_closed, scheme).port}/").content == CONTENT


def cut(peer, connection):
    peer.head(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n.")


def reset(peer, connection):
    peer.head(connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def babble(peer, connection):
    peer.head(connection)
    connection.sendall(b"220 mail.example ESMTP\r\n")


@SCHEMES
@pytest.mark.parametrize(
    ("talk", "error"),
    [(cut, httpx.RemoteProtocolError), (reset, httpx.ReadError), (babble, httpx.RemoteProtocolError)],
)
def test_broken_answers(http, peer, scheme, talk, error):
    """What goes wrong has httpx's names, also in the middle of an answer's body."""
    with pytest.raises(error):
        http().get(f"{scheme}://localhost:{peer(talk, scheme).port}/")


def test_a_port_where_nobody_listens(http):
    """A refusal is no timeout."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(httpx.ConnectError, match="refused"):
        http().get(f"http://127.0.0.1:{port}/")


def test_a_host_that_is_none(http):
    """A name without an address is an error of connecting."""
    with pytest.raises(httpx.ConnectError):
        http().get("http://name.invalid/")


def test_a_certificate_that_is_not_trusted(peer, http):
    """The error says so, and the server is told."""
    other = peer(polite, "https")
    client = httpx.Client(transport=Transport(StopFlag(), ssl.create_default_context()), trust_env=False)
    with client, pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        client.get(f"https://localhost:{other.port}/")
    other.stop()
    assert "ALERT_UNKNOWN_CA" in str(other.problems)


@SCHEMES
def test_connections_are_kept(http, peer, scheme):
    """Requests that follow one another share a connection."""
    used = []

    def counted(peer, connection):
        used.append(connection)
        polite(peer, connection)

    client, other = http(), peer(counted, scheme)
    for _ in range(3):
        client.get(f"{scheme}://localhost:{other.port}/")
    assert len(used) == 1
    client.close()


@pytest.mark.parametrize("connections", [1, SHARD_CONNECTIONS + 3, SHARDS * SHARD_CONNECTIONS])
def test_all_connections_can_be_used_at_once(http, peer, connections):
    """Requests do not wait for one another while there are connections, and one more waits for the first that ends."""
    all_came, in_use, most = threading.Event(), [], []

    def together(peer, connection):
        while peer.head(connection):
            in_use.append(connection)
            most.append(len(in_use))
            if len(peer.greetings) >= connections:
                all_came.set()
            assert all_came.wait(HANG_SECONDS)
            in_use.remove(connection)
            connection.sendall(OK)

    client, other = http(connections=connections), peer(together)
    with ThreadPoolExecutor(connections + 1) as pool:
        url = f"http://localhost:{other.port}/"
        answers = list(pool.map(lambda _: client.get(url).text, range(3 * connections + 1)))
    assert answers == ["ok"] * (3 * connections + 1)
    assert max(most) == connections


def test_a_connection_is_given_back_once(http, peer):
    """However an answer ends, and however often it is closed, its connection is one connection."""
    client, stuck_peer, polite_peer = http(timeout=0.5, connections=1), peer(stuck), peer(polite)
    good, bad = (f"http://localhost:{each.port}/" for each in (polite_peer, stuck_peer))
    with pytest.raises(httpx.ReadTimeout):
        client.get(bad)
    with client.stream("GET", good) as answer:
        answer.close()
        answer.close()
    with client.stream("GET", bad), pytest.raises(httpx.PoolTimeout):
        client.get(good)
    assert client.get(good).text == "ok"


@SCHEMES
def test_a_dead_connection_is_noticed(http, peer, scheme):
    """A connection that the server has closed meanwhile is not used again."""
    client, other = http(), peer(lambda peer, connection: peer.head(connection) and connection.sendall(OK), scheme)
    url = f"{scheme}://localhost:{other.port}/"
    for _ in range(3):
        answer = client.get(url)
        stream = answer.extensions["network_stream"]
        assert answer.text == "ok"
        if (ours := stream.get_extra_info("socket")).fileno() >= 0:  # else the pool has noticed already
            select.select([ours], [], [], 60)
        assert stream.get_extra_info("is_readable")
    assert len(other.greetings) == 3


def test_what_is_known_of_a_connection(http, peer):
    """The stream tells what httpcore's own tells."""
    other = peer(polite, "https")
    answer = http().get(f"https://localhost:{other.port}/")
    tell = answer.extensions["network_stream"].get_extra_info
    assert tell("ssl_object").selected_alpn_protocol() in (None, "http/1.1")
    assert tell("server_addr") == ("127.0.0.1", other.port)
    assert tell("client_addr") == tell("socket").getsockname()
    assert tell("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert tell("is_readable") is False
    assert tell("anything else") is None


# --- forks

FORKING = """
import gc, os, ssl, sys, warnings
import httpx
from airflow_provider_onedrive.graph.http.stop_flag import StopFlag
from airflow_provider_onedrive.graph.http.transport import Transport

url, ca, does = sys.argv[1:]
http = httpx.Client(transport=Transport(StopFlag(), ssl.create_default_context(cafile=ca)), trust_env=False)
http.get(url + "parent")
child = os.fork()
if child == 0:
    if does == "sends":
        assert http.get(url + "child").text == http.get(url + "child").text == "ok"
    if does == "closes":
        http.close()
    warnings.simplefilter("ignore", ResourceWarning)  # it lets go of a client without closing it
    del http
    gc.collect()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert http.get(url + "parent").text == "ok"
http.close()
"""


@pytest.mark.parametrize(
    ("does", "connections"),
    [("sends", [[b"/parent"] * 2, [b"/child"] * 2]), ("closes", [[b"/parent"] * 2]), ("ends", [[b"/parent"] * 2])],
)
def test_a_forked_child_has_connections_of_its_own(peer, authority, tmp_path, does, connections):
    """Parent and child do not disturb each other, whatever the child does with its copy of the client."""
    seen: list[list[bytes]] = []

    def noted(peer, connection):
        seen.append([])
        mine = seen[-1]
        while head := peer.head(connection):
            mine.append(head.split()[1])
            connection.sendall(OK)

    other = peer(noted, "https")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    arguments = [f"https://localhost:{other.port}/", str(tmp_path / "ca.pem"), does]
    command = [sys.executable, "-W", "error", "-c", FORKING, *arguments]
    environment = {name: value for name, value in os.environ.items() if name.upper() not in PROXY_VARIABLES}
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANG_SECONDS, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert seen == connections


def test_a_forked_client(fields):
    """A client that a parent has used works in its child, and then again in the parent."""
    script = """
import json, os, sys
from airflow_provider_onedrive.graph.client import Client
from airflow_provider_onedrive.graph.config.settings import Settings

with Client(Settings.from_fields(json.loads(sys.stdin.read()), trusted_hosts=["localhost"])) as client:
    client.save("myfiles/parent.txt", content=b"parent")
    child = os.fork()
    if child == 0:
        client.save("myfiles/child.txt", content=b"child")
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert sorted(item.name for item in client.children("myfiles/")) == ["child.txt", "parent.txt"]
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        input=json.dumps(fields),
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


# --- proxies


def tunnel(peer, connection):
    """Connect to what is asked for, and pass bytes both ways."""
    host, _, port = peer.head(connection).split()[1].decode().rpartition(":")
    with socket.create_connection((host, int(port))) as target:
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        ends = {connection: target, target: connection}
        while not peer.over.is_set():
            pending = [connection] if getattr(connection, "pending", int)() else []
            for end in pending or select.select([*ends], [], [], 0.05)[0]:
                if not (content := end.recv(65536)):
                    return
                ends[end].sendall(content)


def refusing(peer, connection):
    peer.head(connection)
    connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")


def test_a_proxy_of_the_settings(connect, peer, onedrive_emulator, tmp_path):
    """Everything goes through it: the token, Graph and the content."""
    proxy = peer(tunnel)
    client = connect(proxy=f"http://user:p%40ss@localhost:{proxy.port}")
    client.save("myfiles/a.bin", content=bytes(300_000))
    client.download("myfiles/a.bin", tmp_path / "a.bin")
    assert (tmp_path / "a.bin").stat().st_size == 300_000
    assert {entry.origin for entry in onedrive_emulator.requests} == {"login", "graph", "store"}
    assert all(head.startswith(b"CONNECT localhost:") for head in proxy.greetings)
    assert all(b"Basic dXNlcjpwQHNz" in head for head in proxy.greetings)


@pytest.mark.parametrize(
    ("variables", "is_used"),
    [
        ({"HTTPS_PROXY": "http://localhost:{}"}, True),
        ({"https_proxy": "localhost:{}"}, True),
        ({"ALL_PROXY": "http://localhost:{}"}, True),
        ({"HTTP_PROXY": "http://localhost:{}"}, False),
        ({"HTTPS_PROXY": "http://localhost:{}", "NO_PROXY": "example.com, localhost"}, False),
        ({"HTTPS_PROXY": "http://localhost:{}", "NO_PROXY": "example.com,*"}, False),
    ],
)
def test_a_proxy_of_the_environment(http, peer, monkeypatch, variables, is_used):
    """Without a setting the environment decides, as with other programs."""
    proxy, other = peer(tunnel), peer(polite, "https")
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(proxy.port))
    assert http().get(f"https://localhost:{other.port}/").text == "ok"
    assert bool(proxy.greetings) == is_used


def test_the_setting_wins_over_the_environment(http, peer, monkeypatch):
    """Who sets a proxy for the connection means it."""
    proxy, other = peer(tunnel), peer(polite, "https")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "*")
    assert http(proxy=f"http://localhost:{proxy.port}").get(f"https://localhost:{other.port}/").text == "ok"
    assert len(proxy.greetings) == 1


def test_a_proxy_that_refuses(http, peer):
    """It is a proxy's error, and nothing was sent."""
    with pytest.raises(httpx.ProxyError, match="403"):
        http(proxy=f"http://localhost:{peer(refusing).port}").get("https://graph.example/")


@pytest.fixture
def trusting_system(authority, monkeypatch, tmp_path):
    """Let the system trust the authority: a TLS proxy is checked by that."""
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))


def test_a_tls_proxy(http, peer, stopper, trusting_system):
    """TLS within TLS works, and a stop ends its waits as well."""
    proxy, other, mum = peer(tunnel, "https"), peer(polite, "https"), peer(mute, "https")
    flag = StopFlag()
    client = http(flag, proxy=f"https://localhost:{proxy.port}")
    assert client.get(f"https://localhost:{other.port}/").text == "ok"
    with stopper(flag.set) as stopping, pytest.raises(httpx.ReadError, match="stopped"):
        client.get(f"https://localhost:{mum.port}/", extensions=stopping.trace("receive_response_headers.started"))


@pytest.mark.parametrize("proxy", ["socks5://user:hidden@localhost:1", "ftp://hidden", "http://hidden:port"])
def test_a_proxy_that_is_none(http, monkeypatch, proxy):
    """An error says what is supported, without the address, which may hold a password."""
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(ConfigurationError, match="is not an http proxy") as caught:
        http().get("https://localhost/")
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "exempt", "is_exempt"),
    [
        ("https://graph.example/", "", False),
        ("https://graph.example/", "graph.example", True),
        ("https://Graph.Example/", " other, GRAPH.example ", True),
        ("https://a.graph.example/", "graph.example", True),
        ("https://a.graph.example/", ".graph.example", True),
        ("https://xgraph.example/", "graph.example", False),
        ("https://graph.example:8443/", "graph.example:8443", True),
        ("https://graph.example/", "graph.example:8443", False),
        ("https://[::1]:8443/", "::1", True),
        ("https://127.0.0.1/", "127.0.0.1", True),
        ("https://graph.example/", "a,*", True),
        ("https://graph.example/", ",,", False),
    ],
)
def test_who_needs_no_proxy(url, exempt, is_exempt):
    """NO_PROXY lists hosts and domains."""
    chosen = proxy_for(httpx.URL(url), {"https": "http://proxy:1", "no": exempt})
    assert chosen == (None if is_exempt else "http://proxy:1")
