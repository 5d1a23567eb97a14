"""The emulator's own address."""

from __future__ import annotations

import base64
import json

import pytest

from airflow_provider_onedrive.emulator import Emulator

UNIT = 320 * 1024


@pytest.fixture
def control(emulator, http):
    """Send to the control path, with the key."""

    def send(method, path, value=..., **headers):
        content = None if value is ... else json.dumps(value)
        headers = {"X-Emulator-Key": emulator.control_key} | headers
        return http.request(method, f"{emulator.control_url}/{path}", content=content, headers=headers)

    return send


@pytest.mark.parametrize("path", ["log", "faults", "reset", "", "nothing"])
@pytest.mark.parametrize("key", [None, "", "wrong", "é"])
def test_key(emulator, http, path, key):
    """Without the key there is nothing here."""
    headers = {} if key is None else {"X-Emulator-Key": key.encode()}
    reply = http.get(f"{emulator.control_url}/{path}", headers=headers)
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "itemNotFound")


def test_key_of_each_start():
    """Each start has its own key; a reset keeps it."""
    with Emulator() as emulator:
        key = emulator.control_key
        emulator.reset()
        assert emulator.control_key == key
        emulator.stop()
        emulator.start()
        assert emulator.control_key != key
        assert len(key) > 30


def test_unknown(control):
    """An unknown path lists the paths."""
    reply = control("GET", "fault")
    assert reply.status_code == 404
    assert "GET faults" in reply.json()["error"]["message"]


def test_log(control, graph, http, emulator):
    """The log is there to be read, sums included; nothing in it opens a door, and the control path is not in it."""
    upload = graph.post("/root:/a:/createUploadSession", json={}).json()["uploadUrl"]
    http.put(upload, content=b"x", headers={"Content-Range": "bytes 0-0/1"})
    graph.get("/shares/u!secret/driveItem")
    reply = control("GET", "log")
    value = reply.json()
    assert [entry["operation"] for entry in value["requests"]] == ["create_session", "fragment", "get"]
    assert value["total"]["requests"] == 3
    assert value["total"]["resource_units"] == 5
    assert "tempauth" not in reply.text
    assert "secret" not in reply.text
    one = control("GET", "log?operation=fragment").json()
    assert (len(one["requests"]), one["total"]["received_bytes"]) == (1, 1)
    assert len(control("GET", "log?offset=1&limit=1").json()["requests"]) == 1
    assert control("DELETE", "log").json() == {}
    assert len(emulator.requests) == 0


def test_faults(control, graph, emulator):
    """A script is loaded, reports its hits, and is removed; control requests meet none of its faults."""
    script = {"faults": [{"times": 2, "do": {"status": 503}}], "quirks": {"locked_writes": 1}}
    assert control("POST", "faults", script).status_code == 200
    assert graph.get("/root").status_code == 503
    value = control("GET", "faults").json()
    assert (value["faults"], value["hits"]) == (script["faults"], [1])
    assert emulator.quirks.locked_writes == 1
    assert control("DELETE", "faults").json()["faults"] == []
    assert graph.get("/root").status_code == 200


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("faults", [{"do": "drop"}], "faults[0].do: unknown fault 'drop'; did you mean 'drop_after'?"),
        ("quirks", {"locked": 1}, "quirks: unknown key 'locked'; did you mean 'locked_writes'?"),
        ("throttling", 5, "throttling: must be an object, not 5."),
        ("files", {"text": "x"}, "files: path must be the path of a file or, ending in /, of a folder."),
        ("files", {"path": "a", "user": "nobody"}, "There is no user nobody"),
        ("files", {"path": "a", "base64": "?"}, "files: "),
        ("files", {"path": "a", "contents": "?"}, "files: unknown key 'contents'"),
        ("expire", {"token": True}, "expire: unknown key 'token'; did you mean 'tokens'?"),
    ],
)
def test_mistakes(control, path, value, message):
    """An error names the reason."""
    reply = control("POST", path, value)
    assert reply.status_code == 400
    assert reply.json()["error"]["message"].startswith(message)


def test_no_json(control):
    """A body that is not JSON, and a text for a number, are refused."""
    assert control("POST", "faults").json()["error"]["message"].startswith("The body is not JSON")
    assert control("GET", "log?limit=x").status_code == 400
    assert control("GET", "log?path=(").status_code == 400


def test_quirks(control, emulator):
    """The switches that are named are set, the others stay."""
    emulator.quirks.locked_writes = 3
    value = control("POST", "quirks", {"rewrite_office": True}).json()
    assert (value["rewrite_office"], value["locked_writes"], value["tempauth_seconds"]) == (True, 3, None)
    assert emulator.quirks.rewrite_office
    assert control("GET", "quirks").json() == value


def test_throttling(control, graph):
    """A budget is set, reports its use, and is removed."""
    assert control("GET", "throttling").json() is None
    control("POST", "throttling", {"units_per_minute": 3})
    assert [graph.get("/root/children").status_code for _ in range(2)] == [200, 429]
    value = control("GET", "throttling").json()
    assert (value["units_per_minute"], value["used"]) == (3, 4)
    assert control("POST", "throttling", None).json() is None
    assert graph.get("/root").status_code == 200


def test_files(control, drive, emulator):
    """Files and folders are put into a drive; the answer is the item."""
    assert control("POST", "files", {"path": "in/a.csv", "text": "ä"}).json()["name"] == "a.csv"
    packed = base64.b64encode(b"\0\xff").decode()
    control("POST", "files", {"path": "b.bin", "base64": packed, "user": emulator.users[1]})
    control("POST", "files", {"path": "empty/"})
    assert drive.read("in/a.csv") == "ä".encode()
    assert emulator.drive(emulator.users[1]).read("b.bin") == b"\0\xff"
    assert drive.paths() == ["empty/", "in/", "in/a.csv"]


def test_expire(control, graph, drive, http):
    """Tokens and download addresses that were given out are refused."""
    url = drive.put("a", b"x")["@microsoft.graph.downloadUrl"]
    control("POST", "expire", {"tokens": True})
    assert (graph.get("/root").status_code, http.get(url).status_code) == (401, 200)
    control("POST", "expire", {"downloads": True})
    assert http.get(url).status_code == 401


def test_reset(control, drive, emulator):
    """A reset starts with an empty tenant and returns its connection."""
    drive.put("a", b"x")
    before = emulator.tenant_id
    value = control("POST", "reset").json()
    assert emulator.tenant_id != before
    assert emulator.tenant_id in value["environment"]["AIRFLOW_CONN_ONEDRIVE_DEFAULT"]
    assert emulator.drive().paths() == []
