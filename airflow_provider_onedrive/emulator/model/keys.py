"""Keys in parentheses: ``children('a.txt')`` is the child ``a.txt``, and ``drives('id')`` is that drive.

https://learn.microsoft.com/odata/concepts/uri-conventions
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

_COLLECTIONS = "users|groups|sites|drives|shares|items|special|children|versions|permissions|lists"
_KEYED = re.compile(rf"({_COLLECTIONS})\((?:'(.+)'|(@\w+))\)(:?)", re.DOTALL)
# Only these read arguments in parentheses by themselves.
_FUNCTIONS = frozenset({"delta", "search"})


def expand(segments: list[str], aliases: Mapping[str, str]) -> list[str]:
    """Write each key as a segment of its own. Names in a path are left as they are.

    :param aliases: the query, in which a key such as ``@a1`` has its value.
    """
    expanded: list[str] = []
    in_path = False
    for segment in segments:
        expanded += [segment] if in_path else _expanded(segment, aliases)
        # A colon opens a path, and the next one closes it; some clients encode both into one segment.
        in_path ^= sum(part.endswith(":") for part in segment.split("/")) % 2 == 1
    return expanded


def function_name(segment: str) -> str:
    """Return the name before the parentheses. A segment that is no function keeps them, so that no route fits it."""
    name, parenthesis, arguments = segment.removeprefix("microsoft.graph.").partition("(")
    return name if not parenthesis or arguments == ")" or name in _FUNCTIONS else segment


def _expanded(segment: str, aliases: Mapping[str, str]) -> Iterator[str]:
    match = _KEYED.fullmatch(segment)
    if match is None:
        yield segment
        return
    collection, text, alias, colon = match.groups()
    yield collection
    # rclone writes quotation marks around the alias in its China region.
    key = _unquoted(aliases[alias or text]) if (alias or text) in aliases else alias or text
    yield key.replace("''", "'") + colon


def _unquoted(value: str) -> str:
    return value[1:-1] if value[:1] == value[-1:] == "'" else value
