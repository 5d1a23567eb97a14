"""Accepted host names, and the permissions of files on the disk."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import ssl
import stat
from urllib.parse import quote, unquote, urlsplit

import httpx
import pytest
from patience import HANG_SECONDS

from airflow_provider_onedrive.emulator import Emulator

EXPECTED = ["localhost", "LOCALHOST", "127.0.0.1"]
# A name that leads to this machine while a browser takes it for another's.
FOREIGN = [
    "rebound.example",
    "localhost.rebound.example",
    "localhost.",
    "127.0.0.1.rebound.example",
    "0.0.0.0",
    "[::1]",
]


def hosts(emulator, names):
    port = urlsplit(emulator.store_url).port
    return [name + end for name in names for end in ("", f":{port}")]


def test_page_of_this_machine_only(http, drive, emulator):
    """A page is shown under the names of this machine only."""
    item = drive.put("a", b"1")
    for url in (emulator.page_url, item["webUrl"], f"{item['webUrl']}?download=1", f"{emulator.store_url}/nope"):
        for host in hosts(emulator, EXPECTED):
            assert http.get(url, headers={"Host": host}).status_code in {200, 404}
        for host in hosts(emulator, FOREIGN):
            reply = http.get(url, headers={"Host": host})
            assert (reply.status_code, reply.json()["error"]["code"]) == (421, "misdirectedRequest")
            assert http.get(url, headers={"Host": host, "Accept": "text/html"}).status_code == 421


def test_control_of_this_machine_only(http, emulator):
    """So is the control path, also with the key."""
    url, key = f"{emulator.control_url}/log", {"X-Emulator-Key": emulator.control_key}
    for host in hosts(emulator, EXPECTED):
        assert http.get(url, headers={"Host": host, **key}).status_code == 200
    for host in hosts(emulator, FOREIGN):
        assert http.get(url, headers={"Host": host, **key}).status_code == 421
        assert http.get(url, headers={"Host": host}).status_code == 421


def test_managed_identity_of_this_machine_only(http, emulator):
    """The metadata service needs no token, so it checks the host name, too; it accepts its own."""
    url = f"{emulator.graph_url}/metadata/identity/oauth2/token?api-version=2018-02-01&resource={emulator.graph_url}"
    for host in (*EXPECTED, "169.254.169.254"):
        assert http.get(url, headers={"Host": host, "Metadata": "true"}).status_code == 200
    for host in FOREIGN:
        assert http.get(url, headers={"Host": host, "Metadata": "true"}).status_code == 421


@pytest.mark.parametrize("head", [b"", b"Host: localhost\r\nHost: localhost\r\n", b"Host:\r\n"])
def test_a_request_that_names_no_host(head):
    """No Host header, or two, is refused."""
    with Emulator(tls=False) as emulator:
        address = urlsplit(emulator.store_url)
        with socket.create_connection(("127.0.0.1", address.port), timeout=HANG_SECONDS) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\n" + head + b"Connection: close\r\n\r\n")
            assert connection.makefile("rb").readline().split()[1] == b"421"


def test_names_of_a_cloud():
    """With a cloud the control path answers to its names as well, for the certificate is for them; a page does not."""
    with Emulator(cloud="china", tls=False) as emulator, httpx.Client(verify=False, trust_env=False) as client:
        host = {"Host": "microsoftgraph.chinacloudapi.cn", "X-Emulator-Key": emulator.control_key}
        assert client.get(f"{emulator.control_url}/log", headers=host).status_code == 200
        assert client.get(emulator.page_url, headers=host).status_code == 421


def test_only_this_machine_by_default(emulator):
    """By default the emulator listens on the loopback address only."""
    assert [server.socket.getsockname()[0] for server in emulator._servers] == ["127.0.0.1", "127.0.0.1"]


def test_other_machines():
    """On request it listens everywhere, under the given name, and has a certificate for it."""
    with Emulator(allow_remote=True, host="box.example") as emulator:
        assert urlsplit(emulator.graph_url).hostname == "box.example"
        assert json.loads(emulator.connection)["extra"]["graph_url"] == emulator.graph_url
        assert emulator.environment["AIRFLOW__ONEDRIVE__TRUSTED_HOSTS"] == "box.example"
        context = ssl.create_default_context(cadata=emulator.ca_certificate)
        assert [server.socket.getsockname()[0] for server in emulator._servers] == ["0.0.0.0", "0.0.0.0"]
        port = urlsplit(emulator.store_url).port
        with socket.create_connection(("127.0.0.1", port), timeout=HANG_SECONDS) as plain:
            context.wrap_socket(plain, server_hostname="box.example").close()
        with httpx.Client(verify=context, trust_env=False) as client:
            for host, status in (("box.example", 200), ("localhost", 200), ("other.example", 421)):
                assert client.get(f"https://localhost:{port}/", headers={"Host": host}).status_code == status


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"allow_remote": True}, "allow_remote=True and host"),
        ({"host": "box.example"}, "allow_remote=True and host"),
        ({"allow_remote": True, "host": "0.0.0.0"}, "is not the name"),
        ({"allow_remote": True, "host": "box.example:443"}, "is not the name"),
        ({"allow_remote": True, "host": "https://box.example"}, "is not the name"),
        ({"allow_remote": True, "host": ""}, "is not the name"),
        ({"allow_remote": True, "host": "box.example", "tls": False}, "with TLS only"),
    ],
)
def test_other_machines_must_be_spelt_out(options, message):
    """Remote access needs both options, and TLS."""
    with pytest.raises(ValueError, match=message):
        Emulator(**options)


def test_secrets_of_each_start():
    """Nothing that opens a door is the same in two starts."""

    def secrets():
        with Emulator() as emulator:
            item = emulator.drive().put("a", b"1")
            download = item["@microsoft.graph.downloadUrl"].partition("tempauth=")[2]
            token = emulator.token().rpartition(".")[2]
            return emulator.control_key, emulator.client_secret, emulator.ca_certificate, download, token

    one, two = secrets(), secrets()
    assert not set(one) & set(two)
    assert min(len(secret) for secret in one) >= 30


def test_directory_with_other_things(tmp_path):
    """A directory that holds other things is not taken over, nor is it shut to others."""
    root = tmp_path / "home"
    root.mkdir(mode=0o755)
    root.joinpath("letter.txt").write_text("dear")
    with pytest.raises(OSError, match="holds other things"):
        Emulator(root=root).start()
    assert stat.S_IMODE(root.stat().st_mode) == 0o755
    assert [path.name for path in root.iterdir()] == ["letter.txt"]


def test_directory_is_shut_to_others(tmp_path):
    """An open directory is closed when it is taken, and new files in it are private."""
    root = tmp_path / "store"
    root.mkdir(mode=0o755)
    before = os.umask(0)
    try:
        with Emulator(root=root, tls=False) as emulator:
            emulator.drive().put("a", b"x" * 2**20)
            for path in (root, *root.rglob("*")):
                assert not stat.S_IMODE(path.stat().st_mode) & (stat.S_IRWXG if path == root else stat.S_IRWXO)
    finally:
        os.umask(before)


TRICKS = [
    "../../../escape",
    "..%2F..%2F..%2Fescape",
    "%2e%2e/%2e%2e/escape",
    "..%5C..%5Cescape",
    "%2Fetc%2Fescape",
    "a%00b",
    "C:%5Cescape",
    "contents/escape",
    "emulator.sqlite",
    "in-use",
]


def test_no_request_leaves_the_directory(tmp_path):
    """Files are created inside the directory only, under names that no request chooses."""
    root = tmp_path / "deep" / "store"
    with Emulator(root=root, tls=False) as emulator:
        headers = {"Authorization": f"Bearer {emulator.token()}", "Content-Type": "application/json"}

        def send(origin, method, target, body=b""):
            """Send a path to the letter, which httpx would tidy up."""
            with contextlib.closing(
                http.client.HTTPConnection(urlsplit(origin).netloc, timeout=HANG_SECONDS)
            ) as connection:
                connection.request(method, target, body, headers if origin == emulator.graph_url else {})
                assert connection.getresponse().status < 500

        drive = f"/v1.0/drives/{emulator.drive().id}"
        for path in TRICKS:
            for place in (f"/root:/{path}", f"/items/{quote(path, safe='')}", f"/items/root:/{path}:"):
                send(emulator.graph_url, "PUT", f"{drive}{place}:/content", b"x" * 2**20)
            send(emulator.graph_url, "POST", f"{drive}/root:/{path}:/createUploadSession", b"{}")
            folder = json.dumps({"name": unquote(path), "folder": {}}).encode()
            send(emulator.graph_url, "POST", f"{drive}/root/children", folder)
            send(emulator.store_url, "GET", f"/{path}")
            send(emulator.store_url, "GET", f"/personal/anna_contoso_example/Documents/{path}?download=1")
        made = [path.relative_to(tmp_path) for path in tmp_path.rglob("*")]
    assert not any("escape" in path.name for path in made)
    assert {path.parts[:2] for path in made if len(path.parts) > 1} == {("deep", "store")}
    known = {"contents", "arriving", "in-use", "emulator.sqlite", "emulator.sqlite-wal", "emulator.sqlite-shm"}
    assert {path.parts[2] for path in made if len(path.parts) == 3} <= known
