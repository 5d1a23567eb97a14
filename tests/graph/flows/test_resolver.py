"""Every root of the grammar leads to the same file, and what was looked up is not looked up again."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest

from airflow_provider_onedrive.emulator.faults import status
from airflow_provider_onedrive.graph.protocol.errors import (
    AccessDenied,
    BadRequest,
    ConfigurationError,
    ItemNotFound,
    LocationError,
)

HOST = "contoso.sharepoint.com"


@pytest.fixture
def library(onedrive_emulator):
    """A library of a site, with a file in a folder."""
    onedrive_emulator.add_site("/sites/Finance", libraries=("Documents", "Reports"))
    drive = onedrive_emulator.drive("sites/Finance/Reports")
    drive.put("2026/a b #1.csv", b"abc")
    return drive


def found(client, location):
    """Read a file by its location, and by the one that it is given; both are the same file."""
    with client.open(location) as file:
        content = file.read()
    item = client.stat(location)
    assert client.stat(item.location).id == item.id
    assert client.stat(item.to_dict()).id == item.id
    return content


def looked_up(emulator):
    return [request.path for request in emulator.requests if "/sites/" in request.path or "/shares/" in request.path]


def personal_path(upn):
    return "personal/" + upn.replace("@", "_").replace(".", "_")


@pytest.mark.parametrize(
    "location",
    [
        f"sites/{HOST}/sites/Finance/Reports/2026/a b #1.csv",
        "SITES/Contoso.SharePoint.com/SITES/finance/reports/2026/a b #1.csv",
        f"https://{HOST}/sites/Finance/Reports/2026/a%20b%20%231.csv",
        f"https://{HOST}/:x:/r/sites/Finance/Reports/2026/a%20b%20%231.csv?csf=1&web=1",
        f"https://{HOST}/sites/Finance/Reports/Forms/AllItems.aspx?id=%2Fsites%2FFinance%2FReports%2F2026%2Fa%20b%20%231.csv",
    ],
)
def test_a_library_as_in_the_browser(client, library, location):
    """By the text of the grammar, and by the addresses that a browser shows."""
    assert found(client, location) == b"abc"


def test_a_librarys_address_wins_over_its_name(client, onedrive_emulator, library):
    """The default library is called Documents and its address says Shared Documents: both are understood."""
    onedrive_emulator.drive("sites/Finance").put("x.txt", b"x")
    for name in ("Shared Documents", "Documents", "shared documents"):
        assert found(client, f"sites/{HOST}/sites/Finance/{name}/x.txt") == b"x"


def test_two_libraries_of_one_name(client, onedrive_emulator):
    """Neither is guessed: the error lists both addresses."""
    onedrive_emulator.add_site("/sites/Twins", libraries=("Documents", "Twin", "Other"))
    twin = onedrive_emulator.drive("sites/Twins/Other")
    other = onedrive_emulator.drive("sites/Twins/Twin")
    rename_library(onedrive_emulator, twin, "Same")
    rename_library(onedrive_emulator, other, "Same")
    with pytest.raises(LocationError, match=r"may mean two libraries: .*/(Other|Twin) and .*/(Other|Twin)"):
        client.stat(f"sites/{HOST}/sites/Twins/Same/x.txt")


def rename_library(emulator, drive, name):
    """Call a library something else; its address stays."""
    found = emulator.state.tenant.drive(drive.id)
    found.library = replace(found.library, name=name)


def test_a_subsite(client, onedrive_emulator, library):
    """What is no library is a subsite, and its libraries come next."""
    onedrive_emulator.add_site("/sites/Finance/Audit", libraries=("Papers",))
    onedrive_emulator.drive("sites/Finance/Audit").put("y.txt", b"y")
    assert found(client, f"sites/{HOST}/sites/Finance/Audit/Shared Documents/y.txt") == b"y"


def test_a_personal_site(client, onedrive_emulator, drive):
    """Somebody's OneDrive by its address."""
    drive.put("z.txt", b"z")
    where = personal_path(onedrive_emulator.users[0])
    assert found(client, f"sites/contoso-my.sharepoint.com/{where}/Documents/z.txt") == b"z"
    address = f"https://contoso-my.sharepoint.com/{where}/_layouts/15/onedrive.aspx?id=%2F{where}%2FDocuments%2Fz.txt"
    assert found(client, address.replace(f"%2F{where}", "%2F" + where.replace("/", "%2F"))) == b"z"


