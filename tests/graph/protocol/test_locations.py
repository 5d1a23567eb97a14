"""The location grammar and quoting."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import unquote

import pytest
from asking_nothing import PARSER, own_address
from hypothesis import assume, example, given
from hypothesis import strategies as st

from airflow_provider_onedrive.graph.config.locations import parse_myfiles
from airflow_provider_onedrive.graph.protocol.addresses import Address, address_of, item_url, quote_name
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError, LocationError
from airflow_provider_onedrive.graph.protocol.location_parser import LocationParser, names_folder
from airflow_provider_onedrive.graph.protocol.locations import LOOKED_UP, MAX_PATH_CHARACTERS, Location, shown
from airflow_provider_onedrive.graph.protocol.names import repaired

ILLEGAL = '"*:<>?/\\|'
characters = st.characters(exclude_characters=ILLEGAL, exclude_categories=["Cc", "Cs"])
names = st.text(characters, min_size=1, max_size=30).filter(lambda n: n == n.strip(" ") and not n.endswith("."))
ids = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="/"), min_size=1).filter(
    lambda text: text not in (".", "..")
)
roots = st.one_of(
    st.just("myfiles"),
    st.builds("users/{}".format, ids),
    st.builds("drives/{}".format, ids),
    st.builds("items/{}/{}".format, ids, ids),
)
locations = st.builds(
    lambda root, below, slash: "/".join([root, *below]) + slash,
    roots,
    st.lists(names, max_size=5),
    st.sampled_from(["", "/"]),
)
REPAIRING = LocationParser("replace")
ITEM = {"drive_id": "b!d", "id": "01F", "location": "myfiles/Finance/a.pdf", "path": "Finance/a.pdf", "name": "a.pdf"}


@pytest.mark.parametrize(
    ("text", "location"),
    [
        ("myfiles", Location("myfiles")),
        ("myfiles/", Location("myfiles", is_folder=True)),
        ("MyFiles/A.pdf", Location("myfiles", names=("A.pdf",))),
        ("myfiles/Finance/", Location("myfiles", names=("Finance",), is_folder=True)),
        ("users/anna@contoso.example/a b/c.csv", Location("users", ("anna@contoso.example",), ("a b", "c.csv"))),
        ("USERS/Anna@x", Location("users", ("Anna@x",))),
        ("drives/b!x_-Y/100% #1 (ä)+.csv", Location("drives", ("b!x_-Y",), ("100% #1 (ä)+.csv",))),
        ("items/b!x/01ABC", Location("items", ("b!x", "01ABC"))),
        ("items/b!x/01ABC/below/", Location("items", ("b!x", "01ABC"), ("below",), is_folder=True)),
        ("myfiles/[a]/{b}~$.txt", Location("myfiles", names=("[a]", "{b}~$.txt"))),
        ("myfiles/...a", Location("myfiles", names=("...a",))),
    ],
)
def test_what_a_text_means(text, location):
    """Root words know no case, ids and names are taken exactly, a trailing slash says folder."""
    assert PARSER.parse(text) == location


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "Finance/a.pdf",
            [
                "'Finance/a.pdf'",
                "known root",
                "myfiles, shared, users, groups, drives, items, sites",
                "'myfiles/Finance/a.pdf'?",
            ],
        ),
        ("/Finance/a.pdf", ["'/Finance/a.pdf'", "Did you mean 'myfiles/Finance/a.pdf'?"]),
        ("a.pdf", ["Did you mean 'myfiles/a.pdf'?"]),
        ("myfile/a.pdf", ["Did you mean 'myfiles/a.pdf'?"]),
        ("user/anna@x/a.pdf", ["Did you mean 'users/anna@x/a.pdf'?"]),
        (" myfiles/a.pdf", ["Did you mean 'myfiles/a.pdf'?"]),
        ("", ["The location is empty", "template"]),
        (" \t\n", ["The location is empty", "template"]),
        ("myfiles//a.pdf", ["'myfiles//a.pdf'", "empty name between two slashes", "template"]),
        ("myfiles/a//", ["'myfiles/a//'", "empty name", "template"]),
        ("myfiles//", ["empty name"]),
        ("myfiles/./a", ["'myfiles/./a'", "'.'", "Write the path out"]),
        ("myfiles/a/..", ["'..'", "not a name"]),
        ("myfiles/a/../b", ["'..'"]),
        ("myfiles/a\\b", ["'\\\\'", "does not allow", "Write 'a_b'"]),
        ("myfiles/a\x00b", ["'\\x00'", "does not allow"]),
        ("myfiles/a\nb", ["'\\n'", "does not allow"]),
        ("myfiles/*.csv", ["'*'", "file_pattern"]),
        ("myfiles/a?.csv", ["'?'", "file_pattern"]),
        (
            "myfiles/2026-01-02T03:04:05/a",
            ["':'", "Times have colons", "{{ dag_run.run_after | ts_nodash }}", "run_id"],
        ),
        ("myfiles/ a", ["' a'", "start or end with a space", "Write '_a'"]),
        ("myfiles/a /b", ["'a '", "Write 'a_'"]),
        ("myfiles/a.", ["'a.'", "end with a dot"]),
        ("myfiles/" + "/".join(["x" * 99] * 5), ["400 characters", "Shorten it"]),
        ("users", ["'users'", "not complete", "users/<id or UPN>[/path]"]),
        ("users/", ["not complete"]),
        ("users//a.pdf", ["'users//a.pdf'", "not complete"]),
        ("drives", ["drives/<drive-id>[/path]"]),
        ("items/b!x", ["items/<drive-id>/<item-id>[/path]"]),
        ("items/b!x/", ["not complete"]),
        ("shared//x", ["'shared//x'", "not complete", "shared/<name>[/path]"]),
        ("groups", ["not complete", "groups/<id>[/path]"]),
        ("sites/contoso.sharepoint.com", ["not complete", "/<library>[/path]"]),
        ("https://contoso.sharepoint.com/", ["on contoso.sharepoint.com", "does not say which file or folder"]),
        ("https://contoso.sharepoint.com/_layouts/15/Doc.aspx?sourcedoc={x}", ["does not say", "Copy link"]),
        ("https://onedrive.live.com/?cid=1", ["does not say which file or folder"]),
        ("https://contoso.sharepoint.com:x/a", ["not a plain https address"]),
        ("https://contoso.sharepoint.com/sites/x/Documents/..", ["'..'"]),
    ],
)
def test_what_is_wrong_and_what_to_write_instead(text, said):
    """An error quotes the text, says what is wrong and shows the nearest valid form."""
    with pytest.raises(LocationError) as caught:
        PARSER.parse(text)
    for words in said:
        assert words in str(caught.value)


@pytest.mark.parametrize("length", [MAX_PATH_CHARACTERS, MAX_PATH_CHARACTERS + 1])
def test_the_path_has_at_most_400_characters(length):
    """400 characters are allowed, the root word not counted, and 401 are not."""
    text = "users/anna@contoso.example/" + "d" * 200 + "/" + "f" * (length - 201)
    if length == MAX_PATH_CHARACTERS:
        assert PARSER.parse(text).name == "f" * 199
    else:
        with pytest.raises(LocationError, match="more than 400 characters"):
            PARSER.parse(text)


@pytest.mark.parametrize("place", ["users/{}", "drives/{}/a.csv", "items/{}/x", "items/x/{}/a.csv"])
@pytest.mark.parametrize("identifier", [".", "..", "a\nb", "a\x00", "\ud800"])
def test_ids_that_would_lead_elsewhere(place, identifier):
    """An id that is a dot segment would be resolved away on the way to Graph, so it is refused as in a path."""
    with pytest.raises(LocationError):
        PARSER.parse(place.format(identifier))


@pytest.mark.parametrize("text", ["myfiles/a\udce9.csv", "drives/x/\ud800"])
def test_text_that_is_no_unicode(text):
    """A name with a lone surrogate (a local file name in another encoding) cannot be sent, and the error says so."""
    with pytest.raises(LocationError, match="does not allow"):
        PARSER.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "http://1drv.ms/x/s!SECRET",
        "https://anna:SECRET@contoso.sharepoint.com/x",
        "<https://contoso-my.sharepoint.com/:x:/g/SECRET>",
        "myfiles/https://contoso-my.sharepoint.com/:x:/g/SECRET",
        "Finance/https://contoso-my.sharepoint.com/:x:/g/SECRET",
    ],
)
def test_a_sharing_link_is_never_echoed(text):
    """A sharing link is a secret: an error shows its host at most."""
    with pytest.raises(LocationError) as caught:
        PARSER.parse(text)
    assert "SECRET" not in str(caught.value) + repr(caught.value.to_dict())
    with pytest.raises(LocationError) as caught:
        PARSER.upload_target("myfiles/", text)
    assert "SECRET" not in str(caught.value) + repr(caught.value.to_dict())


@pytest.mark.parametrize(
    "text",
    [
        "https://contoso-my.sharepoint.com/:x:/g/personal/anna/SECRET?e=SECRET",
        "HTTPS://contoso.sharepoint.com/:f:/s/SECRET",
        "https://1drv.ms/x/s!SECRET",
        "https://onedrive.live.com?cid=1&authkey=SECRET",
        "https://onedrive.live.com/redir?resid=1!2&redeem=SECRET",
    ],
)
def test_a_sharing_link(text):
    """Of both personalities it is understood, and only its host is shown."""
    place = PARSER.parse(text)
    assert place.link == text
    assert "(sharing link)" in str(place)
    assert "SECRET" not in str(place) + repr(place)
    assert not place.is_root


@pytest.mark.parametrize(
    ("text", "read_as"),
    [
        (
            "https://h.example/sites/T/Shared%20Documents/a%20%23b.csv",
            "sites/h.example/sites/T/Shared Documents/a #b.csv",
        ),
        (
            "https://h.example/sites/T/Shared%20Documents/Forms/AllItems.aspx",
            "sites/h.example/sites/T/Shared Documents",
        ),
        (
            "https://h.example/sites/T/Docs/Forms/AllItems.aspx?RootFolder=%2Fsites%2FT%2FDocs%2Fx%20y&View=1",
            "sites/h.example/sites/T/Docs/x y/",
        ),
        (
            "https://H.example/personal/a_b/_layouts/15/onedrive.aspx?id=%2Fpersonal%2Fa_b%2FDocuments%2Fx&ga=1",
            "sites/h.example/personal/a_b/Documents/x",
        ),
        ("https://h.example/:w:/r/sites/T/Docs/a.docx?d=w1&csf=1", "sites/h.example/sites/T/Docs/a.docx"),
        ("https://onedrive.live.com/?id=ABC%21123&cid=ABC", "items/ABC/ABC!123"),
        ("https://onedrive.live.com/?resid=ABC%21123", "items/ABC/ABC!123"),
    ],
)
def test_an_address_from_the_browser(text, read_as):
    """It is read here, percent-encoding and all, and means the same as the location written out."""
    assert PARSER.parse(text) == PARSER.parse(read_as)


@pytest.mark.parametrize(
    ("text", "is_folder"),
    [
        ("https://h.example/sites/T/Docs/x", False),
        ("https://h.example/sites/T/Docs/x?csf=1&web=1", False),
        ("https://h.example/sites/T/Docs/x/", True),
        ("https://h.example/sites/T/Docs/x/?csf=1&web=1", True),
        ("https://h.example/sites/T/Docs/x?csf=1&web=1/", True),
        ("https://h.example/:f:/r/sites/T/Docs/x?csf=1&web=1&e=a", True),
        ("https://h.example/:x:/r/sites/T/Docs/x?csf=1&web=1&e=a", False),
        ("https://h.example/sites/T/Docs/Forms/AllItems.aspx?RootFolder=%2Fsites%2FT%2FDocs%2Fx", True),
        ("https://h.example/sites/T/Docs/Forms/AllItems.aspx?id=%2Fsites%2FT%2FDocs%2Fx", False),
        ("https://h.example/sites/T/Docs/Forms/AllItems.aspx?id=%2Fsites%2FT%2FDocs%2Fx/", True),
        ("https://h.example/sites/T/Docs/Forms/AllItems.aspx?id=%2Fsites%2FT%2FDocs%2Fx&View=1/", True),
        ("https://h.example/:f:/s/T/SECRET?e=a", True),
        ("https://h.example/:u:/s/T/SECRET?e=a", False),
        ("https://h.example/:u:/s/T/SECRET?e=a/", True),
        ("https://h.example/:u:/s/T/SECRET/?e=a", True),
        ("https://1drv.ms/u/s!SECRET/", True),
        ("https://onedrive.live.com/?id=ABC%21123&cid=ABC", False),
        ("https://onedrive.live.com/?id=ABC%21123&cid=ABC/", True),
    ],
)
def test_folder_is_marked_in_address(text, is_folder):
    """A slash at the end of its path or of all of it, or SharePoint's own mark; the slash is no part of the item."""
    location = PARSER.parse(text)
    assert location.is_folder is is_folder
    assert names_folder(text) is is_folder
    bare = PARSER.parse(text.removesuffix("/").replace("/?csf", "?csf").replace("/?e", "?e"))
    assert replace(location, is_folder=False) == replace(bare, is_folder=False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("https://h.example/sites/T/Docs/*.csv", "wildcard"),
        ("https://h.example/sites/T/Docs/a?", "wildcard"),
        ("https://h.example/sites/T/Docs/a?.csv", "wildcard"),
        ("https://h.example/:f:/s/T/SECRET/*", "wildcard"),
        ("https://h.example/:f:/s/T/SECRET?e=a/x.csv", "followed by a path"),
        ("https://h.example/sites/T/Docs/x?csf=1&web=1/*.csv", "followed by a path"),
        ("https://h.example/sites/T/Docs//", "empty name"),
        ("https://h.example/:f:/s/T/SECRET//", "empty name"),
    ],
)
def test_nothing_behind_an_address_is_ignored(text, said):
    """What would narrow it is refused: the item of the address alone is more than was meant."""
    with pytest.raises(LocationError, match=said) as caught:
        PARSER.parse(text)
    assert "SECRET" not in str(caught.value)
    assert names_folder(text) is text.endswith("/")


