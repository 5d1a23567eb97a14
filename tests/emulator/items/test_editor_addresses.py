"""Addresses of Office files as Graph writes them: those of the editor."""

from __future__ import annotations

import re

import pytest

from airflow_provider_onedrive.emulator import Emulator

CARA = "cara@outlook.example"
NAMES = ("a.docx", "b 1.xlsx", "c.csv", "d.PPTX")


@pytest.fixture
def drive(emulator: Emulator):
    emulator.add_site("/sites/Finance")
    drive = emulator.drive("sites/Finance")
    drive.put_all({f"x/{name}": name for name in (*NAMES, "e.txt")})
    return drive


def urls(reply):
    """The addresses in a listing, by name."""
    return {item["name"]: item["webUrl"] for item in reply.json()["value"]}


def test_address_of_the_editor(v1, drive, emulator):
    """It names the site, the GUID in the eTag and the file's name, and no path; other files keep theirs."""
    at = f"/drives/{drive.id}/root:/x"
    edited = urls(v1.get(f"{at}:/children"))
    emulator.quirks.editor_addresses = False
    plain = urls(v1.get(f"{at}:/children"))
    emulator.quirks.editor_addresses = True
    assert "sourcedoc" not in str(plain)
    assert edited["e.txt"] == plain["e.txt"]
    for name in NAMES:
        item = v1.get(f"{at}/{name}").json()
        guid = item["eTag"][2:38]
        query = f"sourcedoc=%7B{guid}%7D&file={name.replace(' ', '%20')}&action=default&mobileredirect=true"
        assert item["webUrl"] == edited[name] == f"{emulator.store_url}/sites/Finance/_layouts/15/Doc.aspx?{query}"


def test_listings_of_changes_name_the_file_itself(v1, drive):
    """Recorded: delta has plain addresses. What $select leaves out stays out."""
    changes = urls(v1.get(f"/drives/{drive.id}/root/delta"))
    assert changes["c.csv"].endswith("/x/c.csv")
    assert "webUrl" not in v1.get(f"/drives/{drive.id}/root:/x/c.csv?$select=id").json()


def test_address_of_the_editor_for_a_consumer(emulator, sign_in):
    """It names the GUID and the drive."""
    emulator.add_user(CARA, personality="personal")
    home = emulator.drive(CARA)
    home.put("a.xlsx", b"x")
    item = sign_in(CARA, "Files.ReadWrite").get("/me/drive/root:/a.xlsx").json()
    at, query = item["webUrl"].removeprefix(emulator.store_url).split("?")
    assert at == f"/personal/{home.id}/_layouts/15/doc.aspx"
    assert re.fullmatch(rf"resid=[0-9a-f-]{{36}}&cid={home.id}", query)
    assert item["id"].endswith(re.search("resid=([^&]+)", query).group(1).replace("-", ""))


def test_address_leads_to_the_page_of_the_file(v1, http, drive):
    """There is no Office here; a GUID of nothing is 404."""
    url = v1.get(f"/drives/{drive.id}/root:/x/c.csv").json()["webUrl"]
    assert http.get(url).headers["location"].endswith("/x/c.csv")
    guid = re.search("%7B(.*)%7D", url).group(1)
    assert http.get(url.replace(guid, f"{0:08d}{guid[8:]}")).status_code == 404
    assert http.get(url.replace(guid, "x")).status_code == 404
