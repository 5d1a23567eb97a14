"""docs/client.md is the public surface of the client: what it lists exists, and its examples run."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_onedrive import graph
from airflow_provider_onedrive.graph.call_advice import PUBLIC_METHODS
from airflow_provider_onedrive.graph.config.settings import Settings

PAGE = (Path(__file__).parents[1] / "docs" / "client.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
INNER = {
    *(
        "about",
        "address",
        "changes_since",
        "check_owner",
        "children_of",
        "forget",
        "locate",
        "probe",
        "run",
        "run_all",
        "run_each",
    ),
    *("run_each", "run_upload", "send_final", "token", "visits", "walk_from"),
}
"""What other parts of the package call on a client."""
CLIENTS = (graph.Client, graph.AsyncClient)
OPTIONS = ("UploadOptions", "DownloadOptions", "TransferOptions", "RelocateOptions", "DeleteOptions", "Filters")


def test_surface_is_sorted_and_on_the_page() -> None:
    """Each name that is exported is a word of the page, and each name that the page imports is exported."""
    assert graph.__all__ == sorted(graph.__all__) == dir(graph)
    assert [name for name in graph.__all__ if not re.search(rf"`{name}[`(]", PAGE)] == []
    for names in re.findall(r"^from airflow_provider_onedrive\.graph import (.*)$", PAGE, re.MULTILINE):
        assert set(names.split(", ")) <= set(graph.__all__)
    for name in graph.__all__:
        assert getattr(graph, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'FlowDriver'"):
        _ = graph.FlowDriver


def test_surface_is_light() -> None:
    """Importing it, and its options and errors, loads no HTTP library."""
    code = """
import sys
from airflow_provider_onedrive import graph
from airflow_provider_onedrive.graph import ItemNotFound, TaskAttempt, TransferOptions
assert not {"httpx", "msal", "airflow"} & sys.modules.keys()
from airflow_provider_onedrive.graph import Client
assert "httpx" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def public_methods(client: type) -> set[str]:
    return {name for name in dir(client) if not name.startswith("_") and inspect.isfunction(getattr(client, name))}


def signature(method: Any) -> str:
    """Write the parameters of a method as the page does: without types, options by their class."""
    words: list[str] = []
    for each in list(inspect.signature(method).parameters.values())[1:]:
        if each.kind is each.KEYWORD_ONLY and "*" not in words:
            words.append("*")
        words.append(each.name + ("" if each.default is each.empty else f"={default(each.default)}"))
    return f"({', '.join(words)})"


def default(value: Any) -> str:
    if dataclasses.is_dataclass(value):
        return f"{type(value).__name__}()"
    return json.dumps(value) if isinstance(value, str) else repr(value)


def test_every_method_is_on_the_page() -> None:
    """With its signature, in a heading of its own; both clients have the same one."""
    documented = dict(re.findall(r"^### `(\w+)(\(.*\))`$", PAGE, re.MULTILINE))
    assert sorted(documented) == list(PUBLIC_METHODS)
    for client in (graph.Client, graph.AsyncClient):
        assert public_methods(client) - INNER == set(PUBLIC_METHODS) & public_methods(client)
        for name in public_methods(client) - INNER:
            assert documented[name] == signature(getattr(client, name)), name


def test_every_method_has_an_example() -> None:
    """Of the blocking client before the chapter on event loops, of the other one in it."""
    first, _, second = PAGE.partition("## On an event loop")
    for client, text in ((graph.Client, first), (graph.AsyncClient, second)):
        examples = "".join(re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE))
        missing = [name for name in public_methods(client) - INNER if not re.search(rf"\w\.{name}\(", examples)]
        assert missing == []