@pytest.mark.parametrize(
    ("location", "text"),
    [
        ("myfiles/a.csv", "myfiles/a.csv"),
        (ITEM, "myfiles/Finance/a.pdf"),
        (" https://anna:SECRET@h.example/:x:/s/SECRET?e=SECRET", " https://h.example/…"),
    ],
)
def test_location_is_shown_without_secret(location, text):
    """Of an address only the host."""
    assert shown(location) == text


@pytest.mark.parametrize(
    ("name", "becomes"),
    [
        ("a:b*c.csv", "a_b_c.csv"),
        (" a ", "_a_"),
        ("a..", "a__"),
        ("CON", "_CON"),
        ("~$a.docx", "__a.docx"),
        ("x_vti_y", "x_vti-y"),
        ("desktop.ini", "_desktop.ini"),
        ("a\ud800", "a_"),
        ("fine.csv", "fine.csv"),
        ("..", ".."),
    ],
)
def test_a_repaired_name(name, becomes):
    """What OneDrive does not take is replaced, the same way each time."""
    assert repaired(name) == becomes


@given(st.text(min_size=1, max_size=40).filter(lambda text: "/" not in text and text not in (".", "..")))
def test_any_repaired_name_is_taken(name):
    """Whatever comes, the repaired name can be written, and repairing it again changes nothing."""
    assume(name.strip())  # a blank file_name is taken for a template that made nothing
    fixed = repaired(name)
    assert REPAIRING.upload_target("myfiles/", name).name == fixed
    assert repaired(fixed) == fixed


