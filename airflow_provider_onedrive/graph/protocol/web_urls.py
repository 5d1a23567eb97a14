"""Reads addresses pasted from a browser. None is ever fetched; only a sharing link is sent, and only to Graph.

An address that shows a list, a search or another page names no item, and is refused: without its query, it would mean
another place. The forms were collected from public repositories, where people paste them.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from airflow_provider_onedrive.graph.protocol.errors import LocationError
from airflow_provider_onedrive.graph.protocol.personal_urls import (
    PERSONAL_HOSTS,
    drive_of_site,
    personal_ids,
    personal_path,
)

Query = Mapping[str, str]
"""The parameters of an address, by their names in lower case."""

# "/:x:/r/" is the address of a file that the reader has access to anyway. Any other letter makes it a sharing link.
_DIRECT = re.compile(r"(?i)/:[a-z]{1,4}:/r(?=/)")
_SHARING = re.compile(r"(?i)/:[a-z]{1,4}:/[a-z]{1,2}/")
_SHORT_HOSTS = ("1drv.ms",)
# The paths of their links, on whichever host: with a mistake in it, one must not become the path of a site.
_SHORT = re.compile(r"(?i)/[a-z]/(?:s![\w-]{16}|c/[0-9a-f]{15,16}/)")
# The kind of the item is a part of the addresses and links that are copied in the browser; "f" is a folder.
_FOLDER = re.compile(r"(?i)/:f:/|^https://1drv\.ms/f/")
# A library's address in the browser ends in the page that shows it, not in the library's path.
_VIEW = re.compile(r"(?i)/Forms/[^/]+\.aspx$")
# Pages of a site, which show an item that their query names; before them stands the site's path.
_PAGE = re.compile(r"(?i)/_(?:layouts|vti_bin|api)(?:/.*)?$")
# The start pages of OneDrive in a browser: they show whatever their query says.
_START_PAGES = ("my", "shared")
_ONEDRIVE_HOST = re.compile(r"[^.]+-my\.")
_GUID = re.compile(r"\{?([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})\}?")
# By host, the parameter of an address that carries the whole address of a file: of Teams, and of mail that was scanned.
_CARRIERS = (
    (re.compile(r"teams\.(?:microsoft\.com|cloud\.microsoft|live\.com)|(?:\w+\.)?teams\.microsoft\.us"), "objecturl"),
    (re.compile(r".*\.safelinks\.protection\.outlook\.com"), "url"),
)
_GRAPH = re.compile(r"(?:[\w-]+\.)?(?:graph\.microsoft\.\w+|microsoftgraph\.chinacloudapi\.cn)|api\.onedrive\.com")
# Microsoft's other hosts; those of Office name a file by its ids.
_OFFICE = re.compile(
    r"(?:[\w-]+\.)*(?:cloud\.microsoft|(?:microsoft|microsoftonline|office|office365|onedrive|outlook)\.com)"
)
_MICROSOFT_HOSTS = re.compile(
    r"(?i)[\w.-]+\.sharepoint(?:-\w+)?\.\w+|1drv\.ms|onedrive\.live\.com|my\.microsoftpersonalcontent\.com"
    r"|d\.docs\.live\.net|teams\.microsoft\.com"
)
# The parameters that name an item. The same one twice would leave open which is meant.
_NAMING = (
    "id",
    "resid",
    "rootfolder",
    "listurl",
    "newtargetlisturl",
    "sourcedoc",
    "uniqueid",
    "sourceurl",
    "objecturl",
    "docid",
)
# Parts of a query that the browser adds, and that are never paths.
_PATHLESS = ("action", "at", "csf", "d", "e", "ga", "mobileredirect", "viewid", "web")
# What mail, chats and spreadsheets put around an address without showing it.
_AROUND = " \t\r\n\f\v\xa0\u200b\u2060\ufeff"
_COPY_AGAIN = "Open the folder in the browser and copy that address, or use Share, Copy link."


@dataclass(frozen=True)
class WebAddress:
    """An address that has been read: it has a link, or ids, or a document, or a path.

    :param link: the whole sharing link, which is a secret; else empty.
    :param ids: drive id and item id of an address of a personal drive; else None.
    :param drive_id: of a personal drive, whose root ``path`` begins at; else empty.
    :param document: the GUID of a document of the site at ``path``; else empty.
    :param path: the path on the host, decoded, without slashes at its ends; else empty.
    :param is_folder: whether it is marked as a folder's: by a ``/`` at its end, or by SharePoint.
    """

    host: str
    link: str = field(default="", repr=False)
    ids: tuple[str, str] | None = None
    drive_id: str = ""
    document: str = ""
    path: str = ""
    is_folder: bool = False


def is_web_address(text: str) -> bool:
    # Also with one slash or with backslashes, whose error then is about an address and shows nothing behind the host.
    return re.match(r"(?i)https?:[/\\]", text.strip(_AROUND)) is not None


def without_scheme(text: str) -> bool:
    """Whether a text is an address whose ``https://`` is missing."""
    return _MICROSOFT_HOSTS.fullmatch(re.split(r"[/?#\\]", text.strip(_AROUND + "/"), maxsplit=1)[0]) is not None


