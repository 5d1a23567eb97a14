"""``$filter`` as far as SharePoint understands it: by name or address, nothing else.

https://learn.microsoft.com/onedrive/developer/rest-api/concepts/optional-query-parameters#filtering-collections
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_onedrive.emulator.errors.problems import bad_request, not_supported
from airflow_provider_onedrive.emulator.model import names
from airflow_provider_onedrive.emulator.model.drive import Item, Personality

Filter = Callable[[Item], bool]
_TEXT = r"'((?:[^']|'')*)'"
_COMPARISON = re.compile(rf"(name|url|webUrl)\s+(eq|ne|gt|ge|lt|le)\s+{_TEXT}")
_START = re.compile(rf"startswith\(\s*(name|url|webUrl)\s*,\s*{_TEXT}\s*\)")
_AND = re.compile(r"\s+and\s+")
_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    name: getattr(operator, name) for name in ("eq", "ne", "gt", "ge", "lt", "le")
}


def parse(text: str | None, personality: Personality, url_of: Callable[[Item], str]) -> Filter | None:
    """Return the condition on items.

    :raises Problem: 501 for properties that the service does not filter by (facets, dates), 400 for a syntax error.
    """
    if text is None:
        return None
    # Consumers' drives have no $filter.
    if personality == "personal":
        raise not_supported()
    terms = _terms(text.strip(), url_of)
    return lambda item: all(term(item) for term in terms)


def _terms(text: str, url_of: Callable[[Item], str]) -> list[Filter]:
    terms, position = [], 0
    while True:
        match = _COMPARISON.match(text, position) or _START.match(text, position)
        if match is None:
            raise _refusal(text)
        terms.append(_term(match, url_of))
        position = match.end()
        if position == len(text):
            return terms
        separator = _AND.match(text, position)
        if separator is None:
            raise _refusal(text)
        position = separator.end()


def _term(match: re.Match[str], url_of: Callable[[Item], str]) -> Filter:
    prop, *compared, text = match.groups()
    wanted = names.key(text.replace("''", "'"))
    compare = _OPERATORS[compared[0]] if compared else str.startswith
    if prop == "name":
        return lambda item: compare(names.key(item.name), wanted)
    return lambda item: compare(names.key(url_of(item)), wanted)


def _refusal(text: str) -> Exception:
    # A filter that looks valid gets the 501 of the service; anything else is a syntax error.
    if re.match(r"[A-Za-z(]+[\w/. (]*", text) is None:
        return bad_request("Invalid filter clause")
    return not_supported()
