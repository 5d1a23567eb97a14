"""Reads addresses pasted from a browser. None is ever fetched; only a sharing link is sent, and only to Graph."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from airflow_provider_onedrive.graph.protocol.errors import LocationError

# "/:x:/r/" is the address of a file that the reader has access to anyway. Any other letter makes it a sharing link.
_DIRECT = re.compile(r"/:[a-z]:/r(?=/)")
_SHARING = re.compile(r"/:[a-z]:/[a-z]/")
# The hosts of personal drives.
_SHORT_HOSTS = ("1drv.ms", "onedrive.live.com", "my.microsoftpersonalcontent.com")
# SharePoint puts the kind of the item into the address that it copies; "f" is a folder.
_FOLDER = "/:f:/"
# A library's address in the browser ends in the page that shows it, not in the library's path.
_VIEW = re.compile(r"(?i)/Forms/[^/]+\.aspx$|/_layouts/.*$|/[^/]+\.aspx$")
# Parts of a query that the browser adds, and that are never paths.
_PATHLESS = ("action", "at", "csf", "d", "e", "ga", "mobileredirect", "viewid", "web")
# A user and a password before the host are cut as well.
_ADDRESS = re.compile(r"(?is)(https?://)(?:[^/?#\s]*@)?([^/?#\s]*).*")


@dataclass(frozen=True)
class WebAddress:
    """An address that has been read: it has a link, or ids, or a path.

    :param link: the whole sharing link, which is a secret; else empty.
    :param ids: drive id and item id of an address of a personal drive; else None.
    :param path: the path on the host, decoded, without slashes at its ends; else empty.
    :param is_folder: whether it is marked as a folder's: by a ``/`` at its end, or by SharePoint.
    """

    host: str
    link: str = field(default="", repr=False)
    ids: tuple[str, str] | None = None
    path: str = ""
    is_folder: bool = False


def is_web_address(text: str) -> bool:
    # A pasted text may have spaces or an end of line around it.
    return text.lstrip()[:8].lower().startswith(("https://", "http://"))


def without_secret(text: str) -> str:
    """Cut an address to its host, wherever it stands in the text: a sharing link is a secret."""
    return _ADDRESS.sub(r"\1\2/…", text)


def is_folder_address(text: str) -> bool:
    """Whether an address is marked as a folder's."""
    try:
        return read_web_address(text).is_folder
    except LocationError:  # it is raised again when the address is used
        return text.rstrip().endswith("/")


def read_web_address(text: str) -> WebAddress:
    """Read an address as a browser shows it, or a sharing link of a business or personal drive.

    :raises LocationError: if it is neither; the error never shows a link.
    """
    text = text.strip()
    # People mark a folder by a slash at the end of what they pasted, which may be the end of a query.
    bare = text.removesuffix("/") if "?" in text else text
    parts = _parts(bare)
    host, query = str(parts.hostname), {key.lower(): values[0] for key, values in parse_qs(parts.query).items()}
    _check_end(bare, parts, query)
    is_marked = bare != text or _FOLDER in parts.path
    if _is_link(parts, query):
        beginning, mark, rest = bare.partition("?")
        link = beginning.removesuffix("/") + mark + rest
        return WebAddress(host, link=link, is_folder=is_marked or beginning.endswith("/"))
    if host in _SHORT_HOSTS:
        return WebAddress(host, ids=_personal(host, query), is_folder=is_marked)
    # "id" (modern pages) and "RootFolder" (classic ones) name what is shown; the path only names the page.
    path = query.get("id") or query.get("rootfolder") or _VIEW.sub("", unquote(_DIRECT.sub("", parts.path)))
    is_folder = is_marked or path.endswith("/") or ("rootfolder" in query and "id" not in query)
    path = path.strip("/")
    if not path or "sourcedoc" in query:
        raise LocationError(
            f"The address on {host} does not say which file or folder it shows.",
            advice="Open the folder in the browser and copy that address, or use Share, Copy link.",
        )
    return WebAddress(host, path=path, is_folder=is_folder)


def sharing_token(link: str) -> str:
    """Encode a link for ``/shares``. https://learn.microsoft.com/en-us/graph/api/shares-get."""
    return "u!" + base64.urlsafe_b64encode(link.encode()).decode("ascii").rstrip("=")


def _parts(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _ = parts.port  # only reading it raises the error about a port that is not a number
    except ValueError:
        parts = urlsplit("")
    if parts.scheme.lower() != "https" or not parts.hostname or "@" in parts.netloc:
        raise LocationError("The address is not a plain https address.", advice="Copy it from the browser.")
    return parts


def _check_end(text: str, parts: SplitResult, query: dict[str, str]) -> None:
    """Refuse what does not belong to an address: it would be dropped, and the address mean more than was meant.

    :raises LocationError: if the text was to be a pattern, or to go on with a path.
    """
    path, mark, rest = text.partition("?")
    if "*" in path or (mark and "=" not in rest):
        raise LocationError(
            f"The address on {parts.hostname} has a wildcard, and an address is never a pattern.",
            advice="Give the folder's address, and pass the pattern as file_pattern.",
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


def _is_link(parts: SplitResult, query: dict[str, str]) -> bool:
    if parts.hostname in _SHORT_HOSTS:
        return parts.hostname == "1drv.ms" or "authkey" in query or "redeem" in query
    return bool(_SHARING.match(parts.path)) and not _DIRECT.match(parts.path)


def _personal(host: str, query: dict[str, str]) -> tuple[str, str]:
    item = query.get("resid") or query.get("id") or ""
    # An id of a personal drive begins with the drive's own id: ABC!123 is in the drive ABC.
    drive = query.get("cid") or item.partition("!")[0]
    if not (drive and item):
        raise LocationError(
            f"The address on {host} does not say which file or folder it shows.",
            advice="Open the folder in the browser and copy that address, or use Share, Copy link.",
        )
    return drive, item
