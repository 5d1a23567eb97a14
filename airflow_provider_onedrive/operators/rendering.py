"""What a template makes of a parameter. With ``render_template_as_native_obj`` a text stays the text that it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from jinja2.nativetypes import NativeEnvironment

from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError

COUNTS = (
    *("min_items", "max_items", "min_size", "max_size", "max_delete", "max_concurrent", "max_changes", "max_changed"),
    *("single_put_bytes", "fragment_bytes"),
)
"""The parameters that are whole numbers."""


@dataclass(frozen=True)
class _Text:
    """A text that jinja does not take for Python's notation of a value."""

    text: str


class TextTemplatesMixin:
    """A task whose texts stay texts, although its DAG renders natively.

    Jinja reads what such a template yields as Python: the eTag ``"{...},1"`` loses its quotation marks, ``2026``
    becomes a number and ``1,2`` a tuple. A template that is one expression still yields its object, such as a list.
    """

    _keeps_texts = True

    def render_template(self, content: Any, *args: Any, **kwargs: Any) -> Any:
        """Render a template field, or a part of one; the numbers that an expression yields are texts."""
        rendered = super().render_template(content, *args, **kwargs)  # type: ignore[misc]  # of the operator beside this
        is_number = isinstance(rendered, (int, float)) and not isinstance(rendered, bool)
        return str(rendered) if is_number and isinstance(content, str) and self._keeps_texts else rendered

    # Airflow's own method, by the same name in 2.11 and 3.3; no public one is between jinja and its reading as Python.
    def _render(self, template: Any, context: Any, dag: Any = None) -> Any:
        is_native = isinstance(template.environment, NativeEnvironment)
        if not (is_native and self._keeps_texts):
            return super()._render(template, context, dag)  # type: ignore[misc]  # as above
        rendered = super()._render(_as_text(template), context, dag)  # type: ignore[misc]  # as above
        return rendered.text if isinstance(rendered, _Text) else rendered


def _as_text(template: Any) -> Any:
    """Return a template that yields either the one object of its expression, or a text in an object."""
    twin, render = object.__new__(type(template)), template.root_render_func
    vars(twin).update(vars(template))  # not copy(): jinja's class makes a template of a source only
    twin.root_render_func = lambda context: _joined(render(context))
    return twin


def _joined(nodes: Iterable[Any]) -> Iterator[Any]:
    parts = list(nodes)
    yield parts[0] if len(parts) == 1 and not isinstance(parts[0], str) else _Text("".join(map(str, parts)))


def read_numbers(task: Any) -> None:
    """Read the parameters that are numbers, which a template or another task may have made texts.

    :raises ConfigurationError: naming the parameter.
    """
    for name in COUNTS:
        value = getattr(task, name, None)
        if (isinstance(value, str) and value.strip().isdecimal()) or (isinstance(value, float) and value.is_integer()):
            setattr(task, name, int(value))
        elif value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise ConfigurationError(f"{name} is {value!r}.", advice="Give a whole number.")
    rate = getattr(task, "bytes_per_second", None)
    if isinstance(rate, str):
        task.bytes_per_second = _number("bytes_per_second", rate)


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigurationError(f"{name} is {text!r}.", advice="Give a number.") from None


def check_text(name: str, value: object) -> None:
    """Refuse what is no text where only a text can be meant.

    :raises ConfigurationError: naming the parameter.
    """
    if not isinstance(value, str) or not value.strip():
        kind = "empty" if isinstance(value, str) else f"of type {type(value).__name__}"
        raise ConfigurationError(f"{name} is {kind}.", advice="Check the template that makes it, and give a text.")
