"""The only module that depends on the version of Airflow; common.compat hides most differences."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.connection import get_async_connection, get_async_extra_dejson
from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowNotFoundException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    BaseHook,
    BaseOperator,
    BaseSensorOperator,
    Connection,
    ObjectStoragePath,
    PokeReturnValue,
    Variable,
    conf,
    get_current_context,
    get_unique_task_id,
    mask_secret,
    task_decorator_factory,
)
from airflow.triggers.base import BaseTrigger, StartTriggerArgs, TaskSuccessEvent, TriggerEvent

if TYPE_CHECKING:
    from airflow.sdk import timezone
    from airflow.triggers.base import BaseEventTrigger
else:
    from airflow.providers.common.compat.sdk import timezone  # which mypy does not see there
    from airflow.providers.common.compat.triggers import BaseEventTrigger

try:
    from airflow.sdk.exceptions import AirflowRuntimeError as StateStoreError
except ImportError:  # Airflow 2 has no state store

    class StateStoreError(Exception):  # type: ignore[no-redef]
        """The error of a state store."""


try:
    from airflow.triggers.shared_stream import SharedStreamProducer
except ImportError:  # before Airflow 3.3
    SharedStreamProducer = object  # type: ignore[assignment, misc]

try:
    from airflow.providers.common.compat.sdk import Stats
except ImportError:  # it has moved before
    Stats = None  # type: ignore[assignment, misc]


def __getattr__(name: str) -> Any:
    """Return a class that only newer versions of Airflow have.

    :raises ImportError: naming the version.
    """
    if name in ("RetryPolicy", "RetryDecision"):
        try:
            return getattr(import_module("airflow.providers.common.compat.sdk"), name)
        except (AttributeError, ImportError):
            raise ImportError(f"{name} needs Airflow 3.3 or later.") from None
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


CONFIRMS_EVENTS = SharedStreamProducer is not object
"""Whether the triggerer confirms that an event is in the database."""

RENDERS_TRIGGERS = hasattr(BaseTrigger, "render_template_fields")
"""Whether the triggerer renders the templates of a task that it starts (Airflow 3.3)."""

TRIGGER_TIMEOUTS = ("Trigger timeout", "Trigger/execution timeout")  # the texts of Airflow 3 and 2

__all__ = [
    "CONFIRMS_EVENTS",
    "RENDERS_TRIGGERS",
    "TRIGGER_TIMEOUTS",
    "AirflowException",
    "AirflowFailException",
    "AirflowNotFoundException",
    "AirflowSensorTimeout",
    "AirflowSkipException",
    "AirflowTaskTimeout",
    "BaseEventTrigger",
    "BaseHook",
    "BaseOperator",
    "BaseSensorOperator",
    "BaseTrigger",
    "Connection",
    "ObjectStoragePath",
    "PokeReturnValue",
    "SharedStreamProducer",
    "StartTriggerArgs",
    "StateStoreError",
    "TaskSuccessEvent",
    "TriggerEvent",
    "Variable",
    "asset_ref",
    "conf",
    "count",
    "default_zone",
    "get_async_connection",
    "get_async_extra_dejson",
    "get_current_context",
    "get_fernet",
    "get_unique_task_id",
    "has_store",
    "mask_secret",
    "task_decorator_factory",
    "task_state",
]  # fmt: skip


def get_fernet() -> Any:
    """Return the Fernet of Airflow's key; None if there is no key.

    https://airflow.apache.org/docs/apache-airflow/stable/security/secrets/fernet.html
    """
    try:
        crypto = import_module("airflow.sdk.crypto")
    except ImportError:  # before Airflow 3.3
        crypto = import_module("airflow.models.crypto")
    try:
        fernet = crypto.get_fernet()
    except AirflowException:  # Airflow 3.3 raises it if there is no key
        return None
    return fernet if fernet.is_encrypted else None


def default_zone() -> Any:
    """Return the time zone of ``[core] default_timezone``."""
    # Airflow's attribute for it has another name in each line; this function is public in all of them.
    return timezone.datetime(2000, 1, 1).tzinfo  # type: ignore[no-untyped-call]  # Airflow's own


def has_store(scheme: str) -> bool:
    """Whether an ``ObjectStoragePath`` of this scheme can be used."""
    # Airflow 2 has this module elsewhere; the compat provider names it, and does not export it.
    return bool(import_module("airflow.providers.common.compat.sdk").io.has_fs(scheme))


def asset_ref(name: str) -> Any:
    """Return the reference of an asset, as a state store takes it (Airflow 3.3)."""
    return import_module("airflow.sdk").Asset.ref(name=name)


def task_state(ti: Any, dag_id: str, run_id: str, task_id: str, map_index: int) -> str | None:
    """Return the state of a task instance; None if Airflow has no such task instance.

    :param ti: the task instance that asks.
    """
    if not hasattr(ti, "get_task_states"):  # Airflow 2
        find = getattr(ti, "get_task_instance", lambda *_: None)
        instance = find(dag_id, run_id, task_id, map_index)
        return None if instance is None else str(instance.state or "none")
    states = ti.get_task_states(dag_id, map_index, [task_id], run_ids=[run_id]).get(run_id, {})
    name = task_id if map_index < 0 else f"{task_id}_{map_index}"
    return str(states[name] or "none") if name in states else None


def count(name: str, number: int) -> None:
    """Add to a counter of Airflow's metrics, if it has them.

    https://airflow.apache.org/docs/apache-airflow/stable/administration-and-deployment/logging-monitoring/metrics.html
    """
    if Stats is not None:
        Stats.incr(name, number)