def test_a_group(client, onedrive_emulator):
    """A group's library by the group's id."""
    group = onedrive_emulator.add_group("Finance team")
    onedrive_emulator.drive("groups/Finance team").put("g.txt", b"g")
    assert found(client, f"groups/{group}/g.txt") == b"g"


@pytest.mark.parametrize(
    ("location", "said"),
    [
        (
            f"sites/{HOST}/sites/Finance/Report/a.csv",
            "has no library or subsite 'Report'.*'Shared Documents', 'Reports'",
        ),
        (f"sites/{HOST}/sites/Finance", "is a site and names no library in it"),
    ],
)
def test_a_library_that_is_not_there(client, library, location, said):
    """The error lists those that are."""
    with pytest.raises(LocationError, match=said):
        client.stat(location)


def test_a_site_that_is_not_there(client):
    """The error asks for the site, not for the file."""
    with pytest.raises(ItemNotFound, match=rf"Is there a site {HOST}/sites/Nowhere"):
        client.stat(f"sites/{HOST}/sites/Nowhere/Documents/a.csv")


def test_a_hundred_files_cost_one_look(client, onedrive_emulator, library):
    """A library is looked up once, whatever is done in it."""
    for number in range(10):
        client.save(f"sites/{HOST}/sites/Finance/Reports/2026/{number}.txt", content=b"x")
    list(client.children(f"sites/{HOST}/sites/Finance/Reports/2026"))
    assert len(looked_up(onedrive_emulator)) == 2


def test_a_sharing_link(client, onedrive_emulator, library):
    """It is shown to Graph and fetched from nowhere; what is found by it is named by ids."""
    link = library.link("2026", writes=True)
    assert [item.name for item in client.children(link)] == ["a b #1.csv"]
    item = client.stat(link)
    assert item.location == f"items/{item.drive_id}/{item.id}"
    assert link not in str(client.address(link))
    assert onedrive_emulator.requests.matching(origin="store") == []


def test_a_sharing_link_that_leads_nowhere(client):
    """The error shows its host and not the link."""
    link = f"https://{HOST}/:f:/s/Finance/SECRETSECRETSECRETSECRETSECRETSECRET"
    with pytest.raises((ItemNotFound, AccessDenied)) as caught:
        client.stat(link)
    assert "(sharing link)" in str(caught.value)
    assert "SECRETS" not in str(caught.value)


def test_shared_by_the_connection(connect, library, drive):
    """The field shared names a location, two ids or a link, and what is found below keeps the name."""
    folder = library.item("2026")
    client = connect(
        shared={
            "place": f"drives/{library.id}/2026",
            "ids": f"{library.id}/{folder['id']}",
            "link": library.link("2026"),
            "site": f"sites/{HOST}/sites/Finance/Reports/2026",
        }
    )
    for name in ("place", "ids", "link", "site", "PLACE"):
        assert found(client, f"shared/{name}/a b #1.csv") == b"abc"
    assert client.stat("shared/place/a b #1.csv").location == "shared/place/a b #1.csv"
    assert client.stat("shared/link/a b #1.csv").location == "shared/link/a b #1.csv"


def test_shared_by_a_shortcut(client, drive, library):
    """A shortcut in the root of myfiles leads to the folder of the other drive, also for an application."""
    drive.shortcut("Team", library, "2026")
    assert found(client, "shared/Team/a b #1.csv") == b"abc"
    client.save("shared/Team/new.txt", content=b"new")
    assert library.read("2026/new.txt") == b"new"
    assert client.stat("shared/Team/new.txt").location == "shared/Team/new.txt"


