"""What a report says of an answer: its status and its words, and which properties it has, in which form."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_onedrive.graph.protocol.errors import GraphError, OneDriveError
from airflow_provider_onedrive.graph.protocol.redaction import without_urls
from airflow_provider_onedrive.verification.exchange import Answer
from airflow_provider_onedrive.verification.forms import ITEM_FORMS, context_of, form_of, without_ids

# The service chooses these values among a few, so they name nobody.
_CHOICES = frozenset(
    {"driveType", "mimeType", "status", "percentageComplete", "code", "roles", "scope", "type", "state", "operation"}
)
# Of our own files and folders: their contents are the same everywhere.
_OWN = frozenset({"size", "childCount", "quickXorHash", "sha1Hash", "sha256Hash", "nextExpectedRanges"})
_PLAIN = ("application/", "text/", "attachment", "no-", "private", "max-age", "bytes", "Accept")
_IDS = frozenset({"id", "driveId", "resourceId"})
# Of locations: they name nobody.
_COMMON = frozenset({"myfiles", "shared", "users", "groups", "drives", "items", "sites", "root"})


@dataclass
class Facts:
    """Reads answers of one case.

    :param names: of the files and folders that the case makes; all others are left out.
    :param words: texts that no report may show, such as the names in the location.
    """

    names: frozenset[str]
    words: Sequence[str] = ()
    _numbers: dict[str, int] = field(default_factory=dict)

    def outcome(self, answer: Answer, *headers: str) -> dict[str, Any]:
        """Return the status; the code and the words of a refusal; and the form of some headers."""
        facts: dict[str, Any] = {"status": answer.status}
        if answer.is_refusal:
            facts |= {"code": answer.code, "inner code": answer.inner_code, "message": self._sentence(answer.message)}
        return facts | {name: self._header(answer.headers.get(name)) for name in headers}

    def number(self, item_id: object) -> str:
        """Return the running number of an id: the same id has the same one within a case."""
        if not isinstance(item_id, str) or not item_id:
            return "none"
        # In the order of the questions, which is that of the cases' code.
        return f"id {self._numbers.setdefault(item_id.lower(), len(self._numbers) + 1)}"

    def properties(self, value: Any, *, is_own: bool = True) -> dict[str, Any]:
        """Return the properties of an object by their paths, each with its form.

        :param is_own: whether it is of an item that the case has made: then its size and its name are shown.
        """
        # In the order of the paths, so that ids get the same numbers whatever the order of an answer is.
        leaves = sorted(_leaves(value, ()), key=lambda leaf: leaf[0])
        return {"/".join(path): self._form(path[-1] if path else "", leaf, is_own=is_own) for path, leaf in leaves}

    def _form(self, name: str, value: Any, *, is_own: bool) -> Any:
        if value is None or isinstance(value, bool) or name in _CHOICES or (is_own and name in _OWN):
            return value
        if isinstance(value, str):
            return self._form_of_text(name, value)
        # The type only: a number of others, an empty object or list.
        return {int: "number", float: "number", dict: "object", list: "list"}.get(type(value), "value")

    def _form_of_text(self, name: str, value: str) -> str:
        if name == "name":
            return value if value in self.names else "text"
        if name == "@odata.context":
            return context_of(value)
        form = form_of(value)
        return f"{form}, {self.number(value)}" if name in _IDS and form in ITEM_FORMS else form

    def _header(self, value: str | None) -> str | None:
        return value if value is None or _is_plain(value) else form_of(value)

    def _sentence(self, message: str | None) -> str | None:
        text = without_ids(without_urls(message or ""))
        for word in sorted({*self.words} - _COMMON, key=len, reverse=True):
            text = re.sub(rf"\b{re.escape(word)}\b", "(name)", text) if word else text
        return text or None


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the values within a JSON value that hold no others, each with its path; a list of objects is ``*``."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _leaves(inner, (*path, name))
    elif isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
        for each in value:
            yield from _leaves(each, (*path, "*"))
    else:
        yield path, value


def raised(error: OneDriveError) -> dict[str, Any]:
    """Return what a report says of an error of the client: never its text, which names the location."""
    facts: dict[str, Any] = {"raised": type(error).__name__}
    if isinstance(error, GraphError):
        facts |= {"status": error.status, "code": error.code}
    return facts


def differences(observed: Any, expected: Any, path: str = "") -> list[str]:
    """Return the paths at which two observations differ."""
    if isinstance(observed, Mapping) and isinstance(expected, Mapping):
        names: Iterable[str] = sorted({*observed, *expected})
        below = (
            differences(observed.get(name, _MISSING), expected.get(name, _MISSING), f"{path}: {name}" if path else name)
            for name in names
        )
        return [each for several in below for each in several]
    return [] if observed == expected else [f"{path}: {_shown(observed)}, expected {_shown(expected)}"]


_MISSING = object()


def _shown(value: Any) -> str:
    return "missing" if value is _MISSING else repr(value)


def _is_plain(value: str) -> bool:
    """Whether a header's value is one of a few words, such as a content type, or tells of our own file."""
    return value.startswith(_PLAIN) or value in ("nosniff", "4.0", "chunked")
