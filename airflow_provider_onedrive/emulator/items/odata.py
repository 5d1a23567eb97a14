"""The OData options of a request.

https://learn.microsoft.com/graph/query-parameters
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from airflow_provider_onedrive.emulator.errors.problems import Problem, bad_request, invalid_request, not_supported

# An engineer of Microsoft named 1000 as the cap, and clients send larger numbers.
# https://github.com/OneDrive/onedrive-api-docs/issues/319
MAX_PAGE_SIZE = 1000
_EXPANSION = re.compile(r"(\w+)(?:\((.*)\))?", re.DOTALL)
_EXPANDABLE = frozenset({"children", "permissions", "thumbnails"})
# They exist; the emulator has nothing to show there.
_NOT_SERVED = frozenset({"versions", "listItem", "activities", "analytics", "retentionLabel", "workbook"})


@dataclass(frozen=True)
class Expansion:
    """One name of ``$expand`` with the options in its parentheses.

    :param pages: add a nextLink. The service does so only if the inner options begin with ``$``.
    """

    name: str
    select: str | None = None
    top: str | None = None
    pages: bool = False


def page_size(top: str | None, default: int) -> int:
    """More than the service has on a page is cut, not refused."""
    if top is None:
        return default
    if not top.isascii() or not top.isdigit() or int(top[:9]) == 0:
        raise invalid_request("Invalid page size specified: must be a positive number.")
    return min(int(top[:9]), MAX_PAGE_SIZE)


@lru_cache(maxsize=256)
def expansions(text: str | None, expandable: frozenset[str] = _EXPANDABLE) -> tuple[Expansion, ...]:
    """Read ``$expand``, such as ``children($select=id;$top=5),thumbnails``.

    :param expandable: names that are served; of others that exist it is said so.
    """
    return tuple(_expansion(part.strip(), expandable) for part in _split(text or "", ",") if part.strip())


def select(value: dict[str, Any], names: str | None) -> dict[str, Any]:
    """Keep the properties that ``$select`` names. An unknown name is ignored, because the type is open."""
    if not names:
        return value
    wanted = {name.strip() for name in names.split(",")}
    return {name: content for name, content in value.items() if name in wanted or name == "@odata.context"}


def _expansion(text: str, expandable: frozenset[str]) -> Expansion:
    match = _EXPANSION.fullmatch(text)
    if match is None:
        raise _unreadable(f"Syntax error in '{text[:100]}'.")
    name, inner = match.groups()
    if name in _NOT_SERVED - expandable:
        raise not_supported()
    if name not in expandable:
        raise _unreadable(f"Could not find a property named '{name[:100]}'.")
    options = dict(_option(part) for part in _split(inner or "", ";") if part.strip())
    named = {key.removeprefix("$"): value for key, value in options.items()}
    if not named.keys() <= {"select", "top"}:
        raise not_supported()
    return Expansion(name, named.get("select"), named.get("top"), any(key.startswith("$") for key in options))


def _option(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise _unreadable(f"Syntax error in '{text[:100]}'.")
    return name.strip(), value.strip()


def _split(text: str, separator: str) -> Iterator[str]:
    """Split where no parenthesis is open."""
    depth, start = 0, 0
    for index, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if character == separator and depth == 0:
            yield text[start:index]
            start = index + 1
    yield text[start:]


def _unreadable(message: str) -> Problem:
    return bad_request(f"Parsing OData Select and Expand failed: {message}")
