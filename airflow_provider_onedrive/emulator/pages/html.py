"""The drive page as HTML: no script, nothing from elsewhere, every name escaped."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from urllib.parse import quote

from airflow_provider_onedrive.emulator.model import clock, names
from airflow_provider_onedrive.emulator.model.drive import Item

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem; overflow-wrap: anywhere; }
nav ol { display: flex; flex-wrap: wrap; gap: .25rem .5rem; margin: 0; padding: 0; list-style: none; }
nav li + li::before { content: "/"; margin-right: .5rem; opacity: .5; }
h1 { font-size: 1.5rem; margin: .5rem 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .4rem .75rem .4rem 0; border-bottom: 1px solid #8884; }
th { font-weight: 600; }
td + td, th + th { white-space: nowrap; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; }
dt { opacity: .7; } dd { margin: 0; }
footer { margin-top: 2rem; font-size: .875rem; opacity: .7; }
"""
# The policy allows this one style by its hash, so no `unsafe-inline` is needed.
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
# No script, no request to another host: a file name or a page cannot run anything.
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_KIB = 1024
# Characters of names that have a meaning of their own in a query.
_SAFE = "~"


@dataclass(frozen=True)
class Row:
    """:param address: path of its page."""

    name: str
    address: str
    item: Item


def drives(title: str, rows: Iterable[Row]) -> str:
    return _document(title, [], f"<h1>{_text(title)}</h1>\n{_table(rows)}")


def folder(trail: Sequence[tuple[str, str]], item: Item, rows: Sequence[Row], next_position: str | None) -> str:
    """:param next_position: position of the next page, None = this is the last one."""
    name = trail[-1][0]
    count = len(item.children)
    about = f"{count} {'item' if count == 1 else 'items'}, {_size(item.size)}"
    more = (
        f'\n<p><a href="?after={quote(next_position, safe=_SAFE)}" rel="next">Next page</a></p>'
        if next_position
        else ""
    )
    table = _table(rows) if rows else ""
    return _document(name, trail, f"<h1>{_text(name)}</h1>\n<p>{about}</p>\n{table}{more}")


def file(trail: Sequence[tuple[str, str]], item: Item, modified_by: str) -> str:
    facts = {
        "Size": _size(item.size),
        "Modified": f"{_time(item.modified)}{f' by {_text(modified_by)}' if modified_by else ''}",
        "Type": escape(names.mime_type(item.name)),
        "Version": f"{item.version}.0",
    }
    listed = "\n".join(f"<dt>{term}</dt><dd>{value}</dd>" for term, value in facts.items())
    link = '<p><a href="?download=1" download>Download</a></p>'
    return _document(item.name, trail, f"<h1>{_text(item.name)}</h1>\n{link}\n<dl>\n{listed}\n</dl>{_versions(item)}")


def refusal(message: str, path: str) -> str:
    body = f'<h1>Not here</h1>\n<p>{_text(message)}</p>\n<p>{_text(path)}</p>\n<p><a href="/">All drives</a></p>'
    return _document("Not here", [], body)


def _document(title: str, trail: Sequence[tuple[str, str]], body: str) -> str:
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{escape(title)} - OneDrive emulator</title>
<style>{_STYLE}</style>
</head>
<body>
{_breadcrumbs(trail)}<main>
{body}
</main>
<footer>A local OneDrive emulator, for tests only.</footer>
</body>
</html>
"""


def _breadcrumbs(trail: Sequence[tuple[str, str]]) -> str:
    if not trail:
        return ""
    *above, (name, _) = trail
    links = "".join(f"<li>{_link(address, text)}</li>\n" for text, address in [("Drives", "/"), *above])
    current = f'<li aria-current="page">{_text(name)}</li>'
    return f'<nav aria-label="Path">\n<ol>\n{links}{current}\n</ol>\n</nav>\n'


def _table(rows: Iterable[Row]) -> str:
    head = '<tr><th scope="col">Name</th><th scope="col">Modified</th><th scope="col" class="number">Size</th></tr>'
    lines = "\n".join(_row(row) for row in rows)
    return f"<table>\n<thead>{head}</thead>\n<tbody>\n{lines}\n</tbody>\n</table>"


def _row(row: Row) -> str:
    mark = "/" if row.item.is_folder else ""
    cells = f'<td>{_time(row.item.modified)}</td><td class="number">{_size(row.item.size)}</td>'
    return f"<tr><td>{_link(row.address, row.name)}{mark}</td>{cells}</tr>"


def _versions(item: Item) -> str:
    if not item.past:
        return ""
    lines = "\n".join(
        f'<tr><td><a href="?download=1&amp;version={version.number}" download>{version.number}.0</a></td>'
        f'<td>{_time(version.modified)}</td><td class="number">{_size(version.content.size)}</td></tr>'
        for version in item.past
    )
    head = '<tr><th scope="col">Version</th><th scope="col">Modified</th><th scope="col" class="number">Size</th></tr>'
    return f"\n<h2>Former versions</h2>\n<table>\n<thead>{head}</thead>\n<tbody>\n{lines}\n</tbody>\n</table>"


def _link(address: str, name: str) -> str:
    return f'<a href="{escape(address)}">{_text(name)}</a>'


def _text(text: str) -> str:
    """Return a name as text of its own direction: a name from right to left does not reorder the text around it."""
    return f"<bdi>{escape(text)}</bdi>"


def _time(modified: datetime) -> str:
    moment = clock.text(modified)
    return f'<time datetime="{moment}">{moment[:16].replace("T", " ")}</time>'


def _size(size: int) -> str:
    number, unit = float(size), "bytes"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if number < _KIB:
            break
        number, unit = number / _KIB, larger
    shown = f"{size} {'byte' if size == 1 else unit}" if unit == "bytes" else f"{number:.1f} {unit}"
    return f'<data value="{size}">{shown}</data>'