def is_folder_address(text: str) -> bool:
    """Whether an address is marked as a folder's."""
    try:
        return read_web_address(text).is_folder
    except LocationError:  # it is raised again when the address is used
        return text.rstrip().endswith("/")


def read_web_address(text: str) -> WebAddress:
    """Read an address as a browser shows it, or a sharing link of a business or personal drive.

    :raises LocationError: if it is neither, or names no item; the error never shows a link.
    """
    # As a browser does: an address that was broken at the end of a line is whole again.
    # "&amp;" is how the source of a page writes "&".
    text = re.sub(r"[\t\r\n]", "", text.strip(_AROUND)).replace("&amp;", "&")
    # People mark a folder by a slash at the end of what they pasted, which may be the end of a query.
    bare = text.removesuffix("/") if "?" in text else text
    parts = _parts(bare)
    query = _query(parts)
    _check_end(bare, parts, query)
    address = _carried(parts, query) or _read(bare, parts, query)
    is_marked = bare != text or _FOLDER.search(address.link or bare.partition("?")[0])
    return replace(address, is_folder=True) if is_marked else address


def sharing_token(link: str) -> str:
    """Encode a link for ``/shares``. https://learn.microsoft.com/en-us/graph/api/shares-get."""
    return "u!" + base64.urlsafe_b64encode(link.encode()).decode("ascii").rstrip("=")


