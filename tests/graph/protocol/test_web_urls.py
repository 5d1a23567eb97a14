"""Addresses as people paste them: each names its own item, or is refused with the words what to paste."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest
from asking_nothing import PARSER

from airflow_provider_onedrive.graph.protocol.errors import LocationError
from airflow_provider_onedrive.graph.protocol.location_parser import names_folder
from airflow_provider_onedrive.graph.protocol.locations import shown
from airflow_provider_onedrive.graph.protocol.web_urls import is_web_address, read_web_address, sharing_token

T = "https://contoso.sharepoint.com"
MY = "https://contoso-my.sharepoint.com"
LIVE = "https://onedrive.live.com"
CID = "15f7f966231f6340"
GUID = "4120B27C-2BE3-4C68-A737-F964921C6D6B"
LINK = "https://1drv.ms/x/c/15f7f966231f6340/ESECRETSECRET?e=SECRET"
REDEEM = base64.urlsafe_b64encode(LINK.encode()).decode().rstrip("=")


def quoted(text):
    """Percent-encode every character that SharePoint encodes in its queries."""
    return quote(text, safe="").replace(".", "%2E").replace("_", "%5F").replace("-", "%2D")


IN_DOCS = f"{T}/sites/Fin/Shared Documents"


@pytest.mark.parametrize(
    ("text", "location"),
    [
        # A page on the host of the reader's OneDrive shows an item of another host.
        (
            f"{MY}/shared?id={quoted('/sites/Fin/Shared Documents/Q1/a.csv')}&listurl={quoted(IN_DOCS)}&viewid=1-2",
            "sites/contoso.sharepoint.com/sites/Fin/Shared Documents/Q1/a.csv",
        ),
        (
            f"{MY}/shared?listurl={quoted(IN_DOCS)}&id={quoted('/sites/Fin/Shared Documents/Q1')}&ga=1",
            "sites/contoso.sharepoint.com/sites/Fin/Shared Documents/Q1",
        ),
        (
            f"{MY}/personal/anna_x/_layouts/15/onedrive.aspx?id=%2Fsites%2FFin%2FDocs%2Fa&listurl={quoted(T)}%2Fsites%2FFin%2FDocs",
            "sites/contoso.sharepoint.com/sites/Fin/Docs/a",
        ),
        (
            f"{MY}/my?id=/personal/bob_x/Documents/a+b&listurl=/personal/bob_x/Documents&login_hint=x",
            "sites/contoso-my.sharepoint.com/personal/bob_x/Documents/a b",
        ),
        (f"{MY}/shared?listurl={quoted(IN_DOCS)}&e=1", "sites/contoso.sharepoint.com/sites/Fin/Shared Documents/"),
        (f"{MY}/shared?id={quoted(IN_DOCS)}%2Fa", "sites/contoso.sharepoint.com/sites/Fin/Shared Documents/a"),
        (f"{T}/Docs/Forms/AllItems.aspx?id=%2FDocs%2Fa&amp;parent=%2FDocs", "sites/contoso.sharepoint.com/Docs/a"),
        # Files on pages that play, frame or download them.
        (
            f"{T}/sites/Fin/_layouts/15/stream.aspx?id=%2Fsites%2FFin%2FDocs%2Fa%2Emp4",
            f"sites{T[7:]}/sites/Fin/Docs/a.mp4",
        ),
        (
            f"{T}/sites/Fin/_layouts/15/download.aspx?SourceUrl=%2Fsites%2FFin%2FDocs%2Fa.csv",
            f"sites{T[7:]}/sites/Fin/Docs/a.csv",
        ),
        (
            f"{MY}/personal/a/_layouts/15/download.aspx?SourceUrl={quoted(IN_DOCS)}%2Fa.csv",
            f"sites{T[7:]}/sites/Fin/Shared Documents/a.csv",
        ),
        (
            f"{T}/sites/Fin/_layouts/WopiFrame.aspx?sourcedoc=/sites/Fin/Docs/a.docx&action=default",
            f"sites{T[7:]}/sites/Fin/Docs/a.docx",
        ),
        # Who goes on to another library keeps the path of the first one in the address.
        (
            f"{T}/sites/Fin/Docs/Forms/AllItems.aspx?newTargetListUrl=%2Fsites%2FFin%2FOther&viewpath=%2Fsites%2FFin%2FOther%2FForms%2FA.aspx",
            f"sites{T[7:]}/sites/Fin/Other/",
        ),
        (
            f"{T}/sites/Fin/Docs/Forms/AllItems.aspx?newTargetListUrl=%2Fsites%2FFin%2FOther&id=%2Fsites%2FFin%2FOther%2Fa",
            f"sites{T[7:]}/sites/Fin/Other/a",
        ),
        # Teams, and mail that was scanned.
        (
            f"https://teams.microsoft.com/l/file/{GUID}?tenantId=1&fileType=csv&objectUrl={quoted(IN_DOCS)}%2Fa.csv&baseUrl={quoted(T)}",
            f"sites{T[7:]}/sites/Fin/Shared Documents/a.csv",
        ),
        (
            f"https://eur01.safelinks.protection.outlook.com/?url={quoted(IN_DOCS)}%2Fa.csv%3Fweb%3D1&data=05%7C01",
            f"sites{T[7:]}/sites/Fin/Shared Documents/a.csv",
        ),
        # Personal drives, by a path.
        (f"{LIVE}/?id=%2Fpersonal%2F{CID}%2FDocuments%2FQ1%2Fa%2Ecsv&viewid=1&view=0", f"drives/{CID}/Q1/a.csv"),
        (f"{LIVE}?id=/personal/{CID.upper()}/Documents/Q1/&view=0", f"drives/{CID}/Q1/"),
        (f"{LIVE}/?id=%2Fpersonal%2F{CID}%2FDocuments&view=0", f"drives/{CID}"),
        (f"{LIVE}/?listurl=%2Fpersonal%2F{CID}%2FDocuments&ithint=folder", f"drives/{CID}"),
        (f"{LIVE}/?id=%2Fpersonal%2F{CID}%2FDocuments%2FQ1&redeem={REDEEM}", f"drives/{CID}/Q1"),
        (
            f"{LIVE}/personal/{CID}/_layouts/15/download.aspx?SourceUrl=%2Fpersonal%2F{CID}%2FDocuments%2Fa",
            f"drives/{CID}/a",
        ),
        (f"https://my.microsoftpersonalcontent.com/personal/{CID}/Documents/Q1/a%20b.csv", f"drives/{CID}/Q1/a b.csv"),
        (f"https://d.docs.live.net/{CID}/Documents/a.csv", f"drives/{CID}/Documents/a.csv"),
        (f"{LIVE}/?id=root&cid={CID[:1]}{CID[1:].upper()}", f"drives/{CID}"),
        # Personal drives, by ids; a GUID is part of the id.
        (f"{LIVE}/?cid=0{CID[1:]}&id={CID[1:].upper()}%21123", f"items/0{CID[1:]}/{CID[1:].upper()}!123"),
        (f"{LIVE}/edit.aspx?resid={CID[1:].upper()}!123", f"items/0{CID[1:]}/{CID[1:].upper()}!123"),
        (
            f"{LIVE}/personal/{CID}/_layouts/15/doc.aspx?resid={GUID}&cid={CID}",
            f"items/{CID}/{CID.upper()}!s{GUID.replace('-', '').lower()}",
        ),
        (
            f"{LIVE}/personal/{CID}/_layouts/15/Doc.aspx?sourcedoc=%7B{GUID}%7D&file=a.xlsx&action=default",
            f"items/{CID}/{CID.upper()}!s{GUID.replace('-', '').lower()}",
        ),
        (f"{LIVE}/?id={GUID}&cid={CID}&web=1", f"items/{CID}/{CID.upper()}!s{GUID.replace('-', '').lower()}"),
        (
            f"{LIVE}/personal/946c98d07c563ce7/_layouts/15/doc.aspx?resid=7c563ce7-98d0-206c-8094-7d0100000000&cid=946c98d07c563ce7",
            "items/946c98d07c563ce7/946C98D07C563CE7!381",
        ),
        (
            f"https://excel.cloud.microsoft/open/onedrive/?docId={CID.upper()}%21s1&driveId={CID.upper()}",
            f"items/{CID}/{CID.upper()}!s1",
        ),
        ("https://word.cloud.microsoft/open/onedrive/?docId=01ABC&driveId=b!x", "items/b!x/01ABC"),
        # What was copied along with an address.
        (f"\u200b\xa0 {T}/sites/Fin/Docs/a.csv\r\n", f"sites{T[7:]}/sites/Fin/Docs/a.csv"),
        (f"{T}/sites/Fin/Docs/long%20\n name.csv?web=1", f"sites{T[7:]}/sites/Fin/Docs/long  name.csv"),
        # A page in a library is a file like any other.
        (f"{T}/sites/Fin/SitePages/Home.aspx", f"sites{T[7:]}/sites/Fin/SitePages/Home.aspx"),
        (f"{T}/sites/Fin/my/a.csv", f"sites{T[7:]}/sites/Fin/my/a.csv"),
        (f"{T}/shared", f"sites{T[7:]}/shared"),
    ],
)
def test_pasted_address_names_its_item(text, location):
    """The page that shows an item is not the item, and the host of the page is not always the item's."""
    assert PARSER.parse(text) == PARSER.parse(location)


