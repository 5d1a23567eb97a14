"""What no text may show: sharing links, pre-authorised URLs and tokens. Whatever is logged or raised goes through here.

A sharing link, and the token that Graph takes for it, opens an item for everybody who knows it.
"""

from __future__ import annotations

import re
import unicodedata

from airflow_provider_onedrive.graph.protocol.hidden_names import hidden_names

_SLASH, _COLON = r"(?:/|\\+|%(?:25)*(?:2f|5c))", "(?::|%(?:25)*3a)"
# As they are copied, with the slashes of Windows, and percent-encoded within another address; those of personal drives
# also with a mistake in their host. "/:x:/r/" is no link, but an address of an item.
_LINK = rf"""(?xi)
    ( {_SLASH} {_COLON}[a-z]{{1,4}}{_COLON} {_SLASH} (?!r{_SLASH}) [a-z]{{1,2}} {_SLASH}
    | (?<=1drv\.ms) {_SLASH}+
    | {_SLASH} [a-z] {_SLASH} (?: s!(?=[\w-]{{16}}) | c {_SLASH} [0-9a-f]{{15,16}} {_SLASH} )
    | \b(?:guestaccess|acceptinvite)\.aspx
    | (?:[?&]|%(?:25)*(?:3f|26)) (?:authkey|guestaccesstoken|redeem|share|tempauth) (?:=|%(?:25)*3d)
    | \bu!(?=aHR0)
    )"""
# Within a sentence a link ends at a blank or a quote; in a location everything after its beginning may belong to it.
_LINK_IN_TEXT = re.compile(_LINK + r"""[^\s'"<>]*""")
_LINK_TO_END = re.compile(_LINK + "(?s:.*)")
# Of any scheme and with any slashes, because a mistake in the beginning of a link leaves its secret whole.
_ADDRESS = re.compile(r"(?is)(https?:[/\\]+|[a-z][a-z0-9+.-]*:[/\\]{2,})(?:[^/?#\s\\@]*@)?([^/?#\s\\]*).*")
_URL = re.compile(r"(?i)https?:[/\\]+\S+")
# A JSON web token, in three parts or cut off, and the ones that SharePoint and Entra write into URLs and headers.
_TOKEN = re.compile(r"(?i)\beyJ[\w-]{8,}[\w.~+/-]*=*|\bbearer\s+\S{16,}|\btempauth=\S+|\bu![\w-]{16,}")
_MOST_CHARACTERS = 2000
# Zero-width joiners are part of words in some scripts, and of many emoji.
_JOINERS = "\u200c\u200d"
_INVISIBLE = ("Cc", "Cf", "Cs", "Zl", "Zp")


def has_link(text: str) -> bool:
    return _LINK_IN_TEXT.search(text) is not None


def has_address(text: str) -> bool:
    """Whether a text holds an address of the web, or a sharing link without its beginning."""
    return has_link(text) or _URL.search(text) is not None


def secrets_in(text: str) -> list[str]:
    """Return the parts of a text that are cut off: of each sharing link in it what follows the host."""
    return [match.group() for match in _LINK_IN_TEXT.finditer(text)]


def without_secret(location: str) -> str:
    """Return the text of a location as it may be shown: of an address only the host, wherever it stands in the text."""
    return _LINK_TO_END.sub("/…", _ADDRESS.sub(r"\1\2/…", location))


def without_links(text: str) -> str:
    """Return a sentence with its sharing links cut off, which the text of a user may have brought in."""
    return _LINK_IN_TEXT.sub("/…", text)


def presentable(text: str) -> str:
    """Return a text as a log or an error may have it: without sharing links, and without names if those are hidden."""
    return hidden_names.without_names(without_links(text))


def without_urls(text: str) -> str:
    """Return a text of others as it may be shown: without URLs and tokens, in one line, and of a limited length."""
    in_one_line = " ".join(text.splitlines())
    plain = printable(_TOKEN.sub("(secret)", presentable(_URL.sub("(URL)", in_one_line))))
    return plain if len(plain) <= _MOST_CHARACTERS else f"{plain[:_MOST_CHARACTERS]}…"


def printable(text: str) -> str:
    r"""Return a text in which a terminal finds nothing to obey: a control character is written as ``\x1b``.

    The characters that change the direction of writing count as well: they let one name look like another.
    """
    return text if text.isascii() and text.isprintable() else "".join(map(_printable, text))


def _printable(character: str) -> str:
    if unicodedata.category(character) not in _INVISIBLE or character in _JOINERS:
        return character
    return character.encode("unicode_escape").decode("ascii")