@pytest.mark.parametrize(
    ("location", "path", "times"),
    [
        ("shared/Team/a b #1.csv", "Team$", 1),
        (f"sites/{HOST}/sites/Finance/Audit/Papers/y.txt", "Finance/Audit$", 1),
        (
            f"https://{HOST}/sites/Finance/_layouts/15/Doc.aspx?sourcedoc=%7B{{guid}}%7D",
            "{guid}$",
            2,
        ),  # in two libraries
    ],
    ids=["shortcut", "subsite", "document"],
)
def test_step_of_a_lookup_that_is_missing_for_a_moment(  # noqa: PLR0917 - fixtures
    client, onedrive_emulator, drive, library, location, path, times
):
    """The error would be for good, so no step believes one 404."""
    drive.shortcut("Team", library, "2026")
    library.put("2026/plain.csv", b"plain")
    onedrive_emulator.add_site("/sites/Finance/Audit", libraries=("Papers",))
    onedrive_emulator.drive("sites/Finance/Audit/Papers").put("y.txt", b"y")
    guid = library.item("2026/plain.csv")["eTag"].strip('"{').partition("}")[0]
    rule = onedrive_emulator.faults.add(path=f"(?i){path.format(guid=guid)}", times=times, do=status(404))
    assert client.stat(location.format(guid=guid)).size
    assert rule.hits == times


def test_nothing_is_shared_so(connect, drive):
    """The error says what can be named, and that a plain folder is no shortcut."""
    drive.put("plain/a.txt")
    client = connect(shared={"team": "drives/d"})
    for name, reason in (("none", "myfiles has no such shortcut"), ("plain", "is not a shortcut")):
        with pytest.raises(LocationError, match=f"Nothing is shared as '{name}'.*names team, and .*{reason}"):
            client.stat(f"shared/{name}/a.txt")


def test_all_that_is_shared(connect, drive, library):
    """The connection's names and the shortcuts; a listing of ``shared`` gives their items."""
    drive.shortcut("Team", library, "2026")
    drive.put("plain/a.txt")
    client = connect(shared={"map": f"drives/{library.id}/2026", "link": library.link("2026")})
    places = client.shared_folders()
    assert [(each.location, each.origin, each.is_link) for each in places] == [
        ("shared/map", "connection", False),
        ("shared/link", "connection", True),
        ("shared/Team", "shortcut", False),
    ]
    assert "SECRET" not in repr(places)
    assert {item.name for item in client.children("shared")} == {"2026"}
    with pytest.raises(LocationError, match="'shared' alone names no item"):
        client.stat("shared")


@pytest.mark.parametrize("how", ["user", "library", "folder", "link", "browser"])
def test_myfiles_is_any_place(connect, onedrive_emulator, library, how):
    """A DAG says myfiles, and the connection decides what that is."""
    place = {
        "user": onedrive_emulator.users[0],
        "library": f"sites/{HOST}/sites/Finance/Reports",
        "folder": f"drives/{library.id}/2026",
        "link": library.link("2026", writes=True),
        "browser": f"https://{HOST}/sites/Finance/Reports/2026",
    }[how]
    client = connect(myfiles=place)
    client.save("myfiles/q.txt", content=b"q")
    assert client.stat("myfiles/q.txt").location == "myfiles/q.txt"
    assert [item.location for item in client.children("myfiles")][-1] == "myfiles/q.txt"


def test_a_shortcut_that_leads_elsewhere_now(client, drive, library):
    """What was looked up and is not there any more is looked up again."""
    library.put("old/a.txt", b"old")
    drive.shortcut("Team", library, "old")
    assert found(client, "shared/Team/a.txt") == b"old"
    library.delete("old")
    drive.delete("Team")
    library.put("new/a.txt", b"new")
    drive.shortcut("Team", library, "new")
    with suppress(ItemNotFound):
        client.stat("shared/Team/a.txt")
    assert found(client, "shared/Team/a.txt") == b"new"


def test_the_event_loop_too(connect_async, library):
    """The async client looks up in the same words."""

    async def look():
        async with connect_async() as client:
            at = f"sites/{HOST}/sites/Finance/Reports"
            item = await client.stat(f"{at}/2026/a b #1.csv")
            await client.move(f"{at}/2026/a b #1.csv", f"{at}/")
            return item.name, [each.name async for each in client.children(at)]

    assert asyncio.run(look()) == ("a b #1.csv", ["2026", "a b #1.csv"])


