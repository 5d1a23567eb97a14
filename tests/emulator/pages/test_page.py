"""Where ``webUrl`` leads."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from urllib.parse import quote, unquote, urljoin

import pytest

AWKWARD = [
    "'&lt;b&gt; &quot;'.txt",
    "a & b &amp; c.txt",
    "it's \u201cquoted\u201d.txt",
    "100% #1 + %23 %2F.csv",
    "semi;colon,comma=equals@at!$().txt",
    "ünï 日本 🎉.txt",
    "\u202etxt.exe",
    "download.aspx",
    "uploadSession",
    "tempauth",
    "_api",
    "__emulator__",
]


class Page(HTMLParser):
    """Parse a page into its links and its text."""

    def __init__(self, reply):
        super().__init__()
        self.links, self.tags, self.text, self._inside = {}, [], "", []
        self._base = str(reply.url)
        self.feed(reply.text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag == "a":
            self._inside.append([dict(attributes)["href"], ""])

    def handle_data(self, data):
        self.text += data
        if self._inside:
            self._inside[-1][1] += data

    def handle_endtag(self, tag):
        if tag == "a":
            href, text = self._inside.pop()
            self.links[text] = urljoin(self._base, href)


@pytest.fixture
def browse(http):
    """Open an address as a browser does."""

    def open_page(url, status=200):
        reply = http.get(url, headers={"Accept": "text/html,*/*;q=0.8"}, follow_redirects=True)
        assert reply.status_code == status
        assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
        return Page(reply)

    return open_page


def test_a_folder(browse, drive):
    """A folder shows its items with size and time, folders first, and links to the folders above."""
    drive.put("Finance/Reports/b.csv", b"x" * 2048)
    drive.put("Finance/a.csv", b"x")
    page = browse(drive.item("Finance")["webUrl"])
    assert list(page.links) == ["Drives", "OneDrive of Anna", "Reports", "a.csv"]
    assert "2 items, 2.0 KiB" in page.text
    assert "1 byte" in page.text
    assert page.links["OneDrive of Anna"] == drive.item()["webUrl"]
    assert "b.csv" in browse(page.links["Reports"]).links


def test_a_file(browse, drive, http):
    """A file shows size, time, author and its versions, each with a download."""
    drive.put("a/data.csv", b"old")
    item = drive.put("a/data.csv", b"newer")
    page = browse(item["webUrl"])
    assert list(page.links) == ["Drives", "OneDrive of Anna", "a", "Download", "1.0"]
    for fact in ("5 bytes", item["lastModifiedDateTime"][:16].replace("T", " "), "by Anna", "text/csv", "2.0"):
        assert fact in page.text
    assert http.get(page.links["Download"]).content == b"newer"
    assert http.get(page.links["1.0"]).content == b"old"


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_names(browse, drive, http, emulator, name):
    """Pages of any name are reachable, and the names are shown unchanged."""
    emulator.quirks.editor_addresses = False
    item = drive.put(f"{name}/{name}", b"content")
    page = browse(browse(drive.item()["webUrl"]).links[name])
    assert page.links[name] == item["webUrl"]
    found = browse(page.links[name])
    assert name in found.text
    assert "script" not in found.tags
    reply = http.get(found.links["Download"])
    assert reply.content == b"content"
    assert unquote(reply.headers["Content-Disposition"].partition("''")[2]) == name


def test_names_are_escaped(http, emulator):
    """Markup in a title or in a URL is escaped."""
    emulator.add_site("/sites/x", title="<img src=x onerror=alert(1)>", libraries=["\"><script>alert('2')</script>"])
    for path in ("/", "/sites/x", "/no/<script>alert(3)<%2Fscript>", "/no/%22%3E%3Csvg%20onload=alert(4)%3E"):
        reply = http.get(emulator.store_url + path, headers={"Accept": "text/html"})
        assert not {"script", "img", "svg"} & set(Page(reply).tags)
    assert "<img src=x onerror=alert(1)>" in unescape(http.get(emulator.store_url + "/").text)


def test_what_a_browser_may_do_with_a_page(http, drive):
    """A page runs no script, cannot be framed, loads nothing, and is not cached."""
    headers = http.get(drive.item()["webUrl"]).headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("by", ["page", "download address"])
def test_files_are_attachments(http, drive, by):
    """A file is downloaded and never rendered on this origin."""
    item = drive.put("evil.html", b"<script>alert(1)</script>")
    url = f"{item['webUrl']}?download=1" if by == "page" else item["@microsoft.graph.downloadUrl"]
    headers = http.get(url).headers
    assert headers["Content-Disposition"] == "attachment; filename*=UTF-8''evil.html"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "sandbox; default-src 'none'"


def test_no_secret_on_a_page(http, drive, emulator):
    """A page contains no download URL, token or key."""
    drive.put("a", b"1")
    item = drive.put("a", b"2")
    for url in (emulator.page_url, drive.item()["webUrl"], item["webUrl"]):
        text = http.get(url).text
        for secret in ("tempauth", emulator.client_secret, emulator.control_key, item["id"], drive.id):
            assert secret not in text


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_read_only(http, drive, method, error):
    """A page changes nothing."""
    item = drive.put("a", b"1")
    reply = http.request(method, item["webUrl"], content=b"2")
    assert error(reply)[:2] == (405, "methodNotAllowed")
    assert reply.headers["Allow"] == "GET, HEAD"
    assert drive.read("a") == b"1"


def test_head(http, drive):
    """HEAD has the headers of a page, and no body."""
    reply = http.head(drive.item()["webUrl"])
    assert (reply.status_code, reply.content) == (200, b"")
    assert int(reply.headers["Content-Length"]) > 500


@pytest.mark.parametrize("path", ["nope", "a/b", "%2e%2e/%2e%2e/etc", "x%00y", "n" * 5000])
def test_what_is_not_there(browse, drive, http, path):
    """A browser gets an error page, any other client an error in Graph's form."""
    drive.put("a", b"1")
    url = f"{drive.item()['webUrl']}/{path}"
    reply = http.get(url, headers={"Accept": "text/html"})
    assert 400 <= reply.status_code < 500
    assert "All drives" in Page(reply).links
    assert http.get(url).json()["error"]["code"] in {"itemNotFound", "invalidRequest"}


