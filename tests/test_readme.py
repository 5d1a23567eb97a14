"""What the README shows works."""

from __future__ import annotations

import importlib
import inspect
import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from airflow_provider_onedrive.hooks.onedrive import OneDriveHook
from airflow_provider_onedrive.operators import onedrive as operators
from airflow_provider_onedrive.operators.base import OneDriveUploadingOperator
from airflow_provider_onedrive.operators.many import OneDriveFilteringOperator, OneDriveManyFilesOperator

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.fixture
def first_steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The README's DAG as a file in Airflow's DAGs folder."""
    folder = Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    file = folder / "first_steps.py"
    file.write_text(blocks("python")[0], encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(importlib.import_module("sys").modules, "first_steps", raising=False)
    yield importlib.import_module("first_steps")
    file.unlink()


def test_the_dag_and_its_test_run(first_steps: ModuleType, airflow_db: None, onedrive_emulator: Any) -> None:
    """The DAG of the README passes the test of the README."""
    namespace: dict[str, Any] = {}
    exec(compile(blocks("python")[1], "README.md", "exec"), namespace)
    namespace["test_first_steps"](onedrive_emulator)


def test_every_python_block_is_run() -> None:
    """A block that is added has to be run here too."""
    assert len(blocks("python")) == 2


def settings_of(text: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AIRFLOW_CONN_FROM_README", text)
    with OneDriveHook("from_readme").get_conn() as client:
        return client.settings


def test_both_forms_of_the_connection_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """The JSON and the URI give the same settings, secret included."""
    (as_json,) = blocks("json")
    (as_uri,) = blocks("text")
    settings = settings_of(as_json.strip(), monkeypatch)
    assert settings == settings_of(as_uri.strip(), monkeypatch)
    assert settings.client_secret == "the value/of the secret"
    assert str(settings.myfiles) == "users/anna@contoso.com"


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_commands_exist(document: str) -> None:
    """Every `make` command that is shown is a target."""
    text = (ROOT / document).read_text(encoding="utf-8")
    shown = {line.split()[1] for block in blocks("sh", text) for line in block.splitlines() if line.startswith("make ")}
    shown |= set(re.findall(r"`make ([a-z0-9-]+)", text))
    assert shown
    assert shown <= make_targets()


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_files_exist(document: str) -> None:
    """Every file that is linked or named is there."""
    text = (ROOT / document).read_text(encoding="utf-8")
    named = set(re.findall(r"\]\(([^):#]+)\)", text)) | set(
        re.findall(r"`((?:tests|graph|constraints|demo)/[^`*]*)`", text)
    )
    places = (ROOT, ROOT / "airflow_provider_onedrive")
    assert [name for name in named if not any((place / name).exists() for place in places)] == []


def rows() -> dict[str, str]:
    return dict(re.findall(r"^\| `(OneDrive\w+Operator)` \| .*? \| (.*) \|$", README, re.MULTILINE))


def test_the_operators_are_in_the_table() -> None:
    """Operators and their parameters in the table are those of the module."""
    documented = {name: re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", row)) for name, row in rows().items()}
    assert {name: sorted(row) for name, row in documented.items()} == {
        name: sorted(parameters_of(operator)) for name, operator in defined_operators().items()
    }


def test_what_the_sending_operators_share_is_named() -> None:
    """The sentence below the table has the parameters of their common base."""
    (sentence,) = re.findall(r"^The three operators that send content also take (.*)$", README, re.MULTILINE)
    named = re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", sentence))
    assert sorted(named) == sorted(parameters_of(OneDriveUploadingOperator))
    assert sum(issubclass(each, OneDriveUploadingOperator) for each in defined_operators().values()) == 3


@pytest.mark.parametrize(
    ("sentence", "base", "count"),
    [
        (r"Upload and download also transfer many files at once. They then take", OneDriveManyFilesOperator, 2),
        (r"Upload, download, list and delete choose files by", OneDriveFilteringOperator, 4),
    ],
)
def test_what_the_operators_of_many_files_share_is_named(sentence: str, base: type, count: int) -> None:
    """So have the sentences about the other bases."""
    (text,) = re.findall(rf"^{sentence} (.*)$", README, re.MULTILINE)
    assert sorted(re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", text))) == sorted(parameters_of(base))
    assert sum(issubclass(each, base) for each in defined_operators().values()) == count


def defined_operators() -> dict[str, type]:
    return {name: getattr(operators, name) for name in operators.__all__}


def parameters_of(operator: type) -> set[str]:
    return set(inspect.signature(operator.__init__).parameters) - {"self", "kwargs"}
