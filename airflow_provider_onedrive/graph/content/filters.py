"""Filters for the files of a tree, by path, size and time. Pure: the same for local and remote trees."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any

from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError
from airflow_provider_onedrive.graph.protocol.hidden_names import hidden_names
from airflow_provider_onedrive.graph.protocol.location_parser import LocationParser
from airflow_provider_onedrive.graph.protocol.names import WILDCARDS
from airflow_provider_onedrive.graph.protocol.redaction import has_address

Patterns = str | Sequence[str]
"""A pattern, or a list of which one has to match."""


@dataclass(frozen=True)
class Filters:
    """Conditions that a file has to meet; None is no condition.

    Patterns know ``*`` (within a name), ``**`` (across folders) and ``?``; anything else is literal, and case does not
    count, as in OneDrive's names. ``**/`` also means no folder at all, and a ``/`` at the end everything below.

    :param file_pattern: ``*``, ``**`` and ``?`` as in a shell, without regard to case; compared with the name, or with
        the path below the folder where it has a ``/``. Of a list of patterns, one has to match.
    :param regex: a regular expression that is searched in the path below the folder; case counts.
    :param exclude: a pattern, or a list of them, of what is left out.
    :param newer_than: modified later than this aware time; ``older_than`` earlier.
    :param min_size: bytes, inclusive; so is ``max_size``.
    """

    file_pattern: Patterns | None = None
    regex: str | None = None
    exclude: Patterns = ()
    newer_than: datetime | None = None
    older_than: datetime | None = None
    min_size: int | None = None
    max_size: int | None = None

    def check(self) -> None:
        """Raise an error if a filter cannot be meant.

        :raises ConfigurationError: naming the parameter.
        """
        _check_patterns("file_pattern", self.patterns)
        _check_patterns("exclude", self._excluded)
        # To whoever made an empty list it means no file, and no pattern means every file.
        if self.file_pattern is not None and not self.patterns:
            raise _empty("file_pattern")
        check_regex(self.regex)
        for name in ("min_size", "max_size"):
            size = getattr(self, name)
            if size is not None and (isinstance(size, bool) or not isinstance(size, (int, float))):
                raise ConfigurationError(f"{name} is {size!r}.", advice="Give a number of bytes.")
        if self.regex is not None and not self.regex.strip():
            raise _empty("regex")
        try:
            _ = self._regex
        except re.error as error:
            raise ConfigurationError(f"regex {self.regex!r} cannot be read: {error}.", advice="Correct it.") from None

    def read_by(self, parser: LocationParser) -> Filters:
        """Return the filters for a folder of OneDrive: ``file_pattern`` is read as the connection reads names.

        :raises LocationError: if the pattern has a character that no name has.
        """
        if self.file_pattern is None:
            return self
        return replace(self, file_pattern=tuple(map(parser.pattern, self.patterns)))

    def match(self, path: str, size: int | None, modified_at: datetime | None) -> bool:
        """Compare a file.

        :param path: below the folder, names separated by ``/``.
        """
        return self.match_path(path) and self._match_size(size) and self._match_time(modified_at)

    def match_path(self, path: str) -> bool:
        """Compare only the path."""
        if self.file_pattern is not None and not any(matches(path, pattern) for pattern in self.patterns):
            return False
        if self._regex is not None and not self._regex.search(path):
            return False
        return not any(matches(path, pattern) for pattern in self._excluded)

    def groups(self, path: str) -> dict[str, str]:
        """Return the named groups of the regular expression that a path has."""
        match = self._regex.search(path) if self._regex is not None else None
        return {name: text for name, text in match.groupdict().items() if text is not None} if match else {}

    def _match_size(self, size: int | None) -> bool:
        if size is None:  # Graph may not say it; such a file is neither large nor small
            return self.min_size is None and self.max_size is None
        return not (
            (self.min_size is not None and size < self.min_size) or (self.max_size is not None and size > self.max_size)
        )

    def _match_time(self, modified_at: datetime | None) -> bool:
        # Graph leaves the time out of some items (OD#535); one of these is neither newer nor older.
        if modified_at is None:
            return self.newer_than is None and self.older_than is None
        return not (
            (self.newer_than is not None and modified_at <= self.newer_than)
            or (self.older_than is not None and modified_at >= self.older_than)
        )

    @property
    def is_deep(self) -> bool:
        """Whether a pattern also means files in the folders of a folder."""
        return any(map(reaches_below, self.patterns))

    @cached_property
    def patterns(self) -> tuple[str, ...]:
        """The patterns of which one has to match; none if every name is meant."""
        return patterns_of("file_pattern", self.file_pattern)

    @cached_property
    def _excluded(self) -> tuple[str, ...]:
        return patterns_of("exclude", self.exclude)

    @cached_property
    def _regex(self) -> re.Pattern[str] | None:
        return None if self.regex is None else re.compile(self.regex)


def check_kind(kind: str) -> None:
    """Raise an error if a text is no kind of item.

    :raises ConfigurationError: naming the parameter.
    """
    if kind not in ("file", "folder", "any"):
        raise ConfigurationError(f"kind is {kind!r}.", advice="Use 'file', 'folder' or 'any'.")


def is_list(value: Any) -> bool:
    """Whether a parameter holds several values.

    Airflow has a sequence of its own for the results of mapped tasks, so any sequence is one.
    """
    return isinstance(value, (Sequence, set, frozenset)) and not isinstance(value, (str, bytes, bytearray))


def patterns_of(name: str, given: Any) -> tuple[str, ...]:
    """Return the patterns of a parameter: one, or a list of them; None is no pattern.

    :raises ConfigurationError: naming the parameter, if it is of another type.
    """
    patterns = given if is_list(given) else () if given is None else (given,)
    for pattern in patterns:
        # A template that renders natively makes a number of digits, which are a name like any other.
        if not isinstance(pattern, (str, int, float)) or isinstance(pattern, bool):
            raise ConfigurationError(
                f"{name} has {pattern!r}, which is of type {type(pattern).__name__}.",
                advice="Give a pattern as text, or a list of such texts.",
            )
    for pattern in patterns:
        hidden_names.add_path(pattern)
    return tuple(map(str, patterns))


def check_regex(regex: Any) -> None:
    """Refuse a regular expression of another type.

    :raises ConfigurationError: naming the parameter.
    """
    hidden_names.add(*filter(None, (regex,)) if isinstance(regex, str) else ())
    if regex is not None and not isinstance(regex, str):
        raise ConfigurationError(
            f"regex is {regex!r}, which is of type {type(regex).__name__}.", advice="Give it as text."
        )


def _check_patterns(name: str, patterns: Sequence[str]) -> None:
    for pattern in patterns:
        if not pattern.strip():
            raise _empty(name)
        if _is_list_as_text(pattern):
            raise ConfigurationError(
                f"{name} is the text of a list: {pattern}.",
                advice="A template makes text of a list, unless the DAG has render_template_as_native_obj=True.",
            )


def _is_list_as_text(text: str) -> bool:
    """Whether Python reads a text as a list of texts; a name may have brackets, but then it is no such list."""
    if text[:1] not in ("[", "("):
        return False
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return False
    return isinstance(value, (list, tuple)) and all(isinstance(each, str) for each in value)


def _empty(name: str) -> ConfigurationError:
    return ConfigurationError(
        f"{name} is empty.", advice="Check the template that makes it, or leave it out to take every name."
    )


def matches(path: str, pattern: str) -> bool:
    """Compare a path, or only its name where the pattern has no ``/``."""
    # As in .gitignore: "*.csv" means the files of that name in whatever folder.
    subject = path if "/" in pattern else path.rpartition("/")[2]
    return _compiled(pattern).fullmatch(subject) is not None


def split_location(location: Any) -> tuple[Any, str | None]:
    """Split a location into its folder and the pattern in it, from the first name with a wildcard on.

    :return: the folder, ending in ``/``, and the pattern; the location as it is and None if it has no wildcard. An item
        dict and an address from the browser (which may have a ``?``) have none.
    """
    # Also an address with a mistake in its beginning: an error about a part of a link would not know that it is secret.
    if not isinstance(location, str) or has_address(location):
        return location, None
    return split_path(location)


def split_path(path: str) -> tuple[str, str | None]:
    """Split a path into its folder and the pattern in it, as :func:`split_location` does; any text is a path."""
    names = path.split("/")
    first = next((number for number, name in enumerate(names) if any(each in name for each in WILDCARDS)), None)
    if first is None:
        return path, None
    return "/".join(names[:first] or ["."]) + "/", "/".join(names[first:])


def reaches_below(pattern: str) -> bool:
    """Whether a pattern also means files in the folders of a folder."""
    return "/" in pattern or "**" in pattern


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    everything_below = "**" if pattern.endswith("/") else ""
    parts = re.split(r"((?<![^/])\*\*/|\*\*|\*|\?)", pattern + everything_below)
    # DOTALL, because a local name may hold a line break.
    return re.compile("".join(_TRANSLATED.get(part) or re.escape(part) for part in parts), re.IGNORECASE | re.DOTALL)


_TRANSLATED = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