@pytest.mark.parametrize("version", ["3", "0", "x", "-1", "9" * 5000, "²"])
def test_a_version_that_is_not_there(http, drive, version):
    """So is a version that does not exist."""
    item = drive.put("a", b"1")
    assert http.get(f"{item['webUrl']}?download=1&version={quote(version)}").status_code == 404


def test_drives(browse, emulator):
    """The first page lists the drives of users and the libraries of sites; a site's page lists its own."""
    emulator.add_site("/sites/Finance", libraries=["Dokumente", "Reports"])
    emulator.add_user("carla@contoso.example", personality="personal")
    emulator.drive("sites/Finance").put("in/a.txt", b"1")
    page = browse(emulator.page_url)
    assert {"anna@contoso.example", "carla@contoso.example", "Finance / Dokumente"} <= set(page.links)
    for link in page.links.values():
        browse(link)
    site = browse(f"{emulator.store_url}/sites/Finance")
    assert list(site.links) == ["Dokumente", "Reports"]
    assert "Shared%20Documents" in site.links["Dokumente"]
    assert "a.txt" in browse(browse(site.links["Dokumente"]).links["in"]).links


def test_a_personal_drive(browse, emulator, http):
    """A consumer's drive has pages as well."""
    emulator.add_user("carla@contoso.example", personality="personal")
    item = emulator.drive("carla@contoso.example").put("a/b.txt", b"1")
    assert http.get(browse(item["webUrl"]).links["Download"]).content == b"1"


def test_every_web_url_leads_somewhere(v1, browse, emulator):
    """Drives, sites, lists and items have a webUrl."""
    site_id = emulator.add_site("/sites/Finance")
    emulator.drive("sites/Finance").put("a.txt", b"1")
    for path in ("", "/drive", "/drive/list", "/drive/root", "/drive/root:/a.txt"):
        browse(v1.get(f"/sites/{site_id}{path}").json()["webUrl"])


def test_a_large_folder(browse, drive):
    """A folder of many items is paged."""
    drive.put_all({f"f/{number:04} &+.txt": b"" for number in range(501)})
    first = browse(drive.item("f")["webUrl"])
    second = browse(first.links["Next page"])
    names = [name for page in (first, second) for name in page.links if name.endswith(".txt")]
    assert names == sorted(names)
    assert len(names) == 501
    assert "Next page" not in second.links


def test_a_sharing_link(graph, drive, browse, http):
    """The address of a link leads to the item's page, as long as there is the link."""
    drive.put("a/b.txt", b"1")
    link = graph.post("/root:/a:/createLink", json={"type": "view", "scope": "organization"}).json()
    assert "b.txt" in browse(link["link"]["webUrl"]).links
    graph.delete(f"/root:/a:/permissions/{link['id']}")
    browse(link["link"]["webUrl"], status=403)
    assert http.get(link["link"]["webUrl"]).json()["error"]["code"] == "accessDenied"


def test_a_shortcut(browse, drive, emulator):
    """A shortcut leads to the page of its target."""
    emulator.drive("ben@contoso.example").put("Shared/x.txt", b"1")
    drive.shortcut("Shared", emulator.drive("ben@contoso.example"), "Shared")
    page = browse(browse(drive.item()["webUrl"]).links["Shared"])
    assert "x.txt" in page.links


def test_a_page_in_the_log(browse, drive, emulator):
    """A page is logged and costs no units."""
    browse(drive.item()["webUrl"])
    (entry,) = emulator.requests
    assert (entry.operation, entry.resource_units, entry.origin) == ("page", 0, "store")


def test_a_part_of_a_file(http, drive):
    """A download from a page can be continued."""
    item = drive.put("a", b"0123456789")
    reply = http.get(f"{item['webUrl']}?download=1", headers={"Range": "bytes=7-"})
    assert (reply.status_code, reply.content) == (206, b"789")


def test_style_is_the_one_that_is_allowed(http, drive):
    """The only style sheet is inside the page, and its hash is the one that the policy names."""
    text = http.get(drive.item()["webUrl"]).text
    assert len(re.findall(r"<style>", text)) == 1
    assert " style=" not in text
