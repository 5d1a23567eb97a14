"""$expand, $orderby and $filter."""

from __future__ import annotations

import pytest


@pytest.fixture
def personal(drive):
    """Make the first user's drive one of a personal account."""
    drive._drive.personality = "personal"
    return drive


def names(reply):
    assert reply.status_code == 200, reply.text
    return [item["name"] for item in reply.json()["value"]]


def pages(graph, url):
    """Follow nextLink to the end."""
    found = []
    while url:
        page = graph.get(url).json()
        found.append([item["name"] for item in page["value"]])
        url = page.get("@odata.nextLink")
    return found


@pytest.mark.parametrize("option", ["$expand", "expand", "%24expand"])
def test_expand_children(graph, drive, option):
    """An item shows its children, folders first, with either spelling of the option."""
    drive.put("a/b.txt", b"1")
    drive.folder("a/z")
    item = graph.get(f"/root:/a?{option}=children").json()
    assert [child["name"] for child in item["children"]] == ["z", "b.txt"]
    assert item["children"][1]["file"]["hashes"]


def test_expand_selects_within(graph, drive):
    """Options in the parentheses are those of the children; the item's own $select does not take them away."""
    drive.put("a/b.txt", b"1")
    item = graph.get("/root:/a?$select=name&$expand=children($select=id,size)").json()
    assert item["children"] == [{"id": drive.item("a/b.txt")["id"], "size": 1}]
    assert set(item) == {"@odata.context", "name", "children"}


def test_expand_in_a_listing(graph, drive):
    """Each child of a listing shows its own children; a file has none."""
    drive.put("a/b/c.txt", b"1")
    drive.put("a/d.txt", b"1")
    folder, file = graph.get("/root:/a:/children?$expand=children($select=name)").json()["value"]
    assert folder["children"] == [{"name": "c.txt"}]
    assert file["children"] == []


def test_expanded_children_lead_on_only_for_dollar_options(graph, drive, emulator):
    """More children have a nextLink if the inner options have a $, and are cut silently otherwise."""
    emulator.options.page_size = 2
    for number in range(5):
        drive.put(f"a/{number}.txt", b"1")
    cut = graph.get("/root:/a?$expand=children(select=name)").json()
    paged = graph.get("/root:/a?$expand=children($select=name)").json()
    assert cut["children"] == paged["children"] == [{"name": "0.txt"}, {"name": "1.txt"}]
    assert "children@odata.nextLink" not in cut
    rest = graph.get(paged["children@odata.nextLink"]).json()
    assert rest["value"] == [{"name": "2.txt"}, {"name": "3.txt"}]
    assert names(graph.get(rest["@odata.nextLink"])) == ["4.txt"]


@pytest.mark.parametrize(
    ("expand", "status"),
    [
        ("thumbnails", 200),
        ("children,thumbnails", 200),
        ("nothing", 400),
        ("children(", 400),
        ("children($select)", 400),
        ("children($top=x)", 400),
        ("children($filter=a)", 501),
        ("children(" * 3000, 400),
    ],
)
def test_what_can_be_expanded(graph, expand, status):
    """An unknown name is an error of the client."""
    assert graph.get("/root", params={"$expand": expand}).status_code == status


def test_order_of_work_or_school(graph, drive):
    """By name, files and folders are mixed; by URL the order is the same."""
    for path in ("b/", "A.txt", "c.txt"):
        drive.folder(path) if path.endswith("/") else drive.put(path)
    assert names(graph.get("/root/children")) == ["b", "A.txt", "c.txt"]
    assert names(graph.get("/root/children?$orderby=name")) == ["A.txt", "b", "c.txt"]
    assert names(graph.get("/root/children?orderby=name%20asc")) == ["A.txt", "b", "c.txt"]
    assert names(graph.get("/root/children?$orderby=url desc")) == ["c.txt", "b", "A.txt"]


