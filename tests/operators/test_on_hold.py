"""The delete operator and folders that a retention policy keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.operators.onedrive import OneDriveDeleteOperator

Context = Callable[..., Any]


@pytest.fixture
def held(onedrive_emulator: Emulator) -> Any:
    onedrive_emulator.quirks.folders_on_hold = True
    drive = onedrive_emulator.drive()
    drive.put_all({"in/a/1.csv": b"1", "in/2.csv": b"2"})
    return drive


@pytest.fixture
def allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__ONEDRIVE__ALLOW", "delete_on_hold")


def delete(context: Any, **kwargs: Any) -> Any:
    return OneDriveDeleteOperator(task_id="task", **({"location": "myfiles/in", "recursive": True} | kwargs)).execute(
        context
    )


def test_folder_on_hold_fails_for_good(held: Any, task_context: Context) -> None:
    """Nothing is deleted; whoever reads the error learns who decides."""
    with pytest.raises(AirflowFailException, match=r"Nothing was deleted\..*compliance administrator of the tenant"):
        delete(task_context())
    assert held.paths() == ["in/", "in/2.csv", "in/a/", "in/a/1.csv"]


@pytest.mark.usefixtures("allowed")
def test_contents_are_deleted_where_the_deployment_allows_it(held: Any, task_context: Context) -> None:
    items = delete(task_context(), on_hold="delete_contents")
    assert items[-1]["location"] == "myfiles/in"
    assert len(items) == 4
    assert held.paths() == []


@pytest.mark.usefixtures("allowed")
def test_report_lists_what_went_and_what_stayed(held: Any, task_context: Context) -> None:
    """Also if a later attempt asks again: it goes no further."""
    held.hold("in/2.csv")
    context = task_context()
    with pytest.raises(AirflowFailException, match=r"myfiles/in/2\.csv is refused after"):
        delete(context, on_hold="delete_contents")
    report = context["ti"].xcoms["report"]
    assert "myfiles/in/2.csv" in report["kept"]
    assert len(report["deleted"]) + len(report["kept"]) == 4
    with pytest.raises(AirflowFailException, match=r"myfiles/in/2\.csv is refused after"):
        delete(task_context(2), on_hold="delete_contents")
    assert "in/2.csv" in held.paths()


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize(
    ("kwargs", "words"),
    [
        ({"location": "myfiles/in/*.csv"}, "on_hold is for a folder"),
        ({"recursive": False}, "Pass recursive=True"),
        ({"on_hold": "force"}, "Use one of fail, delete_contents"),
    ],
)
def test_what_cannot_be_meant_is_refused(held: Any, task_context: Context, kwargs: Any, words: str) -> None:
    with pytest.raises(AirflowFailException, match=words):
        delete(task_context(), **({"on_hold": "delete_contents"} | kwargs))
    assert len(held.paths()) == 4