@pytest.mark.parametrize(
    ("text", "site"),
    [
        (
            f"{T}/sites/Fin/_layouts/15/Doc.aspx?sourcedoc=%7B{GUID}%7D&file=a.xlsx&action=default&mobileredirect=true",
            "sites/Fin",
        ),
        (f"{T}/:x:/r/sites/Fin/_layouts/15/Doc.aspx?sourcedoc={{{GUID.lower()}}}&file=a.xlsx", "sites/Fin"),
        (f"{T}/sites/Fin/Audit/_layouts/15/embed.aspx?UniqueId={GUID}&embed=%7B%7D", "sites/Fin/Audit"),
        (f"{T}/sites/Fin/_layouts/15/download.aspx?UniqueId={GUID}&Translate=false&tempauth=SECRET", "sites/Fin"),
        (f"{T}/_layouts/15/WopiFrame2.aspx?sourcedoc=%7B{GUID}%7D", ""),
    ],
)
def test_document_by_its_guid(text, site):
    """Graph's own addresses of Office files have no path: the site and the GUID are kept, and read the same again."""
    location = PARSER.parse(text)
    assert location.ids == ("contoso.sharepoint.com", site, GUID)
    assert not location.is_root
    assert PARSER.parse(str(location)) == location
    assert "SECRET" not in str(location)