def test_async_methods_of_the_page() -> None:
    """The sentence lists them."""
    (sentence,) = re.findall(r"^`AsyncClient` has the methods that move no bytes: (.*?)\. They", PAGE, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", sentence)) == public_methods(graph.AsyncClient) - INNER


@pytest.mark.parametrize("name", [*OPTIONS, "TaskAttempt"])
def test_options_are_on_the_page(name: str) -> None:
    """Each field with its default."""
    (section,) = re.findall(rf"^### `{name}`\n(.*?)(?=^#|\Z)", PAGE, re.DOTALL | re.MULTILINE)
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", section, re.MULTILINE))
    fields = {each.name: each.default for each in dataclasses.fields(getattr(graph, name))}
    assert rows == {key: "none" if callable(value) else f"`{default(value)}`" for key, value in fields.items()}


def test_errors_are_on_the_page() -> None:
    """The table has those that are exported, and all that exist."""
    table = PAGE.partition("## Errors")[2]
    exported = {name for name in graph.__all__ if _is_error(getattr(graph, name))}
    assert exported == set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
    from airflow_provider_onedrive.graph.protocol import errors  # noqa: PLC0415 - only this test looks inside

    assert exported == {name for name, value in vars(errors).items() if _is_error(value)}


def _is_error(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, graph.OneDriveError)


def test_choices_are_on_the_page() -> None:
    """The literals are named where they are used."""
    for name in ("IfExists", "IfExistsSave", "IfExistsRelocate", "IfNone", "OnLocked", "OpenMode"):
        assert f"one of `{name}`" in PAGE


@pytest.mark.airflow3
def test_examples_run(onedrive_emulator: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """All of them, in the order of the page, against the local OneDrive."""
    connection = json.loads(onedrive_emulator.connection)
    network = {name: connection["extra"][name] for name in ("graph_url", "authority_url", "ca_certificate")}
    monkeypatch.chdir(tmp_path)
    real = Settings.from_fields
    monkeypatch.setattr(
        Settings, "from_fields", lambda fields, **more: real({**fields, **network}, trusted_hosts=["localhost"])
    )
    replaced = {
        "<client-id>": onedrive_emulator.client_id,
        "<client-secret>": onedrive_emulator.client_secret,
        "<tenant-id>": onedrive_emulator.tenant_id,
    }
    namespace: dict[str, Any] = {}
    for number, block in enumerate(BLOCKS):
        code = block
        for word, value in replaced.items():
            code = code.replace(word, value)
        exec(compile(code, f"docs/client.md, block {number}", "exec"), namespace)
    assert onedrive_emulator.drive().read("once.csv") == b"1"


DIFFERENT = {
    "content": "an operator also takes what JSON can say, and its templates",
    "full_every": "an operator also takes seconds and text",
    "if_exists": "upload and download, save, and move and copy have other choices",
    "local_path": "source or target, file or folder; an operator takes the text of a URL",
    "location": "each job names other items",
    "manifest": "an operator takes the text of a URL",
    "max_items": "a limit of transfers, of listings, and of deletions of one folder or of a pattern",
    "newer_than": "an operator takes text and durations",
    "options": "each kind of job has its own",
    "recursive": "a deletion needs it for a folder at all, others only look further",
}
"""Parameters with more than one description, and why."""
_PARAMETER = re.compile(r":param (\w+): (.*?)(?=\n\s*:|\n\s*\n|\Z)", re.DOTALL)


def documented_objects() -> list[Any]:
    operators = importlib.import_module("airflow_provider_onedrive.operators.onedrive")
    bases = {base for name in operators.__all__ for base in getattr(operators, name).__mro__}
    ours = [base for base in bases if base.__module__.startswith("airflow_provider_onedrive.operators")]
    methods = [getattr(client, name) for client in CLIENTS for name in public_methods(client) - INNER]
    return [*ours, *methods, *(getattr(graph, name) for name in (*OPTIONS, "TaskAttempt"))]


def test_each_parameter_has_one_description() -> None:
    """The same words wherever it is described; the exceptions have a reason each, and are used."""
    texts: dict[str, set[str]] = defaultdict(set)
    for each in documented_objects():
        for name, text in _PARAMETER.findall(each.__doc__ or ""):
            texts[name].add(" ".join(text.split()))
    assert len(texts) > 50
    assert {name for name, several in texts.items() if len(several) > 1} == DIFFERENT.keys()


def test_each_parameter_is_described() -> None:
    """In its own docstring, or in that of the method to which it refers."""
    for client in CLIENTS[:1]:
        for name in public_methods(client) - INNER:
            method = getattr(client, name)
            text = method.__doc__ or ""
            for other in re.findall(r"arameters as for :meth:`(\w+)`", text):
                text += getattr(client, other).__doc__
            parameters = list(inspect.signature(method).parameters)[1:]
            assert [each for each in parameters if f":param {each}:" not in text] == [], name
