"""Which fields of a mapped task came from other tasks: Airflow must not render them as templates.

The names of files are texts of other people, and one may be called ``{{ var.value.secret }}.csv``. Airflow leaves
values alone that ``expand()`` takes from XCom, but renders the texts that ``expand_kwargs()`` takes from there
(https://github.com/apache/airflow/issues/38745).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

_ARGUMENTS = "op_kwargs"
"""The field of a decorated task that holds the arguments of its function, which are mapped one by one."""


def is_reference(value: Any) -> bool:
    """Whether Airflow puts another value in its place before the task runs: an ``XComArg``, or a ``DagParam``."""
    return hasattr(value, "iter_references")


class UnrenderedXComMixin:
    """A task that renders the texts of its DAG, and no value that came from another task."""

    template_fields: Any

    # Airflow's own method, by the same name and parameters in 2.11 and 3.3: there a mapped task is rendered as it runs.
    def _do_render_template_fields(
        self, parent: Any, template_fields: Iterable[str], context: Any, jinja_env: Any, seen_oids: set[int]
    ) -> None:
        received = _received(self, context) if parent is self else frozenset()
        fields = [name for name in template_fields if name not in received]
        # Airflow does not look into objects with these ids.
        arguments = getattr(self, _ARGUMENTS, {})
        seen_oids |= {id(value) for name, value in arguments.items() if f"{_ARGUMENTS}.{name}" in received}
        for name in received - {_ARGUMENTS}:
            self.leave_unrendered(getattr(self, name, None))
        super()._do_render_template_fields(parent, fields, context, jinja_env, seen_oids)  # type: ignore[misc]

    def leave_unrendered(self, value: Any) -> None:
        """See a value that is not rendered."""


def _received(task: Any, context: Any) -> frozenset[str]:
    """Name the fields of a task whose values its mapping has got from XCom; arguments as ``op_kwargs.name``."""
    ti = context.get("ti")  # a test may render without one
    # What runs is made from the mapped task, and does not know it; its own id may be another one.
    mapped = task.dag.task_dict.get(ti.task_id) if ti is not None and ti.map_index >= 0 and task.has_dag() else None
    if mapped is None or not hasattr(mapped, "partial_kwargs"):
        return frozenset()
    of_arguments = hasattr(mapped, f"{_ARGUMENTS}_expand_input")
    given = mapped.partial_kwargs.get(_ARGUMENTS, {}) if of_arguments else _given(task, mapped)
    values = getattr(task, _ARGUMENTS) if of_arguments else {name: getattr(task, name) for name in task.template_fields}
    expanded = mapped._get_specified_expand_input().value  # noqa: SLF001 - no public name says it
    names = _names_from_xcom(expanded, ti, given, values)
    return frozenset(f"{_ARGUMENTS}.{name}" if of_arguments else name for name in names)


def _given(task: Any, mapped: Any) -> dict[str, Any]:
    """Return the parameters of a mapped task that the DAG sets, the more special over the more general."""
    of_group = getattr(task.task_group, "default_args", None) or {}
    return {**task.dag.default_args, **of_group, **mapped.partial_kwargs}


def _names_from_xcom(expanded: Any, ti: Any, given: Mapping[str, Any], values: Mapping[str, Any]) -> Collection[str]:
    """Choose among values those that came from XCom.

    :param expanded: what ``expand`` or ``expand_kwargs`` was called with.
    :param given: what ``partial`` was called with, and the default arguments.
    """
    if isinstance(expanded, Mapping):  # expand(): each parameter by itself
        return [name for name, value in expanded.items() if is_reference(value)]
    # expand_kwargs(): a list of dicts in the DAG, which may have references among them, or a reference to all.
    element = expanded if is_reference(expanded) else expanded[ti.map_index]
    if not is_reference(element):
        return []
    # Which parameters the dict had is not said, so it is all but those that still are what the DAG has set.
    return [name for name, value in values.items() if name not in given or value is not given[name]]