SECRETS = (
    f"{T}/:f:/s/Fin/SECRET?e=SECRET",
    f"{T}/:FL:/S/Fin/SECRET",
    f"{T}/:li:/g/SECRET",
    f"{T}/sites/Fin/_layouts/15/guestaccess.aspx?share=SECRET&e=SECRET",
    f"{T}/:p:/r/personal/a/_layouts/15/guestaccess.aspx?e=4%3ASECRET&share=SECRET",
    f"{T}/personal/a/_layouts/15/guestaccess.aspx?docid=SECRET&authkey=SECRET",
    f"{T}/personal/a/_layouts/15/guestaccess.aspx?guestaccesstoken=SECRET&docid=2_1",
    f"{MY}/personal/a/_layouts/15/download.aspx?share=SECRET",
    f"https://my.microsoftpersonalcontent.com/personal/{CID}/_layouts/15/download.aspx?share=SECRET",
    f"{LIVE}/:x:/g/personal/{CID}/SECRET?resid=1",
    f"{LIVE}/embed?resid={CID}%21228&authkey=SECRET",
    "https://1drv.ms/f/s!SECRET",
    "https://1drv.m/f/s!SECRETSECRETSECRET",
    f"https://ldrv.ms/x/c/{CID}/SECRET?e=SECRET",
)