def _parts(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _ = parts.port  # only reading it raises the error about a port that is not a number
    except ValueError:
        parts = urlsplit("")
    if parts.scheme.lower() != "https" or not parts.hostname or "@" in parts.netloc or "\\" in parts.netloc:
        raise LocationError("The address is not a plain https address.", advice="Copy it from the browser.")
    return parts


def _query(parts: SplitResult) -> Query:
    """Read the parameters.

    :raises LocationError: if two of them name an item differently.
    """
    values: dict[str, list[str]] = {}
    for name, given in parse_qs(parts.query).items():
        values.setdefault(name.lower(), []).extend(given)
    for name in _NAMING:
        if len(set(values.get(name, ()))) > 1:
            raise LocationError(f"The address on {parts.hostname} names two items.", advice=_COPY_AGAIN)
    return {name: given[0] for name, given in values.items()}


def _check_end(text: str, parts: SplitResult, query: Query) -> None:
    """Refuse what does not belong to an address: it would be dropped, and the address mean more than was meant.

    :raises LocationError: if the text was to be a pattern, or to go on with a path.
    """
    path, mark, rest = text.partition("?")
    if "*" in path or (mark and "=" not in rest):
        raise LocationError(
            f"The address on {parts.hostname} has a wildcard, and an address is never a pattern.",
            advice="Give the folder's address, and pass the pattern as file_pattern.",
        )
    if "#" in text:
        raise LocationError(
            f"The address on {parts.hostname} has a '#', and what follows it would not count.",
            advice="Write %23 for a '#' in a name. If a page added it, open the folder and copy its address.",
        )
    if "//" in parts.path.lstrip("/"):
        raise LocationError(
            f"The address on {parts.hostname} has an empty name between two slashes.",
            advice="Check the template that makes it.",
        )
    if any("/" in query.get(name, "") for name in _PATHLESS):
        raise LocationError(
            f"The address on {parts.hostname} is followed by a path.",
            advice="Copy the address of what is meant from the browser, or pass file_name or file_pattern.",
        )


def _carried(parts: SplitResult, query: Query) -> WebAddress | None:
    """Read the address that another one carries; None if it carries none."""
    host = str(parts.hostname)
    for pattern, name in _CARRIERS:
        if pattern.fullmatch(host):
            if is_web_address(inner := query.get(name, "")):
                return read_web_address(inner)
            raise _unclear(host)
    return None


def _read(text: str, parts: SplitResult, query: Query) -> WebAddress:
    host = str(parts.hostname)
    if _GRAPH.fullmatch(host):
        raise LocationError(
            f"The address on {host} is one of Graph's API, not of a browser.",
            advice="Write drives/<drive-id>/<path> or items/<drive-id>/<item-id>.",
        )
    if link := _link(text, parts, query):
        return WebAddress(host, link=link, is_folder=len(parts.path) > 1 and parts.path.endswith("/"))
    if host in PERSONAL_HOSTS or ("resid" in query and "cid" in query):
        return _personal(host, parts, query)
    if _OFFICE.fullmatch(host):
        return _in_office(host, query)
    return _on_sharepoint(host, unquote(_DIRECT.sub("", parts.path)), query)


def _link(text: str, parts: SplitResult, query: Query) -> str:
    """Return the sharing link that an address is; empty if it is none."""
    path = parts.path
    if "redeem" in query and not query.get("id", "").startswith("/"):
        return _redeemed(query["redeem"]) or text
    is_link = (
        parts.hostname in _SHORT_HOSTS
        or _SHORT.match(path)
        or "authkey" in query
        or "guestaccess.aspx" in path.lower()
        or ("share" in query and _PAGE.search(path) is not None)
        or (_SHARING.match(path) and not _DIRECT.match(path))
    )
    beginning, mark, rest = text.partition("?")
    return beginning.removesuffix("/") + mark + rest if is_link else ""


def _redeemed(text: str) -> str:
    """Return the sharing link that a browser was led away from, with the link in base64; empty if it is none."""
    try:
        link = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
    except ValueError:
        return ""
    return link if link.isprintable() and link.lower().startswith("https://") else ""


def _personal(host: str, parts: SplitResult, query: Query) -> WebAddress:
    """Read an address of a personal drive: its path or its ids."""
    path = unquote(parts.path)
    shown = _first(query, "id", "resid", "rootfolder", "sourceurl", "sourcedoc", "uniqueid", "listurl")
    if is_web_address(shown):
        return read_web_address(shown)
    if located := personal_path(host, shown or path):
        drive_id, below = located
        return WebAddress(host, drive_id=drive_id, path=below.strip("/"), is_folder=below.endswith("/"))
    ids = personal_ids(shown, query.get("cid") or drive_of_site(path))
    if ids is None:
        raise _unclear(host)
    return WebAddress(host, ids=ids) if ids[1] else WebAddress(host, drive_id=ids[0])


def _in_office(host: str, query: Query) -> WebAddress:
    """Read an address of Office in the browser, which names a file by its ids."""
    item_id, drive_id = query.get("docid", ""), query.get("driveid", "")
    ids = (drive_id, item_id) if drive_id.startswith("b!") else personal_ids(item_id, drive_id)
    if ids is None or not ids[1]:
        raise _unclear(host)
    return WebAddress(host, ids=ids)


def _on_sharepoint(host: str, path: str, query: Query) -> WebAddress:
    # "id" (modern pages) and "RootFolder" (classic ones) name what is shown; the path only names the page.
    shown = _first(query, "id", "rootfolder", "sourceurl", "sourcedoc")
    site = _PAGE.sub("", path)
    if guid := _GUID.fullmatch(_first(query, "sourcedoc", "uniqueid")):
        if site == path:
            raise _unclear(host)
        return WebAddress(host, document=guid.group(1).upper(), path=site.strip("/"))
    # The path may still be that of the library from which the reader has come.
    library = _first(query, "listurl", "newtargetlisturl")
    if shown or library:
        return _shown_on(host, shown, library, is_folder="rootfolder" in query and "id" not in query)
    path = _VIEW.sub("", path)
    bare = path.strip("/")
    if not bare or _PAGE.search(path) or (bare.lower() in _START_PAGES and _ONEDRIVE_HOST.match(host)):
        raise _unclear(host)
    return WebAddress(host, path=bare, is_folder=path.endswith("/"))


def _shown_on(host: str, shown: str, library: str, *, is_folder: bool) -> WebAddress:
    """Read what a page shows.

    :param shown: a path on the host of the page, or of the library; empty if it is the whole library.
    :param library: the path or the address of the library, if the page names one.
    """
    above = _server_path(host, library) if library else None
    item = _server_path(above.host if above else host, shown) if shown else above
    if item is None or (above is None and library):
        raise _unclear(host)
    if above is not None and not _lies_in(item, above):
        raise LocationError(f"The address on {host} names a folder outside of its library.", advice=_COPY_AGAIN)
    return replace(item, is_folder=item.is_folder or is_folder or not shown)


def _server_path(host: str, text: str) -> WebAddress | None:
    """Read a path on a host, or a whole address; None if a text is neither, such as the number of a list item."""
    if is_web_address(text):
        return read_web_address(text)
    path = text.strip("/")
    return WebAddress(host, path=path, is_folder=text.endswith("/")) if text.startswith("/") and path else None


def _lies_in(item: WebAddress, library: WebAddress) -> bool:
    names, above = item.path.lower().split("/"), library.path.lower().split("/")
    return item.host == library.host and names[: len(above)] == above


def _first(query: Query, *names: str) -> str:
    return next((query[name] for name in names if query.get(name)), "")


def _unclear(host: str) -> LocationError:
    return LocationError(f"The address on {host} does not say which file or folder it shows.", advice=_COPY_AGAIN)
