"""The form of a text that only its owner may know: a report says that something is an id, and not which."""

from __future__ import annotations

import re

_GUID = r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
_CAPITAL_GUID = _GUID.replace("a-f", "A-F")
_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"
# The first that fits counts.
_FORMS = (
    ("empty text", ""),
    ("time", rf"{_TIME}Z"),
    ("time with a fraction", rf"{_TIME}\.\d+Z"),
    ("SharePoint's item id", r"01[A-Z2-7]{32}"),
    ("SharePoint's drive id", r"b![\w-]{64}"),
    ("personal item id with a number", r"[0-9A-Fa-f]{15,16}!\d+"),
    ("personal item id with s", r"[0-9A-Fa-f]{15,16}!s[0-9a-f]{32}"),
    ("personal id in capitals", r"(?=.*[A-F])[0-9A-F]{15,16}"),
    ("personal id", r"[0-9a-f]{15,16}"),
    ("guid", _GUID),
    ("GUID in capitals", _CAPITAL_GUID),
    ("eTag of a GUID", rf'"\{{{_CAPITAL_GUID}\}},\d+"'),
    ("cTag of a GUID", rf'"c:\{{{_CAPITAL_GUID}\}},\d+"'),
    ("eTag of a guid", rf'"{_GUID},\d+"'),
    ("three ids of a site", rf"[\w.-]+,{_GUID},{_GUID}"),
    ("e-mail address", r"[^@\s/]+@[^@\s/]+"),
    ("hash of 20 bytes", r"[\w+/]{27}="),
    ("hash of 20 bytes in hexadecimal", r"[0-9A-F]{40}"),
    ("hash of 32 bytes in hexadecimal", r"[0-9A-F]{64}"),
    ("date of HTTP", r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT"),
    ("range of bytes", r"bytes \d+-\d+/\d+"),
)
ITEM_FORMS = frozenset(name for name, _ in _FORMS if "item id" in name or "drive id" in name or "personal id" in name)
"""The forms of ids that get running numbers: those of items and drives."""
_COMPILED = tuple((name, re.compile(pattern)) for name, pattern in _FORMS)
_ID = re.compile(rf"b![\w-]{{64}}|01[A-Z2-7]{{32}}|[0-9A-Fa-f]{{15,16}}(?:!\w+)?|(?i:{_GUID})")
_MAIL = re.compile(r"[\w.+%-]+@[\w.-]+")
_HOST = re.compile(r"(?i)[\w-]+(?:\.[\w-]+)*\.(?:sharepoint|onmicrosoft)\.[\w.]+\w")
_CONTEXT = re.compile(r"[^#]*\$metadata")
_KEY = re.compile(r"\('[^']*'\)|\([^()']*\)")
_PATH = re.compile(r"(/drives?)(/[^/]+)?(/root:|/items)(/.*)?")
# What makes an address another kind of address; hosts and paths are names of others.
_PARTS = (
    *("/_layouts/15/Doc.aspx", "/_layouts/15/download.aspx", "/uploadSession", "/monitor/", "/operations/"),
    *("cid=", "tempauth=", "sourcedoc="),
)


def form_of(text: str) -> str:
    """Return the name of a text's form; of a text without one, that it is a text."""
    if text.startswith(("https://", "http://")):
        return _form_of_url(text)
    if path := _PATH.fullmatch(text):
        start, drive, middle, rest = path.groups()
        return f"path {start}{'/(id)' if drive else ''}{middle}{'/...' if rest else ''}"
    return next((name for name, pattern in _COMPILED if pattern.fullmatch(text)), "text")


def context_of(text: str) -> str:
    """Return what an ``@odata.context`` is about, without its keys."""
    return _KEY.sub("(..)", _ID.sub("(id)", _CONTEXT.sub("$metadata", text)))


def without_ids(text: str) -> str:
    """Return a sentence of the service without ids, e-mail addresses and hosts of an organisation."""
    return _HOST.sub("(host)", _MAIL.sub("(e-mail)", _ID.sub("(id)", text)))


def _form_of_url(text: str) -> str:
    features = [part.strip("/=") for part in _PARTS if part in text]
    return " ".join(("URL", *(f"with {feature}" for feature in features)))