def test_a_pasted_address_is_never_fetched(client, onedrive_emulator, library):
    """Whatever host it names: only Graph is asked."""
    with pytest.raises((ItemNotFound, LocationError, BadRequest)):
        client.stat("https://evil.example/sites/Finance/Reports/2026/x.csv")
    assert {request.origin for request in onedrive_emulator.requests} <= {"graph", "login"}


# --- limits


@pytest.fixture
def limited(connect, drive):
    drive.put("in/a.csv", b"a")
    drive.put("in/deep/b.csv", b"b")
    drive.put("out/c.csv", b"c")
    return connect(allowed_locations=["myfiles/in"])


INSIDE = ["myfiles/in/a.csv", "myfiles/in/deep/b.csv", "MYFILES/IN/a.csv"]


@pytest.mark.parametrize("location", INSIDE)
def test_inside_is_allowed(limited, location):
    """The folder and everything below it, however it is written."""
    assert limited.stat(location).size == 1
    assert limited.stat(limited.stat(location).to_dict()).size == 1


@pytest.mark.parametrize("location", ["myfiles/out/c.csv", "myfiles", "myfiles/out/new.csv", "myfiles/inside.csv"])
@pytest.mark.parametrize("act", ["stat", "children", "save", "delete", "open", "create_folder", "by_id"])
def test_outside_is_refused(limited, drive, onedrive_emulator, *, location, act):
    """Whatever is tried; by an id too. Nothing is changed."""
    before = drive.paths()
    acts = {
        "save": lambda: limited.save(location, content=b"x", file_name="x.csv"),
        "children": lambda: list(limited.children(location)),
        "by_id": lambda: limited.stat({"drive_id": drive.id, "id": drive.item("out/c.csv")["id"]}),
    }
    with pytest.raises((ConfigurationError, LocationError), match=r"lies outside of|whole drive|names no folder"):
        acts.get(act, lambda: getattr(limited, act)(location))()
    assert drive.paths() == before


def test_what_comes_into_being_inside(limited):
    """A new file, new folders on the way, and a move within."""
    limited.save("myfiles/in/new/x/n.csv", content=b"n", create_folders=True)
    limited.move("myfiles/in/new/x/n.csv", "myfiles/in/deep/")
    assert limited.stat("myfiles/in/deep/n.csv").size == 1


@pytest.mark.parametrize(
    ("source", "destination"), [("myfiles/in/a.csv", "myfiles/out/"), ("myfiles/out/c.csv", "myfiles/in/")]
)
@pytest.mark.parametrize("act", ["move", "copy"])
def test_a_way_out_or_in(limited, source, destination, act):
    """Source and destination both have to be inside."""
    with pytest.raises(ConfigurationError, match="lies outside"):
        getattr(limited, act)(source, destination)


def test_many_that_were_found_elsewhere(limited, client, drive):
    """Items that another client has found are compared as well."""
    outside = list(client.children("myfiles/out"))
    with pytest.raises(ConfigurationError, match="lies outside"):
        limited.delete_all(outside)
    assert limited.delete_all(list(limited.children("myfiles/in/deep"))) == []
    assert drive.paths() == ["in/", "in/a.csv", "in/deep/", "out/", "out/c.csv"]


def test_an_allowed_location_that_is_not_there(connect):
    """Nothing is allowed by mistake."""
    with pytest.raises(ConfigurationError, match="allowed_locations names myfiles/none, which does not exist"):
        connect(allowed_locations=["myfiles/none"]).stat("myfiles")


def test_the_event_loop_is_limited_too(connect_async, drive):
    """A sensor or a trigger looks nowhere else."""
    drive.put("in/a.csv")
    drive.put("out/c.csv")

    async def look(location):
        async with connect_async(allowed_locations=["myfiles/in"]) as client:
            return (await client.stat(location)).name

    assert asyncio.run(look("myfiles/in/a.csv")) == "a.csv"
    with pytest.raises(ConfigurationError, match="lies outside"):
        asyncio.run(look("myfiles/out/c.csv"))