@pytest.mark.parametrize("value", [None, 7, b"myfiles/a", ["myfiles/a"]])
def test_a_location_of_another_type(value):
    """What is neither text nor an item dict is an error that names the type."""
    with pytest.raises(LocationError, match=f"not {type(value).__name__}"):
        PARSER.parse(value)


def test_an_item_dict_addresses_by_id():
    """An item dict as it stands in XCom goes by its ids and reads as the location it was listed under."""
    place = PARSER.parse(ITEM)
    assert str(place) == "myfiles/Finance/a.pdf"
    assert not place.is_root
    assert address_of(place).url("content") == "/drives/b!d/items/01F/content"


def test_an_item_dict_of_a_place_without_a_name():
    """Where the listing itself went by ids, so does what it gave."""
    place = PARSER.parse({**ITEM, "location": "items/b!d/01F"})
    assert str(place) == "items/b!d/01F"


def test_what_lies_below_an_item_dict_of_a_folder():
    """What is found below an item dict is named below the dict's location, or by ids where it lies elsewhere."""
    folder = {"drive_id": "b!d", "id": "01P", "location": "myfiles/Finance", "path": "Team/Finance"}
    address = address_of(PARSER.parse(folder))
    assert address.locate("b!d", "01X", "Team/Finance/x/y.csv") == "myfiles/Finance/x/y.csv"
    assert address.locate("b!d", "01X", "Other/y.csv") == "items/b!d/01X"


