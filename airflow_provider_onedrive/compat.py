"""The only place that knows Airflow versions; most differences end in common.compat."""

from __future__ import annotations

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
    PokeReturnValue,
    conf,
    mask_secret,
)
from airflow.triggers.base import BaseTrigger, TriggerEvent

TRIGGER_TIMEOUTS = ("Trigger timeout", "Trigger/execution timeout")  # what Airflow 3 and 2 say of an outlived deferral

__all__ = [
    "TRIGGER_TIMEOUTS", "AirflowException", "AirflowFailException", "AirflowNotFoundException", "AirflowSensorTimeout",
    "AirflowSkipException", "AirflowTaskTimeout", "BaseHook", "BaseOperator", "BaseSensorOperator", "BaseTrigger",
    "Connection", "PokeReturnValue", "TriggerEvent", "conf", "get_async_connection", "get_async_extra_dejson",
    "mask_secret",
]  # fmt: skip