@pytest.mark.parametrize(
    "act",
    [
        lambda client: client.save("myfiles/b.csv", content=b"x"),
        lambda client: client.upload("myfiles/b.csv", content=b"x"),
        lambda client: client.update("myfiles/a.csv", content=b"x"),
        lambda client: client.create_folder("myfiles/f"),
        lambda client: client.delete("myfiles/a.csv"),
        lambda client: client.move("myfiles/a.csv", "myfiles/b.csv"),
        lambda client: client.copy("myfiles/a.csv", "myfiles/b.csv"),
    ],
)
def test_a_connection_that_only_reads(connect, drive, onedrive_emulator, act):
    """Nothing that could change something is sent."""
    drive.put("a.csv", b"a")
    client = connect(read_only="true")
    with pytest.raises(ConfigurationError, match="is read_only, and this request could change something"):
        act(client)
    assert drive.paths() == ["a.csv"]
    changing = [one for one in onedrive_emulator.requests.matching(origin="graph") if one.method != "GET"]
    assert changing == []
    with client.open("myfiles/a.csv") as file:
        assert file.read() == b"a"


def test_many_that_a_reader_may_not_delete(connect, drive):
    """Each is told as refused, and none is gone."""
    drive.put("a.csv", b"a")
    client = connect(read_only=True)
    ((item, problem),) = client.delete_all(list(client.children("myfiles")))
    assert (item.name, "is read_only" in str(problem), drive.paths()) == ("a.csv", True, ["a.csv"])


def test_so_many_requests_at_once(connect, drive, onedrive_emulator):
    """max_concurrent holds for whatever a client does in threads."""
    for number in range(12):
        drive.put(f"{number}.txt", b"x")
    client = connect(max_concurrent=2)
    works = [lambda n=number: client.stat(f"myfiles/{n}.txt") for number in range(12)]
    assert len(list(client.run_each(works, 12))) == 12
    assert client._graph._transport._connections == 2


def test_so_many_requests_a_second(connect, drive):
    """Each request takes its turn; the waiting is asked of the pace and not of the clock."""
    client = connect(requests_per_second=1000)
    waits = []
    original = client._wait
    client._wait = lambda seconds: (waits.append(seconds), original(seconds))
    for _ in range(5):
        client.stat("myfiles")
    assert client._rate._seconds_per_byte == 1 / 1000
    assert len([wait for wait in waits if 0 <= wait <= 0.01]) >= 5


def test_names_that_are_replaced(connect, drive):
    """With name_policy replace a name means the same file wherever it is written."""
    client = connect(name_policy="replace")
    client.save("myfiles/2026-01-02T03:04:05/a*b.csv", content=b"x", create_folders=True)
    assert drive.paths() == ["2026-01-02T03_04_05/", "2026-01-02T03_04_05/a_b.csv"]
    assert client.exists("myfiles/2026-01-02T03:04:05/a*b.csv")
    client.delete("myfiles/2026-01-02T03:04:05/a*b.csv")
    client.upload("myfiles/", content=b"y", file_name="CON")
    assert drive.paths() == ["2026-01-02T03_04_05/", "_CON"]


def shown_by(drive, path):
    """Addresses of a file in a library that show it on a page, carry it, or name it by its GUID."""
    server_path, guid = f"%2Fsites%2FFinance%2FReports%2F{path}", drive.item(path)["eTag"].strip('"{').partition("}")[0]
    library = f"https%3A%2F%2F{HOST}%2Fsites%2FFinance%2FReports"
    return [
        f"https://contoso-my.sharepoint.com/shared?id={server_path}&listurl={library}",
        f"https://{HOST}/sites/Finance/_layouts/15/download.aspx?SourceUrl={server_path}",
        f"https://{HOST}/sites/Finance/_layouts/15/Doc.aspx?sourcedoc=%7B{guid}%7D&file=x.csv&action=default",
        f"https://{HOST}/:x:/r/sites/Finance/_layouts/15/Doc.aspx?sourcedoc=%7B{guid.lower()}%7D",
        f"https://teams.microsoft.com/l/file/{guid}?objectUrl={library}%2F{path}&serviceName=teams",
        f" https://{HOST}/sites/Finance/Reports/{path}?web=1\n",
    ]


def test_page_that_shows_a_file(client, onedrive_emulator, library):
    """Each address is that file, found by Graph alone; a document by its GUID, in whichever library it lies."""
    library.put("2026/plain.csv", b"plain")
    for address in shown_by(library, "2026/plain.csv"):
        assert found(client, address) == b"plain"
    assert {request.origin for request in onedrive_emulator.requests} <= {"graph", "login", "store"}