@pytest.mark.parametrize("text", SECRETS)
def test_sharing_link_of_any_kind(text):
    """It is sent to Graph as it is, and shown to nobody."""
    location = PARSER.parse(f" {text}\n")
    assert location.link == text
    assert "SECRET" not in f"{location} {location!r} {shown(text)}"


def test_link_that_another_address_carries():
    """The browser was led away from the link, or Teams wrapped it: the link itself is what Graph knows."""
    for text in (
        f"{LIVE}/?redeem={REDEEM}",
        f"{LIVE}/personal/{CID}/_layouts/15/Doc.aspx?sourcedoc=%7B{GUID}%7D&action=default&redeem={REDEEM}",
        f"https://teams.microsoft.com/l/file/{GUID}?objectUrl={quote(LINK, safe='')}",
        f"https://nam02.safelinks.protection.outlook.com/?url={quote(LINK, safe='')}&data=05",
    ):
        location = PARSER.parse(text)
        assert location.link == LINK
        assert "SECRET" not in f"{location}{location!r}{shown(text)}"
        assert REDEEM not in shown(text)


@pytest.mark.parametrize(
    ("text", "is_folder"),
    [
        ("https://1drv.ms/f/s!SECRET", True),
        ("https://1drv.ms/u/s!SECRET", False),
        (f"{T}/:F:/s/Fin/SECRET", True),
        (f"{LIVE}/?cid=1&authkey=SECRET", False),
        (f"{MY}/shared?listurl={quoted(IN_DOCS)}", True),
        (f"{MY}/shared?id={quoted(IN_DOCS)}%2Fa&listurl={quoted(IN_DOCS)}", False),
        (f"{LIVE}/?id=%2Fpersonal%2F{CID}%2FDocuments%2FQ1&view=0", False),
        (f"{LIVE}/?id=%2Fpersonal%2F{CID}%2FDocuments%2FQ1&view=0/", True),
        (f"https://teams.microsoft.com/l/file/1?objectUrl={quoted(IN_DOCS)}%2Fa/", True),
        (f"{T}/sites/Fin/_layouts/15/Doc.aspx?sourcedoc=%7B{GUID}%7D/", True),
    ],
)
def test_folder_is_marked(text, is_folder):
    """By the mark that the address has, and not by the slash before its query."""
    assert names_folder(text) is is_folder
    assert PARSER.parse(text).is_folder is is_folder


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{T}/sites/Fin/Docs/Forms/DispForm.aspx?ID=12", "does not say which"),
        (f"{T}/sites/Fin/Docs/Forms/AllItems.aspx?RootFolder=*", "does not say which"),
        (f"{T}/sites/Fin/_layouts/15/viewlsts.aspx?view=14", "does not say which"),
        (f"{T}/sites/Fin/_layouts/15/Doc.aspx?sourcedoc=%7B12%7D", "does not say which"),
        (f"{T}/sites/Fin/Docs?sourcedoc=%7B{GUID}%7D", "does not say which"),
        (f"{MY}/my", "does not say which"),
        (f"{MY}/shared?e=1", "does not say which"),
        (f"{MY}/personal/anna_x/_layouts/15/onedrive.aspx?view=1", "does not say which"),
        (f"{LIVE}/?view=1", "does not say which"),
        (f"{LIVE}/?resid={GUID}", "does not say which"),
        (f"{LIVE}/?id=ABC!1&cid=DEF", "does not say which"),
        (f"{LIVE}/personal/{CID}/_layouts/15/onedrive.aspx?view=1", "does not say which"),
        ("https://teams.microsoft.com/l/message/19:x/1?context=%7B%7D", "does not say which"),
        ("https://word.cloud.microsoft/?auth=2", "does not say which"),
        ("https://www.office.com/launch/excel", "does not say which"),
        ("https://login.microsoftonline.com/common/oauth2", "does not say which"),
        ("https://www.onedrive.com/a/b", "does not say which"),
        (f"{T}/sites/Fin/_layouts/15/acceptinvite.aspx?invitation=SECRET", "does not say which"),
        (quote(quote(SECRETS[0], safe=""), safe=""), "known root"),
        ("x/contoso.sharepoint.com/_layouts/15/acceptinvite.aspx?invitation=SECRET", "known root"),
        (f"{MY}/shared?id=%2Fsites%2FOther%2FDocs%2Fa&listurl={quoted(IN_DOCS)}", "outside of its library"),
        (f"{T}/a.aspx?id=%2Fsites%2FFin%2FDocs%2Fa&ID=%2Fsites%2FFin%2FDocs%2Fb", "names two items"),
        (f"{T}/sites/Fin/Docs/a#1.csv", "has a '#'"),
        (f"{T}/sites/Fin/Docs/Forms/AllItems.aspx#InplviewHash1=RootFolder%3D%252Fa", "has a '#'"),
        ("https://graph.microsoft.com/v1.0/me/drive/root:/a.csv", "Graph's API"),
        (f"{T}/sites/Fin/_api/v2.0/drives/b!1/items/01A", "does not say which"),
        ("https:/contoso.sharepoint.com/:f:/s/Fin/SECRET", "not a plain https address"),
        ("https:\\\\contoso.sharepoint.com\\:f:\\s\\Fin\\SECRET", "not a plain https address"),
        ("contoso.sharepoint.com/sites/Fin/Docs/a.csv", "write https:// in front"),
        ("//contoso.sharepoint.com/:f:/s/Fin/SECRET", "write https:// in front"),
        ("1drv.ms/f/s!SECRET", "write https:// in front"),
        ("onedrive.live.com/?authkey=SECRET", "write https:// in front"),
        (f"<{T}/:f:/s/Fin/SECRET?e=SECRET>", "Write an address alone"),
        (f"[a]({T}/:f:/s/Fin/SECRET?e=SECRET)", "Write an address alone"),
        (f"ms-word:ofe|u|{T}/:w:/s/Fin/SECRET", "Write an address alone"),
        ("sites/contoso.sharepoint.com/:f:/s/Fin/SECRET", "':'"),
        (f"sites/{T}/:f:/s/Fin/SECRET", "empty name"),
        (f"{T}/sites/Fin/:f:/s/Fin/SECRET", "':'"),
        ("htps://contoso.sharepoint.com/:f:/s/Fin/SECRET", "known root"),
        (f"myfiles/{sharing_token(LINK)}?SECRET", "'?'"),
        (quote(SECRETS[0], safe=""), "known root"),
        (f"^{SECRETS[0]}", "known root"),
    ],
)
def test_address_that_names_no_item_is_refused(text, said):
    """It is never read as the folder around the page, and the error says what to paste; it shows no link."""
    with pytest.raises(LocationError) as caught:
        PARSER.parse(text)
    assert said in str(caught.value)
    assert "SECRET" not in f"{caught.value} {caught.value.to_dict()}"
    assert sharing_token(LINK)[8:] not in str(caught.value)
    names_folder(text)  # which is asked before


def test_address_on_every_host_is_recognised():
    """Blanks around it do not count; another text is none."""
    assert is_web_address("\ufeff HTTPS://h.example/a ")
    assert not is_web_address("myfiles/https://h.example/a")
    assert read_web_address("https://h.example/a").host == "h.example"
