"""Facts of the service: folders, names, listings and batches."""

from __future__ import annotations

from typing import Any

from airflow_provider_onedrive.graph.protocol.addresses import quote_name
from airflow_provider_onedrive.verification.case import Observation, case
from airflow_provider_onedrive.verification.exchange import Answer
from airflow_provider_onedrive.verification.workspace import Workspace

_CONFLICT = "@microsoft.graph.conflictBehavior"
_LONG_NAME = 500


def _make(space: Workspace, name: str, conflict: str = "fail") -> Answer:
    return space.send("POST", space.url("children"), json={"name": name, "folder": {}, _CONFLICT: conflict})


@case("A folder is created, refused where its name is taken, gets a number, or replaces")
def folder_creation(space: Workspace) -> Observation:
    first = _make(space, "in")
    answers = {"first": first, **{name: _make(space, "in", name) for name in ("fail", "rename", "replace")}}
    facts: dict[str, Any] = {name: space.facts.outcome(answer) for name, answer in answers.items()}
    facts["first"] |= space.facts.outcome(first, "location")
    name = answers["rename"].text("name")
    return {**facts, "number": name if name in space.facts.names else "text", "same id": _is_same(first, answers)}


def _is_same(first: Answer, answers: dict[str, Answer]) -> bool:
    return answers["replace"].text("id") == first.text("id")


@case("A PATCH of a path that is not there creates its folders")
def folder_by_path(space: Workspace) -> Observation:
    answer = space.send("PATCH", f"{space.url()}:/in/below", json={"folder": {}})
    return {**space.facts.outcome(answer), "is folder": "folder" in answer.body}


@case("The refusals of names that OneDrive does not allow")
def refused_names(space: Workspace) -> Observation:
    names = {
        "colon": "a:b",
        "asterisk": "a*b",
        "slash": "a/b",
        "dot at the end": "a.",
        "blank at the end": "a ",
        "reserved": "CON",
        "with _vti_": "a_vti_b",
        "lock": ".lock",
        "empty": "",
        "long": "a" * _LONG_NAME,
    }
    return {name: space.facts.outcome(_make(space, text)) for name, text in names.items()}


@case("Names that are the same to the service: another letter case, normal form, or spelling")
def equal_names(space: Workspace) -> Observation:
    pairs = {
        "letter case": ("ä", "Ä"),
        "normal form": ("é", "e\u0301"),
        "sharp s": ("ß", "ss"),
        "ligature": ("æ", "ae"),
    }
    facts: dict[str, Any] = {}
    for name, (first, second) in pairs.items():
        _make(space, f"{name} {first}")
        facts[name] = _make(space, f"{name} {second}").status
    return facts


@case("A listing in pages: its links, and folders before files")
def pages_of_children(space: Workspace) -> Observation:
    for name in ("b.txt", "a.txt"):
        space.put(name, b"a")
    _make(space, "in")
    first = space.send("GET", space.url("children") + "?$top=2&$select=name")
    second = space.send("GET", first.text("@odata.nextLink") or space.url("children"))
    every = [str(each.get("name")) for each in space.send("GET", space.url("children")).values]
    pages = [len(each.values) for each in (first, second)]
    return {
        "pages": pages,
        "last link": "@odata.nextLink" in second.body,
        "order": [_own(space, name) for name in every],
    }


def _own(space: Workspace, name: str) -> str:
    return name if name in space.facts.names else "text"


@case("The orders of a listing that are allowed")
def sorting_of_children(space: Workspace) -> Observation:
    url = space.url("children")
    columns = ("name", "size", "lastModifiedDateTime")
    return {column: space.facts.outcome(space.send("GET", f"{url}?$orderby={column}%20desc")) for column in columns}


@case("The parts of a batch: one that is done, one that is refused, and one that waits for it")
def batch(space: Workspace) -> Observation:
    requests = [
        {"id": "1", "method": "GET", "url": space.url()},
        {"id": "2", "method": "GET", "url": space.url_of("b.txt")},
        {"id": "3", "method": "GET", "url": space.url(), "dependsOn": ["2"]},
    ]
    answer = space.send("POST", "/$batch", json={"requests": requests})
    parts = answer.body.get("responses")
    parts = [each for each in parts if isinstance(each, dict)] if isinstance(parts, list) else []
    return {**space.facts.outcome(answer), **{f"part {each.get('id')}": each.get("status") for each in parts}}


@case("A name with characters that are written with percent signs")
def encoded_paths(space: Workspace) -> Observation:
    name = "a #%25+ü.txt"
    item = space.put(name, b"a")
    answer = space.send("GET", f"{space.url()}:/{quote_name(name)}")
    return {"status": answer.status, "same id": answer.text("id") == item.text("id"), "name": item.text("name") == name}