def test_order_of_a_personal_account(graph, personal):
    """Size and time sort, too; equal values are sorted by name."""
    personal.put("a", b"333")
    personal.put("b", b"1")
    personal.put("c", b"333")
    assert names(graph.get("/root/children?$orderby=size")) == ["b", "a", "c"]
    assert names(graph.get("/root/children?$orderby=size desc")) == ["c", "a", "b"]
    assert sorted(names(graph.get("/root/children?$orderby=lastModifiedDateTime"))) == ["a", "b", "c"]


@pytest.mark.parametrize("column", ["size", "lastModifiedDateTime", "id", "name,size", "folder/childCount"])
def test_columns_that_do_not_order(graph, column, error):
    """For work or school only name and address order."""
    assert error(graph.get(f"/root/children?$orderby={column}"))[:2] == (400, "invalidRequest")


@pytest.mark.parametrize("column", ["url", "id"])
def test_columns_that_do_not_order_a_personal_account(graph, personal, column):
    """The address does not order a personal account's listing."""
    assert graph.get(f"/root/children?$orderby={column}").status_code == 400


@pytest.mark.parametrize("order", ["size", "size desc", "name", "name desc", "lastModifiedDateTime desc"])
def test_pages_of_an_order(graph, personal, order):
    """Pages follow the order, each item once; an item that is added meanwhile shifts no other."""
    for number in range(7):
        personal.put(f"{number}.txt", b"x" * (number % 3))
    whole = names(graph.get(f"/root/children?$orderby={order}"))
    found = pages(graph, f"/root/children?$orderby={order}&$top=3")
    assert [len(page) for page in found] == [3, 3, 1]
    assert [name for page in found for name in page] == whole


def test_a_skip_token_belongs_to_its_order(graph, personal):
    """A token of another order is refused."""
    for number in range(3):
        personal.put(f"{number}.txt")
    link = graph.get("/root/children?$orderby=size&$top=1").json()["@odata.nextLink"]
    assert graph.get(link.replace("orderby=size", "orderby=name")).status_code == 400


@pytest.mark.parametrize(
    ("clause", "found"),
    [
        ("name eq 'B.TXT'", ["b.txt"]),
        ("name ne 'b.txt'", ["a's.txt", "c.csv"]),
        ("name eq 'a''s.txt'", ["a's.txt"]),
        ("startswith(name,'b')", ["b.txt"]),
        ("name gt 'a' and name lt 'c'", ["a's.txt", "b.txt"]),
        ("startswith(webUrl,'https://no')", []),
    ],
)
def test_filter_by_name(graph, drive, clause, found):
    """Name and address are all that filters, without regard to case."""
    for name in ("a's.txt", "b.txt", "c.csv"):
        drive.put(name)
    assert names(graph.get("/root/children", params={"$filter": clause})) == found
    found_by_page = pages(graph, f"/root/children?$filter={clause}&$top=1")
    assert [name for page in found_by_page for name in page] == found


@pytest.mark.parametrize(
    ("clause", "status", "code"),
    [
        ("folder ne null", 501, "notSupported"),
        ("file ne null", 501, "notSupported"),
        ("size gt 5", 501, "notSupported"),
        ("name eq 'a' or name eq 'b'", 501, "notSupported"),
        ("contains(name,'a')", 501, "notSupported"),
        ("'", 400, "BadRequest"),
        ("", 400, "BadRequest"),
    ],
)
def test_filters_that_are_refused(graph, clause, status, code, error):
    """Facets and unsupported properties are 501; a syntax error is 400."""
    assert error(graph.get("/root/children", params={"$filter": clause}))[:2] == (status, code)


def test_a_personal_account_does_not_filter(graph, personal):
    """Not even by name."""
    assert graph.get("/root/children?$filter=name eq 'a'").status_code == 501


def test_skip(graph, drive, emulator):
    """The service ignores $skip; strict mode refuses it, so that no client relies on it."""
    drive.put("a.txt")
    assert graph.get("/root/children?$skip=1").status_code == 400
    emulator.options.strict = False
    assert names(graph.get("/root/children?$skip=1")) == ["a.txt"]