@pytest.mark.parametrize(
    "item", [{}, {"id": "01F"}, {"drive_id": "b!d", "id": ""}, {"drive_id": 1, "id": 2}, {"drive_id": None, "id": "x"}]
)
def test_an_item_dict_without_ids(item):
    """An item dict without both ids is an error that says what it has."""
    with pytest.raises(LocationError, match="drive_id and id") as caught:
        PARSER.parse(item)
    assert str(sorted(item)) in str(caught.value)


@pytest.mark.parametrize(
    ("location", "file_name", "local_path", "target"),
    [
        ("myfiles/a.csv", None, "/tmp/b.csv", "myfiles/a.csv"),
        ("myfiles/x/", None, "/tmp/b.csv", "myfiles/x/b.csv"),
        ("myfiles/x", "c.csv", "/tmp/b.csv", "myfiles/x/c.csv"),
        ("myfiles/x/", "c.csv", None, "myfiles/x/c.csv"),
        ("myfiles", None, "/tmp/b.csv", "myfiles/b.csv"),
        ("users/anna@x/", None, "b.csv", "users/anna@x/b.csv"),
        ("items/d/i/", "c.csv", None, "items/d/i/c.csv"),
    ],
)
def test_which_file_an_upload_means(location, file_name, local_path, target):
    """A location that ends in a slash, or comes with file_name, is the folder; else it names the file."""
    assert str(PARSER.upload_target(location, file_name, local_path)) == target


