"""The names of files and folders that no log and no error may show, where a deployment wants that.

What a text quotes cannot be told from its own words afterwards. So each name is registered where it enters: a location
or a local path that somebody wrote, an answer of Graph, the listing of a local folder. Every text that leaves is then
searched for them. One registry serves the process: the option is the deployment's, and loggers belong to no client.
"""

from __future__ import annotations

import json
import re
import threading
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote, unquote

from airflow_provider_onedrive.graph.protocol.digests import digest

_DIGITS = 8
# A name of a letter or two is also a part of many words and ids.
_SHORT = 3
_JOINED = "-_!"
# To the last mark, because a name may have such a mark in it.
_QUOTED = re.compile(r"""(?s)(?<!\w)'.*'(?!\w)|".*"|[\u2018\u201c\xab].*[\u2019\u201d\xbb]""")
_NO_NAMES = frozenset({"", ".", "..", "root:", "OneDrive"})
# Of a drive the name is that of its kind, "OneDrive" or "Documents"; its root's is "root".
_NOT_OF_ITEMS = ("driveType", "root")


class HiddenNames:
    """Replaces the registered names in texts by stand-ins: the ids of an item, else a digest of its name.

    It is off until a client or a task begins whose deployment wants it; then nothing turns it off again.

    Registered names are never forgotten, because an error may quote one at any time: about 200 bytes each.
    """

    def __init__(self) -> None:
        self.is_on = False
        self._added: set[str] = set()
        self._stand_ins: dict[str, str] = {}
        # By the first character, the longest first: a path with ids comes before the names in it.
        self._lengths: dict[str, tuple[int, ...]] = {}
        self._lock = threading.RLock()

    def hide(self, *, is_wanted: bool) -> None:
        """Begin to register and to replace names, if that is wanted."""
        self.is_on = self.is_on or is_wanted

    def forget_all(self) -> None:
        """Begin anew; for tests."""
        self.__init__()  # type: ignore[misc]

    def add(self, *names: str) -> None:
        """Register names of files and folders, or patterns of them."""
        if self.is_on:
            for name in names:
                # "a%20b" may be a name of its own, and the way in which a URL writes another.
                if name not in self._added and name not in _NO_NAMES:
                    self._added.add(name)
                    self._register(name, f"#{digest(_plain(name), _DIGITS)}")

    def add_path(self, path: object) -> None:
        """Register every name of a path below a folder."""
        if self.is_on:
            # Percent-encoded, as in a URL, and plain.
            self.add(*re.split(r"[/\\]", unquote(str(path))), *str(path).split("/"))

    def add_local(self, path: object) -> None:
        """Register a local path, or one of a store, and the name at its end."""
        if self.is_on and (text := str(path)).strip("./"):
            name = re.split(r"[/\\]", text.rstrip("/\\"))[-1]
            self.add(name)
            if "/" in text:
                self._register(text, f"(local) #{digest(_plain(name), _DIGITS)}")

    def add_item(self, location: str, by_ids: str) -> None:
        """Register the location of an item, which is then shown by its ids."""
        if self.is_on and location != by_ids and "/" in location:
            self._register(location, by_ids)

    def add_answer(self, body: Any) -> None:
        """Register the names in an answer of Graph."""
        if self.is_on:
            self.add(*_names_in(body))

    def without_names(self, text: str) -> str:
        """Return a text with a stand-in for each name in it."""
        if not (self.is_on and self._stand_ins):
            return text
        return "".join(self._parts(text))

    def without_quotes(self, text: str) -> str:
        """Return a message of Graph without what it quotes, which may be names that nobody here has seen."""
        return _QUOTED.sub("(…)", text) if self.is_on else text

    def _register(self, name: str, stand_in: str) -> None:
        with self._lock:
            for each in _as_written(name):
                self._stand_ins[each] = stand_in
                lengths = self._lengths.get(each[0], ())
                if len(each) not in lengths:
                    self._lengths[each[0]] = tuple(sorted({*lengths, len(each)}, reverse=True))

    def _parts(self, text: str) -> Iterator[str]:
        at = 0
        while at < len(text):
            name = self._name_at(text, at)
            yield self._stand_ins[name] if name else text[at]
            at += len(name) or 1

    def _name_at(self, text: str, at: int) -> str:
        for length in self._lengths.get(text[at], ()):
            name, end = text[at : at + length], at + length
            if name in self._stand_ins and (length > _SHORT or _stands_alone(text, at, end)):
                # A path may end within a longer name: "myfiles/a" in "myfiles/a b.csv".
                last = name.rfind("/") + 1
                if not last or len(self._name_at(text, at + last)) <= length - last:
                    return name
        return ""


hidden_names: Final = HiddenNames()
"""The registry of this process."""


def without_hidden_causes(error: BaseException) -> None:
    """Cut the chain of an error's causes at the first that shows a name: Airflow logs all of them."""
    last: BaseException | None = error
    while last is not None:
        cause = last.__cause__ or (None if last.__suppress_context__ else last.__context__)
        if cause is not None and hidden_names.without_names(str(cause)) != str(cause):
            last.__cause__, last.__suppress_context__ = None, True
            return
        last = cause


def cause_to_show(error: BaseException) -> BaseException | None:
    """Return an error as the cause of ours; None if it shows a name, as those of the operating system do."""
    return error if hidden_names.without_names(str(error)) == str(error) else None


def _as_written(name: str) -> Iterable[str]:
    """Return a name as texts may have it: itself, in quotes, in JSON, in a URL, in headers, in either normal form."""
    forms = {name} if name.isascii() else {name, *(unicodedata.normalize(form, name) for form in ("NFC", "NFD"))}
    return {
        text
        for each in forms
        for text in (
            *(each, repr(each)[1:-1], ascii(each)[1:-1], json.dumps(each)[1:-1]),
            *(quote(each, safe=safe, errors="surrogatepass") for safe in ("", "/", "$,()'")),
            *(" ".join(each.splitlines()), each.strip()),
            each.encode(errors="replace").decode(),
            str(each.encode(errors="surrogatepass"))[2:-1],
        )
        if text
    }


def _plain(name: str) -> str:
    """Return what is the same for all ways to write a name that OneDrive takes for one."""
    return unicodedata.normalize("NFC", name).casefold()


def _stands_alone(text: str, start: int, end: int) -> bool:
    beside = text[max(start - 1, 0) : start] + text[end : end + 1]
    return not any(each.isalnum() or each in _JOINED for each in beside)


def _names_in(body: Any) -> Iterator[str]:
    left = [body]
    while left:
        value = left.pop()
        if isinstance(value, list):
            left += value
        elif isinstance(value, Mapping):
            left += value.values()
            is_item = not any(value.get(key) is not None for key in _NOT_OF_ITEMS)
            if is_item and isinstance(name := value.get("name"), str):
                yield name
            for key in ("path", "target"):
                if isinstance(path := value.get(key), str):
                    yield from unquote(path.rpartition("root:")[2]).split("/")
