"""Delta: rounds, tokens, tombstones."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest


@pytest.fixture
def ask(graph):
    """Request one page and return the reply as JSON."""

    def get(url="/root/delta", headers=None, **params):
        reply = graph.get(url, params=params or None, headers=headers)
        assert reply.status_code == 200, reply.text
        return reply.json()

    return get


@pytest.fixture
def follow(ask):
    """Read a whole round; return its entries and the link to the next round."""

    def read(url="/root/delta", headers=None, **params):
        page = ask(url, headers, **params)
        entries = page["value"]
        while "@odata.nextLink" in page:
            page = ask(page["@odata.nextLink"], headers)
            entries += page["value"]
        return entries, page["@odata.deltaLink"]

    return read


def names(entries):
    """Return the names of existing items and the ids of deleted ones."""
    return [entry["id"] if "deleted" in entry else entry["name"] for entry in entries]


def age(drive, days):
    """Let everything that has happened have happened earlier."""
    log = drive._drive.log
    log._times = [moment - days * 24 * 3600 for moment in log._times]


ADDRESSES = [
    "/drives/{drive}/root/delta",
    "/drives/{drive}/root/delta()",
    "/drives/{drive}/root/microsoft.graph.delta()",
    "/drives/{drive}/items/root/delta",
    "/drives/{drive}/items/root/delta()",
    "/drives/{drive}/items/{folder}/delta",
    "/drives/{drive}/root:/f:/delta",
    "/users/anna@contoso.example/drive/root/delta",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_full_round(v1, drive, address):
    """Without a token everything is listed, the root first and parents before children, at every address."""
    drive.put("f/g/x.txt", b"1")
    drive.put("a.txt", b"1")
    page = v1.get(address.format(drive=drive.id, folder=drive.item("f")["id"])).json()
    assert names(page["value"]) == ["root", "f", "g", "x.txt", "a.txt"]
    assert "root" in page["value"][0]
    assert "@odata.nextLink" not in page
    assert page["@odata.context"].endswith("#Collection(driveItem)")
    assert parse_qs(urlsplit(page["@odata.deltaLink"]).query)["token"]
    assert v1.get(page["@odata.deltaLink"]).json()["value"] == []


def test_me(emulator, http, drive):
    """A signed-in user gets the changes of the own drive."""
    drive.put("a.txt", b"1")
    headers = {"Authorization": f"Bearer {emulator.token('anna@contoso.example')}"}
    page = http.get(f"{emulator.graph_url}/v1.0/me/drive/root/delta", headers=headers).json()
    assert names(page["value"]) == ["root", "a.txt"]
    assert http.get(page["@odata.deltaLink"], headers=headers).json()["value"] == []


def test_pages(ask, follow, drive):
    """A page has a nextLink or a deltaLink, never both; its links keep ``$top`` and ``$select`` and have a token."""
    for number in range(5):
        drive.put(f"{number}.txt", b"1")
    page = ask(**{"$top": 4, "$select": "id,name"})
    assert len(page["value"]) == 4
    assert set(page["value"][1]) == {"id", "name"}
    assert "@odata.deltaLink" not in page
    query = parse_qs(urlsplit(page["@odata.nextLink"]).query)
    assert (query["$top"], query["$select"], len(query["token"])) == (["4"], ["id,name"], 1)
    assert ask(page["@odata.nextLink"]) == ask(page["@odata.nextLink"])
    last = ask(page["@odata.nextLink"])
    assert [names(last["value"]), "@odata.nextLink" in last] == [["3.txt", "4.txt"], False]
    entries, _ = follow(**{"$top": 1})
    assert names(entries) == ["root", "0.txt", "1.txt", "2.txt", "3.txt", "4.txt"]


def test_latest_state_once(follow, drive, graph):
    """Each item comes once, in its current state; the folders above it come too, unless they are excluded."""
    drive.put("f/x.txt", b"1")
    _, link = follow()
    drive.put("f/x.txt", b"22")
    drive.put("f/x.txt", b"333")
    graph.patch("/root:/f/x.txt", json={"name": "y.txt"})
    entries, _ = follow(link)
    assert names(entries) == ["root", "f", "y.txt"]
    assert (entries[-1]["size"], "cTag" in entries[-1]) == (3, False)
    assert entries[-1]["file"]["hashes"]["quickXorHash"]
    assert entries[-1]["parentReference"]["path"].endswith("/root:/f")
    entries, _ = follow(link, headers={"deltaExcludeParent": "true"})
    assert names(entries) == ["y.txt"]


def test_parents_before_children(follow, drive, graph):
    """A folder comes before its content, even if it was changed later."""
    _, link = follow()
    drive.put("f/g/x.txt", b"1")
    graph.patch("/root:/f/g", json={"name": "h"})
    graph.patch("/root:/f", json={"name": "e"})
    assert names(follow(link)[0]) == ["root", "e", "h", "x.txt"]


def test_tombstones(follow, drive, graph):
    """A deleted folder and all that lay below it come as tombstones: no name, size 0, an empty hash, cTag -1."""
    drive.put("f/g/x.txt", b"1")
    ids = [drive.item(path)["id"] for path in ("f", "f/g", "f/g/x.txt")]
    guid = drive.item("f/g/x.txt")["eTag"].split(",")[0].strip('"')
    _, link = follow()
    assert graph.delete("/root:/f").status_code == 204
    entries, _ = follow(link)
    assert names(entries) == ids
    file = entries[-1]
    assert file["parentReference"].pop("siteId")
    assert file == {
        "id": ids[2],
        "cTag": f'"c:{guid},-1"',
        "size": 0,
        "parentReference": {"driveId": drive.id, "driveType": "business", "id": ids[1]},
        "deleted": {"state": "deleted"},
        "file": {"hashes": {"quickXorHash": "AAAAAAAAAAAAAAAAAAAAAAAAAAA="}},
    }
    assert "folder" in entries[0]
    assert [set(entry) for entry in follow(f"{link}&$select=name")[0]] == [{"id", "deleted"}] * 3


def test_what_is_gone_comes_last(follow, drive, graph):
    """A file that is moved out of a folder before the folder is deleted is listed first."""
    drive.put("f/x.txt", b"1")
    folder_id = drive.item("f")["id"]
    _, link = follow()
    graph.patch("/root:/f/x.txt", json={"parentReference": {"id": drive.item()["id"]}})
    drive.delete("f")
    assert names(follow(link)[0]) == ["root", "x.txt", folder_id]


def test_rename_and_move(follow, drive, graph):
    """A renamed or moved folder comes without its content; a rename changes its time, a move does not."""
    drive.put("f/x.txt", b"1")
    drive.folder("g")
    for path in ("f", "g"):
        drive._drive.resolve(drive._drive.root, (path,)).modified -= timedelta(days=1)
    _, link = follow()
    before = drive.item("f")
    graph.patch("/root:/f", json={"parentReference": {"id": drive.item("g")["id"]}})
    entries, link = follow(link, headers={"deltaExcludeParent": "true"})
    assert names(entries) == ["f"]
    assert entries[0]["lastModifiedDateTime"] == before["lastModifiedDateTime"]
    assert entries[0]["eTag"] != before["eTag"]
    graph.patch("/root:/g", json={"name": "h"})
    entries, _ = follow(link, headers={"deltaExcludeParent": "true"})
    assert names(entries) == ["h"]
    assert entries[0]["lastModifiedDateTime"] > before["lastModifiedDateTime"]


def test_latest(ask, follow, drive):
    """``token=latest`` returns no items and a link that lists later changes only."""
    drive.put("a.txt", b"1")
    for page in (ask(token="latest"), ask("/root/delta(token='latest')")):
        assert page["value"] == []
        drive.put("b.txt", b"1")
        assert "delta(" not in page["@odata.deltaLink"]
        assert names(follow(page["@odata.deltaLink"])[0]) == ["root", "b.txt"]


def test_timestamps(follow, drive, graph, error):
    """A timestamp of the last 60 days is a token; an older one is 410; a future one lists nothing."""
    drive.put("old.txt", b"1")
    age(drive, 10)
    moment = datetime.now(UTC) - timedelta(days=5)
    drive.put("new.txt", b"1")
    assert names(follow(token=moment.isoformat())[0]) == ["root", "new.txt"]
    assert names(follow(token=(moment + timedelta(days=6)).strftime("%Y-%m-%dT%H:%M:%SZ"))[0]) == []
    sixty = (datetime.now(UTC) - timedelta(days=60)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert names(follow(token=sixty)[0]) == ["root", "old.txt", "new.txt"]
    older = (datetime.now(UTC) - timedelta(days=61)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert error(graph.get("/root/delta", params={"token": older}))[:2] == (410, "resyncRequired")


@pytest.mark.parametrize("token", ["x", "ÄÖ", "AAAA", "2026-99-99T00:00:00Z", "2026-01-01", "9" * 5000, "'", "%00"])
def test_garbage(graph, error, token):
    """Text that is not a token is a 400 and not a 410."""
    reply = graph.get("/root/delta", params={"token": token})
    assert error(reply) == (400, "invalidRequest", "Provided sync token is malformed")


def test_tokens_are_not_exchanged(emulator, graph, follow, error, drive):
    """A token of another drive, or one that was altered, is malformed."""
    _, link = follow()
    token = parse_qs(urlsplit(link).query)["token"][0]
    other = f"/drives/{emulator.drive('ben@contoso.example').id}/root/delta"
    graph.base_url = f"{emulator.graph_url}/v1.0"
    assert error(graph.get(other, params={"token": token}))[0] == 400
    altered = ("A" if token[0] != "A" else "B") + token[1:]
    assert error(graph.get(f"/drives/{drive.id}/root/delta", params={"token": altered}))[0] == 400


def test_expired_tokens(graph, follow, drive, error):
    """An expired token is 410, and ``Location`` is the address of a fresh enumeration."""
    drive.put("a.txt", b"1")
    _, link = follow()
    drive.expire_delta_tokens()
    reply = graph.get(link)
    assert error(reply)[:2] == (410, "resyncRequired")
    assert parse_qs(urlsplit(reply.headers["Location"]).query)["token"]
    entries, link = follow(reply.headers["Location"])
    assert names(entries) == ["root", "a.txt"]
    assert follow(link)[0] == []


def test_a_token_older_than_the_log(graph, follow, drive, error):
    """A token is 410 if the log dropped changes after it."""
    _, link = follow()
    drive._drive.log.limit = 8
    for number in range(20):
        drive.put(f"{number}.txt", b"1")
    assert error(graph.get(link))[:2] == (410, "resyncRequired")
    drive.delete("1.txt")
    _, link = follow()
    for number in range(10, 20):
        drive.delete(f"{number}.txt")
    assert len(follow(link)[0]) == 10
    assert len(drive._drive.tombstones) <= 11


def test_changes_while_pages_are_read(ask, follow, drive, graph):
    """A change between two pages belongs to the next round; the open round stays as it began."""
    for number in range(4):
        drive.put(f"{number}.txt", b"1")
    page = ask(**{"$top": 2})
    gone = drive.item("3.txt")["id"]
    drive.delete("3.txt")
    graph.patch("/root:/2.txt", json={"name": "two.txt"})
    drive.put("0/new.txt", b"1")
    entries, link = follow(page["@odata.nextLink"])
    assert names(entries) == ["1.txt", "2.txt", "3.txt"]
    assert names(follow(link)[0]) == ["root", "0", "two.txt", "new.txt", gone]


def test_a_forgotten_round(ask, follow, drive):
    """A round that was dropped is sent again from its beginning."""
    for number in range(4):
        drive.put(f"{number}.txt", b"1")
    page = ask(**{"$top": 2})
    drive._drive.rounds.clear()
    assert names(follow(page["@odata.nextLink"])[0]) == ["root", "0.txt", "1.txt", "2.txt", "3.txt"]


@pytest.mark.parametrize("option", ["$filter", "$expand", "$orderby", "$count", "$search"])
def test_options(graph, error, option):
    """An unsupported option is 501, and a page size must be a positive number."""
    assert error(graph.get("/root/delta", params={option: "x"}))[0] == 501
    assert error(graph.get("/root/delta", params={"$top": "0"}))[0] == 400


def test_missing_items(graph, error):
    """Delta of a missing item is 404, and delta is read only."""
    assert error(graph.get("/items/01NO/delta"))[0] == 404
    assert graph.post("/root/delta").status_code == 405


def test_personal_folders(follow, drive, graph):
    """On a personal drive, delta of a folder covers that folder; items that left it are deleted."""
    drive._drive.personality = "personal"
    drive.put("f/g/x.txt", b"1")
    drive.put("f/y.txt", b"1")
    drive.put("other/z.txt", b"1")
    place = f"/items/{drive.item('f')['id']}/delta"
    entries, link = follow(place)
    assert names(entries) == ["f", "g", "x.txt", "y.txt"]
    drive.put("other/z.txt", b"2")
    assert follow(link)[0] == []
    moved, deleted = drive.item("f/y.txt")["id"], drive.item("f/g/x.txt")["id"]
    graph.patch("/root:/f/y.txt", json={"parentReference": {"id": drive.item("other")["id"]}})
    drive.delete("f/g/x.txt")
    drive.put("f/new.txt", b"1")
    entries, _ = follow(link)
    assert names(entries) == ["f", "new.txt", moved, deleted]
    assert entries[-1]["deleted"] == {}
    assert (entries[-1]["name"], "size" in entries[-1], "cTag" in entries[-1]) == ("x.txt", False, False)
    assert entries[1]["cTag"]


def test_many_pages(drive, follow):
    """A round of many pages costs each page once, not the whole round again for each."""
    with drive._drive.change():
        for number in range(5000):
            drive.put(f"{number}.txt", b"1")
    begin = time.process_time()
    entries, _ = follow(**{"$top": 50, "$select": "id"})
    assert len(entries) == 5001
    assert time.process_time() - begin < 10