@pytest.mark.parametrize(
    ("location", "file_name", "said"),
    [
        ("myfiles/x/", None, ["myfiles/x/", "is a folder and no name is given", "myfiles/x/<name>", "file_name"]),
        ("myfiles/x/", "", ["file_name is empty", "template"]),
        ("myfiles/x", "", ["file_name is empty", "template"]),
        ("myfiles/x/", "  ", ["file_name is empty"]),
        ("myfiles/x/", "a/b.csv", ["'a/b.csv' has a slash", "Put the folders into the location"]),
        ("myfiles/x/", "a:b.csv", ["':'", "ts_nodash"]),
        ("myfiles/x/", "..", ["'..'"]),
        ("myfiles/x/", "CON", ["'CON'", "reserved name", "Write '_CON'"]),
        ("myfiles/x/", "y" * 399, ["400 characters"]),
    ],
)
def test_names_no_upload_can_have(location, file_name, said):
    """A missing, empty or impossible file name is refused before anything is sent."""
    with pytest.raises(LocationError) as caught:
        PARSER.upload_target(location, file_name)
    for words in said:
        assert words in str(caught.value)


@pytest.mark.parametrize(
    "name",
    ["con", "PRN", "aux", "NUL", "com0", "COM9", "lpt1", ".lock", "desktop.ini", "Desktop.INI", "~$a.xlsx", "a_vti_b"],
)
def test_reserved_names_are_refused_on_writing_only(name):
    """Graph would not create a reserved name; what is there under one may still be read and deleted."""
    with pytest.raises(LocationError, match="reserved name"):
        PARSER.upload_target(f"myfiles/x/{name}", None)
    with pytest.raises(LocationError, match="reserved name"):
        PARSER.upload_target(f"myfiles/{name}/a.csv", None)
    with pytest.raises(LocationError, match="reserved name"):
        PARSER.new_folder(f"myfiles/{name}")
    assert PARSER.parse(f"myfiles/{name}").name == name


