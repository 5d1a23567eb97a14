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
# A library's address in the browser ends in the page that shows it, not in the library's path.
_VIEW = re.compile(r"(?i)/Forms/[^/]+\.aspx$|/_layouts/.*$|/[^/]+\.aspx$")


@dataclass(frozen=True)
class WebAddress:
    """An address that has been read: it has a link, or ids, or a path.

    :param link: the whole sharing link, which is a secret; else empty.
    :param ids: drive id and item id of an address of a personal drive; else None.
    :param path: the path on the host, decoded, without slashes at its ends; else empty.
    """

    host: str
    link: str = field(default="", repr=False)
    ids: tuple[str, str] | None = None
    path: str = ""


def is_web_address(text: str) -> bool:
    return text[:8].lower().startswith(("https://", "http://"))


def read_web_address(text: str) -> WebAddress:
    """Read an address as a browser shows it, or a sharing link of a business or personal drive.

    :raises LocationError: if it is neither; the error never shows a link.
    """
    parts = _parts(text)
    host, query = str(parts.hostname), {key.lower(): values[0] for key, values in parse_qs(parts.query).items()}
    if _is_link(parts, query):
        return WebAddress(host, link=text)
    if host in _SHORT_HOSTS:
        return WebAddress(host, ids=_personal(host, query))
    # "id" (modern pages) and "RootFolder" (classic ones) name what is shown; the path only names the page.
    path = query.get("id") or query.get("rootfolder") or _VIEW.sub("", unquote(_DIRECT.sub("", parts.path)))
    path = path.strip("/")
    if not path or "sourcedoc" in query:
        raise LocationError(
            f"The address on {host} does not say which file or folder it shows.",
            advice="Open the folder in the browser and copy that address, or use Share, Copy link.",
        )
    return WebAddress(host, path=path)


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
