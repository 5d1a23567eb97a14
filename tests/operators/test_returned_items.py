"""A task that returns an item instead of its dict fails itself, and says what to return."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.graph import ConfigurationError
from airflow_provider_onedrive.hooks.onedrive import OneDriveHook

SHAPES: dict[str, Callable[[Any], Any]] = {
    "item": lambda item: item,
    "list": lambda item: [item],
    "dict": lambda item: {"item": item},
    "tuple": lambda item: (item, 1),
    "nested": lambda item: {"items": [{"x": (item,)}]},
}
ADVICE = r"The item myfiles/a\.csv cannot be an XCom as it is\. Return item\.to_dict\(\), a plain dict\."


@pytest.fixture
def item(onedrive_emulator: Emulator) -> Any:
    onedrive_emulator.drive().put("a.csv", b"1")
    with OneDriveHook().get_conn() as client:
        return client.stat("myfiles/a.csv")


def xcom() -> Any:
    """Return the class that stores XComs, of either line of Airflow."""
    try:
        from airflow.sdk.bases.xcom import BaseXCom  # noqa: PLC0415 - Airflow 3
    except ImportError:
        from airflow.models.xcom import BaseXCom  # noqa: PLC0415 - Airflow 2
    return BaseXCom


@pytest.mark.parametrize("shape", SHAPES)
def test_item_is_refused_by_airflows_serialisation(item: Any, shape: str) -> None:
    """Wherever it is in what a task returns; its dict is taken."""
    with pytest.raises(ConfigurationError, match=ADVICE):
        xcom().serialize_value(SHAPES[shape](item))
    assert xcom().serialize_value(SHAPES[shape](item.to_dict()))


@pytest.mark.airflow3
@pytest.mark.parametrize("shape", SHAPES)
def test_task_that_returns_an_item_fails_itself(onedrive_emulator: Emulator, run_task: Any, shape: str) -> None:
    """In the task runner; a task that returns the dict succeeds with it."""
    from airflow.sdk import task  # noqa: PLC0415 - not in Airflow 2

    onedrive_emulator.drive().put("a.csv", b"1")

    @task(task_id="save")
    def returned(is_dict: bool) -> Any:
        with OneDriveHook().get_conn() as client:
            found = client.stat("myfiles/a.csv")
            return SHAPES[shape](found.to_dict() if is_dict else found)

    failed = run_task(returned(is_dict=False).operator)
    assert failed.state == "up_for_retry"
    assert "Return item.to_dict(), a plain dict" in str(failed.error)
    assert run_task(returned(is_dict=True).operator).state == "success"
