"""``@task.onedrive_sensor``: the file sensor, with a function that makes the final decision."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_onedrive.compat import get_unique_task_id, task_decorator_factory
from airflow_provider_onedrive.sensors.onedrive import OneDriveFileSensor

if TYPE_CHECKING:
    from airflow.sdk.bases.decorator import TaskDecorator


class DecoratedOneDriveFileSensor(OneDriveFileSensor):
    """The file sensor, with the decorated function as its ``check_fn``.

    :param python_callable: receives the item dicts, then ``op_args`` and ``op_kwargs``; a false result keeps waiting.
    :param op_args: the arguments of the task's call (templated, and may come from other tasks).
    :param op_kwargs: its keyword arguments, likewise.
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
        # A function that is called twice in a DAG makes two tasks, and Airflow numbers them.
        unique_id = get_unique_task_id(task_id, kwargs.get("dag"), kwargs.get("task_group"))
        super().__init__(task_id=unique_id, check_fn=python_callable, **kwargs)
        self.op_args = list(op_args)
        self.op_kwargs = dict(op_kwargs or {})

    def render_template(self, content: Any, *args: Any, **kwargs: Any) -> Any:
        """Render as Airflow does what the function gets, and texts of the sensor as texts."""
        if content is not self.op_args and content is not self.op_kwargs:
            return super().render_template(content, *args, **kwargs)
        self._keeps_texts = False
        try:
            return super().render_template(content, *args, **kwargs)
        finally:
            self._keeps_texts = True

    def _accepts(self, dicts: list[dict[str, Any]]) -> bool:
        return self.check_fn is None or bool(self.check_fn(dicts, *self.op_args, **self.op_kwargs))


def onedrive_sensor_task(python_callable: Callable[..., object] | None = None, **kwargs: Any) -> TaskDecorator:
    """Return a sensor that calls a function.

    https://airflow.apache.org/docs/apache-airflow/stable/howto/create-custom-decorator.html

    :param python_callable: receives the item dicts, then the arguments of the call; a false result keeps waiting.
    :param kwargs: of :class:`~airflow_provider_onedrive.sensors.onedrive.OneDriveFileSensor`.
    """
    return task_decorator_factory(
        python_callable=python_callable,
        # The result is a list, which cannot be divided among several keys.
        multiple_outputs=False,
        decorated_operator_class=DecoratedOneDriveFileSensor,
        **kwargs,
    )