@pytest.mark.parametrize("location", ["myfiles", "myfiles/", "users/anna@x", "items/d/i", ITEM])
def test_a_folder_to_create_needs_a_name(location):
    """A whole place is there already and cannot be created."""
    with pytest.raises(LocationError, match="names no folder to create"):
        PARSER.new_folder(location)


@pytest.mark.parametrize(
    ("location", "is_root"),
    [("myfiles", True), ("myfiles/", True), ("drives/d", True), ("myfiles/a", False), ("items/d/i", False)],
)
def test_what_is_a_whole_place(location, is_root):
    """A place without a path is a root; an item by its id is not."""
    assert PARSER.parse(location).is_root is is_root


@pytest.mark.parametrize(
    ("location", "url", "children"),
    [
        ("myfiles", "/me/drive/root", "/me/drive/root/children"),
        ("myfiles/a b/c.csv", "/me/drive/root:/a%20b/c.csv", "/me/drive/root:/a%20b/c.csv:/children"),
        ("users/anna@x.y", "/users/anna@x.y/drive/root", "/users/anna@x.y/drive/root/children"),
        ("users/a#EXT#@x", "/users/a%23EXT%23@x/drive/root", "/users/a%23EXT%23@x/drive/root/children"),
        ("drives/b!d/100% #1", "/drives/b!d/root:/100%25%20%231", "/drives/b!d/root:/100%25%20%231:/children"),
        ("items/b!d/01I", "/drives/b!d/items/01I", "/drives/b!d/items/01I/children"),
        ("items/b!d/01I/a+b", "/drives/b!d/items/01I:/a%2Bb", "/drives/b!d/items/01I:/a%2Bb:/children"),
    ],
)
def test_addresses(location, url, children):
    """Each segment is quoted by itself, and a colon closes the path only where something follows."""
    address = address_of(PARSER.parse(location))
    assert address.url() == url
    assert address.url("children") == children


@pytest.mark.parametrize(
    ("myfiles", "url"),
    [
        ("anna@x", "/users/anna@x/drive/root:/a.csv"),
        ("users/anna@x", "/users/anna@x/drive/root:/a.csv"),
        ("drives/d/Team/", "/drives/d/root:/Team/a.csv"),
        ("items/d/i", "/drives/d/items/i:/a.csv"),
    ],
)
def test_the_connections_own_place(myfiles, url):
    """myfiles is a user, a drive or a folder, as the connection says."""
    address = own_address("myfiles/a.csv", parse_myfiles(PARSER, myfiles))
    assert address.url() == url
    assert str(address) == "myfiles/a.csv"


