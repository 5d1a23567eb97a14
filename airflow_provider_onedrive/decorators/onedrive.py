"""``@task.onedrive_sensor``: the file sensor, with a function that has the last word."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_onedrive.compat import get_unique_task_id, task_decorator_factory
from airflow_provider_onedrive.sensors.onedrive import OneDriveFileSensor

if TYPE_CHECKING:
    from airflow.sdk.bases.decorator import TaskDecorator


class DecoratedOneDriveFileSensor(OneDriveFileSensor):
    """The file sensor, whose ``check_fn`` is the decorated function.

    :param python_callable: is given the item dicts, and behind them ``op_args`` and ``op_kwargs``; says whether the
        items will do.
    :param op_args: what the task was called with (templated, and may come from other tasks); ``op_kwargs`` likewise.
    """

    template_fields = (*OneDriveFileSensor.template_fields, "op_args", "op_kwargs")
    template_fields_renderers: ClassVar[dict[str, str]] = {"op_args": "py", "op_kwargs": "py"}
    custom_operator_name = "@task.onedrive_sensor"

    def __init__(
        self,
        *,
        task_id: str,
        python_callable: Callable[..., object],
        op_args: Collection[Any] = (),
        op_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        unique_id = get_unique_task_id(task_id, kwargs.get("dag"), kwargs.get("task_group"))
        super().__init__(task_id=unique_id, check_fn=python_callable, **kwargs)
        self.op_args = list(op_args)
        self.op_kwargs = dict(op_kwargs or {})

    def _will_do(self, found: list[dict[str, Any]]) -> bool:
        return self.check_fn is None or bool(self.check_fn(found, *self.op_args, **self.op_kwargs))


def onedrive_sensor_task(python_callable: Callable[..., object] | None = None, **kwargs: Any) -> TaskDecorator:
    """Make a sensor of a function.

    https://airflow.apache.org/docs/apache-airflow/stable/howto/create-custom-decorator.html

    :param python_callable: is given the item dicts, and whatever the task is called with; says whether they will do.
    :param kwargs: of :class:`~airflow_provider_onedrive.sensors.onedrive.OneDriveFileSensor`.
    """
    return task_decorator_factory(
        python_callable=python_callable,
        multiple_outputs=False,
        decorated_operator_class=DecoratedOneDriveFileSensor,
        **kwargs,
    )