def test_document_is_looked_up_once(client, onedrive_emulator, library):
    """Its site, its libraries and the document cost a request each; what is found is named by ids."""
    library.put("2026/plain.csv", b"plain")
    address = shown_by(library, "2026/plain.csv")[2]
    item = client.stat(address)
    before = len(looked_up(onedrive_emulator))
    assert client.stat(address).location == item.location == f"items/{item.drive_id}/{item.id}"
    assert len(looked_up(onedrive_emulator)) == before


def test_document_of_no_library(client, library):
    """The error says what to paste instead."""
    guid = "0" * 8 + "-0000-4000-8000-" + "0" * 12
    with pytest.raises(LocationError, match=r"No library of the site has the document.*use Share, Copy link"):
        client.stat(f"https://{HOST}/sites/Finance/_layouts/15/Doc.aspx?sourcedoc=%7B{guid}%7D")


def test_failed_request_for_a_link_shows_no_token(client, onedrive_emulator, library):
    """The token in the path of the request is the link in base64."""
    link = library.link("2026")
    onedrive_emulator.faults.add(path="/shares/", do=status(400, message="No", code="invalidRequest"))
    with pytest.raises(BadRequest, match=r"GET /shares/\(sharing link\)/driveItem") as caught:
        client.stat(link)
    token = next(request.path for request in onedrive_emulator.requests if "/shares/" in request.path).split("/")[-2]
    assert token not in f"{caught.value} {caught.value.to_dict()}"


@pytest.mark.parametrize(
    ("location", "name", "shorter"),
    [
        ("users/anna@contoso.example/Documents/a.csv", "Documents", "users/anna@contoso.example/<path>"),
        ("users/anna@contoso.example/documents/x/a.csv", "documents", "users/anna@contoso.example/<path>"),
        ("users/anna@contoso.example/OneDrive/a.csv", "OneDrive", "users/anna@contoso.example/<path>"),
        ("myfiles/Documents/", "Documents", "myfiles/<path>"),
        (f"sites/{HOST}/sites/Finance/Reports/Reports/2026/a b #1.csv", "Reports", "Reports/<path>"),
    ],
)
def test_name_of_the_library_in_a_location(client, library, location, name, shorter):
    """It stands in the address of each file in the browser, and the drive begins below it."""
    with pytest.raises(
        ItemNotFound, match=f"'{name}' is the name of the drive itself: leave it out, as in .*{shorter}"
    ):
        client.stat(location)


@pytest.mark.parametrize("location", ["myfiles/Nothing/a.csv", "myfiles/x/Documents/a.csv"])
def test_other_missing_name_has_no_such_advice(client, drive, location):
    """Only the first name below a drive can be a mistake of this kind."""
    drive.put("x/y.csv", b"y")
    with pytest.raises(ItemNotFound) as caught:
        client.stat(location)
    assert "drive itself" not in str(caught.value)


def test_folder_that_is_called_like_the_library(client, drive):
    """It is that folder."""
    drive.put("Documents/a.csv", b"a")
    assert found(client, "myfiles/Documents/a.csv") == b"a"
    with pytest.raises(ItemNotFound) as caught:
        client.stat("myfiles/Documents/b.csv")
    assert "drive itself" not in str(caught.value)


@pytest.mark.parametrize("owner", ["sites/Finance/Reports", "cara@outlook.example"])
@pytest.mark.parametrize("name", ["a.xlsx", "b 1.csv", "c.txt"])
def test_address_that_an_item_has_is_its_location(client, onedrive_emulator, library, owner, name):
    """People paste ``web_url`` from a result: of an Office file it has no path."""
    onedrive_emulator.add_user("cara@outlook.example", personality="personal")
    drive = onedrive_emulator.drive(owner)
    drive.put(f"x/{name}", name.encode())
    onedrive_emulator.quirks.editor_addresses = True
    item = client.stat(f"drives/{drive.id}/x/{name}")
    is_edited = name != "c.txt"
    assert ("_layouts/15/" in item.web_url) is is_edited
    if is_edited or owner.startswith("sites"):  # the emulator's consumers have paths of another form than the service's
        assert client.stat(item.web_url).id == item.id