@pytest.mark.parametrize("text", ["myfiles/x", "MYFILES/", "shared/x", "users//", "a/b", ".."])
def test_a_wrong_own_place(text):
    """A myfiles that cannot be understood is an error that names the field."""
    with pytest.raises(ConfigurationError, match="myfiles"):
        parse_myfiles(PARSER, text)


def test_a_sharing_link_as_own_place_is_not_echoed():
    """The connection's field may hold a secret too."""
    assert "SECRET" not in repr(parse_myfiles(PARSER, "https://contoso.sharepoint.com/:f:/g/SECRET"))
    with pytest.raises(ConfigurationError) as caught:
        parse_myfiles(PARSER, "http://contoso.sharepoint.com/:f:/g/SECRET")
    assert "SECRET" not in str(caught.value)


@given(names)
def test_quoting_goes_there_and_back(name):
    """Any name comes back from its URL segment, and nothing in the segment could end or split it."""
    segment = quote_name(name)
    assert unquote(segment, errors="strict") == name
    assert not set("/?#:") & set(segment)
    assert all(segment[at + 1 : at + 3].isalnum() for at, character in enumerate(segment) if character == "%")


@given(locations)
def test_a_location_written_out_reads_the_same(text):
    """parse(str(parse(x))) is parse(x), and it keeps every name."""
    assume(len(text) < MAX_PATH_CHARACTERS)
    place = PARSER.parse(text)
    assert PARSER.parse(str(place)) == place
    assert str(place).partition("/")[2] == text.partition("/")[2]


@given(st.one_of(st.text(), st.text(st.sampled_from("myfilesurdtv/.: %#?\ud800\x00"))))
@example("myfiles/\ud800")
@example("/")
@example("items/../..")
def test_any_text_parses_or_is_a_location_error(text):
    """Nothing a template makes can raise anything else, and what parses can be sent."""
    try:
        place = PARSER.parse(text)
    except LocationError as error:
        assert str(error).encode("utf-8")  # noqa: PT017 - either way is right
    else:
        assert place.root in LOOKED_UP or address_of(place).url("content").isascii()


@given(locations, st.one_of(st.none(), roots, locations), st.lists(names, max_size=3))
def test_what_is_found_can_be_found_again(text, myfiles, below):
    """``locate`` names an item so that the name, read again on the same connection, is the same item."""
    assume(len(text) + len("/".join(below)) < MAX_PATH_CHARACTERS)
    own = PARSER.parse(myfiles) if myfiles and not myfiles.startswith("myfiles") else None
    place = PARSER.parse(text)
    address = own_address(text, own)
    inside = own.names if own and place.root == "myfiles" else ()
    assume(len("/".join((*inside, *place.names, *below))) < MAX_PATH_CHARACTERS)
    found = address.locate("D", "I", "/".join((*inside, *place.names, *below)))
    again = own_address(found, own)
    by_path = Address(address.base, (*address.names, *below), "", "").url()
    assert again.url() in (by_path, item_url("D", "I"))
    if place.root != "items" and not (own and own.root == "items" and place.root == "myfiles"):
        assert again.url() == by_path


@given(st.lists(names, min_size=1, max_size=4), names)
def test_through_a_folder_and_by_id(path, name):
    """An item through the id of its folder keeps its own name only, and by its own id none."""
    address = address_of(Location("drives", ("d",), (*path, name)))
    assert address.through("D", "P").url() == f"/drives/D/items/P:/{quote_name(name)}"
    assert address.by_id("D", "F").url() == "/drives/D/items/F"
    assert address.parent.url() == address_of(Location("drives", ("d",), tuple(path))).url()
    assert address.drive_root == address.through("d", "P").drive_root == "/drives/d/root"


def test_a_place_of_a_drive_is_told_from_an_item():
    """Only the drive's root is the drive's root; an item by id never is."""
    assert address_of(PARSER.parse("drives/d")).is_drive_root
    assert not address_of(PARSER.parse("drives/d/a")).is_drive_root
    assert not address_of(PARSER.parse("items/d/i")).is_drive_root
