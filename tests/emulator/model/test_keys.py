"""Keys in parentheses."""

from __future__ import annotations

from urllib.parse import quote

import pytest

FILE = "it's (1).txt"


@pytest.fixture
def tree(drive):
    drive.put(f"A/{FILE}", b"1")
    drive.put("A/x/b.txt", b"2")
    drive.put("A/children('x')", b"3")
    return drive


def address(text, drive):
    """Return a path with the ids of the drive and its items in it."""
    ids = {"FOLDER": drive.item("A")["id"], "FILE": drive.item(f"A/{FILE}")["id"], "DRIVE": drive.id}
    for word, item_id in ids.items():
        text = text.replace(word, item_id)
    return text


@pytest.mark.parametrize(
    "path",
    [
        "/drives('DRIVE')/items('FILE')",
        "/drives/DRIVE/items('FILE')",
        "/drives/DRIVE/items('FOLDER')/children('FILE')",
        "/drives/DRIVE/items/FOLDER/children('it''s (1).txt')",
        "/drives/DRIVE/items/FOLDER/children('IT''S (1).TXT')",
        "/drives/DRIVE/items/FOLDER/children/it's (1).txt",
        "/drives/DRIVE/items/FOLDER/children/FILE",
        "/drives/DRIVE/root/children('A')/children('it''s (1).txt')",
        "/drives/DRIVE/items/FOLDER/children('@a1')?@a1='it''s (1).txt'",
        "/drives/DRIVE/items/FOLDER/children('@a1')?@a1='it's (1).txt'",
        "/drives/DRIVE/items/FOLDER/children(@a1)?@a1='it''s (1).txt'",
        "/drives/DRIVE/root/children('@a1')?@a1='A/it's (1).txt'",
        "/users('anna@contoso.example')/drive/items('FILE')",
        "/users('anna@contoso.example')/drives('DRIVE')/root:/A/it's (1).txt:",
        "/drives/DRIVE/items('FOLDER'):/it's (1).txt",
    ],
)
def test_one_item(v1, tree, path):
    """A key names one item: by id, by name, or by an alias whose value is in the query."""
    location, mark, query = address(path, tree).partition("?")
    reply = v1.get(quote(location, safe="/:'()!") + mark + query)
    assert (reply.status_code, reply.json().get("name")) == (200, FILE)


@pytest.mark.parametrize(
    "path",
    [
        "/items/FOLDER/children('nope')",
        "/items/FOLDER/children/nope",
        "/items/FOLDER/children(@a1)",
        "/root/children('FILE')",
        "/items/FILE/versions('9.9')",
        "/items/FILE/permissions('x')",
        "/items('nope')",
    ],
)
def test_no_such_key(graph, tree, error, path):
    """A key that names nothing is 404, and never the whole collection."""
    assert error(graph.get(address(path, tree)))[:2] == (404, "itemNotFound")


@pytest.mark.parametrize("path", ["content('x')", "children(x)", "createLink('x')", "versions('1.0'", "versions('')"])
def test_parentheses_that_are_no_key(graph, tree, error, path):
    """Other parentheses are an unknown route."""
    reply = graph.get(f"/items/{tree.item(f'A/{FILE}')['id']}/{path}")
    assert error(reply) == (400, "BadRequest", f"Resource not found for the segment '{path}'.")


def test_what_a_key_leads_to(graph, tree):
    """What stands behind a key belongs to that item: its content, children, versions and sessions."""
    folder = f"/items('{tree.item('A')['id']}')"
    assert graph.get(f"{folder}/children('x')/children").json()["value"][0]["name"] == "b.txt"
    assert graph.put(f"{folder}/children('new.txt')/content", content=b"n").status_code == 201
    assert graph.get(f"{folder}/children('new.txt')/versions('1.0')").json()["size"] == 1
    reply = graph.post(f"{folder}/children('@a1')/createUploadSession?@a1='big.txt'")
    assert "uploadUrl" in reply.json()
    assert graph.patch(f"{folder}/children('new.txt')", json={"name": "newer.txt"}).status_code == 200
    assert graph.delete(f"{folder}/children('newer.txt')").status_code == 204
    assert not tree.exists("A/new.txt")


def test_nothing_is_created_in_a_key(graph, tree, error):
    """A POST belongs to the collection, not to one of its entities."""
    assert error(graph.post("/root/children('a.txt')", json={"name": "x", "folder": {}}))[0] == 405
    assert not tree.exists("x")


def test_names_that_look_like_keys(graph, tree):
    """In a path a name stays a name."""
    assert graph.get("/root:/A/children('x')").json()["name"] == "children('x')"
    assert graph.get("/root:/A/children('x'):/content").status_code == 302
    assert graph.get("/root:/A:/children('children(''x'')')").json()["name"] == "children('x')"


def test_sites_and_lists(v1, emulator):
    """Sites, lists and their items have keys, too."""
    site = emulator.add_site("/sites/finance")
    library = emulator.drive("sites/finance")
    library.put("a.txt", b"x")
    assert v1.get(f"/sites('{site}')/drives('{library.id}')/root/children('a.txt')").json()["size"] == 1
    lists = v1.get(f"/sites/{site}/lists").json()["value"]
    item = v1.get(f"/sites/{site}/lists('{lists[0]['id']}')/items").json()["value"][0]
    assert v1.get(f"/sites('{site}')/lists('{lists[0]['id']}')/items('{item['id']}')").json() == item
    assert v1.get(f"/sites('{site}')/lists('nope')").status_code == 404
