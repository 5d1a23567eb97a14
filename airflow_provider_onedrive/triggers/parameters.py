"""The parameters of waiting. Sensors, triggers and the decorator inherit them, so each is declared and described once.

The classes are mixins: their constructors keep their own parameters and pass the others on. They check nothing, for an
error in the constructor of a trigger ends the whole triggerer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from inspect import Parameter, signature
from typing import Any, TypeVar

from airflow_provider_onedrive.graph.content.filters import Filters, Patterns
from airflow_provider_onedrive.graph.content.selection import Selection
from airflow_provider_onedrive.graph.protocol.locations import LocationLike
from airflow_provider_onedrive.graph.tracking.conditions import IGNORED, MAX_MATCHES, FileCondition, Kind
from airflow_provider_onedrive.graph.tracking.tree import KINDS
from airflow_provider_onedrive.hooks.onedrive import OneDriveHook
from airflow_provider_onedrive.state.times import DurationLike, TimeLike

_Init = TypeVar("_Init", bound=Callable[..., None])


def with_parameters_of(*bases: type) -> Callable[[_Init], _Init]:
    """Add the parameters of base classes to the signature of a constructor that passes them on.

    Airflow reads signatures: ``.partial()``, ``.expand()`` and ``default_args`` take only names that it finds there.
    """

    def decorate(init: _Init) -> _Init:
        own = signature(init)
        parameters: dict[str, Parameter] = {}
        for each in (*map(_parameters, bases), own.parameters):
            parameters |= each
        # The signature holds for editors and help(), too; the constructor itself still takes **kwargs.
        in_order = sorted(parameters.values(), key=lambda parameter: parameter.kind)  # self first, **kwargs last
        vars(init)["__signature__"] = own.replace(parameters=in_order)
        return init

    return decorate


def names_of(mixin: type) -> tuple[str, ...]:
    """Return the names of a mixin's parameters."""
    return tuple(_parameters(mixin))


def parameters_of(waiting: object, mixin: type) -> dict[str, Any]:
    """Return the parameters that a sensor or a trigger has from a mixin."""
    return {name: getattr(waiting, name) for name in names_of(mixin)}


def _parameters(mixin: type) -> dict[str, Parameter]:
    parameters = signature(mixin).parameters.values()
    return {each.name: each for each in parameters if each.kind is Parameter.KEYWORD_ONLY}


class SelectionParameters:
    """Which items of a folder count.

    :param file_pattern: a pattern of the name, or of the path below the folder if it contains ``/``: ``*``, ``**`` and
        ``?``, without regard to case. Of a list of patterns, one has to match. None takes every name.
    :param regex: a regular expression that is searched in the path below the folder. Each item has its named groups as
        ``groups``. None takes every path.
    :param ignore: patterns of items in folders that do not count; by default temporary files of Office and browsers.
    :param kind: ``file``, ``folder`` or ``any``.
    :param onedrive_conn_id: the Airflow connection.
    """

    def __init__(
        self,
        *,
        file_pattern: Patterns | None = None,
        regex: str | None = None,
        ignore: Patterns = IGNORED,
        kind: Kind = "file",
        onedrive_conn_id: str = OneDriveHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.file_pattern = file_pattern
        self.regex = regex
        self.ignore = ignore
        self.kind = kind
        self.onedrive_conn_id = onedrive_conn_id


class FileParameters(SelectionParameters):
    """When files are there.

    :param location: without a pattern and without a trailing ``/`` one item; else a folder in which items must match.
        Of a list, each location must have a match.
    :param recursive: also look into the folders of the folder; a pattern with ``/`` or ``**`` includes them anyway.
    :param newer_than: only items that were modified later, by the server's clock: a datetime or ISO 8601 text (without
        a zone in Airflow's default one), or a timedelta or ISO 8601 duration before the end of the run's data interval.
    :param min_items: the least number of matches, of all locations together.
    :param max_items: more matches are an error, so that no result silently lacks some. Airflow maps over at most 1024.
    :param min_size: of a file, in bytes.
    :param end_from_trigger: if the wait is in the triggerer, also end the task there, without a worker, when files are
        there. Airflow then has the result as XCom, but cannot map over it (``expand``) and emits no outlet events.
    """

    @with_parameters_of(SelectionParameters)
    def __init__(
        self,
        *,
        location: LocationLike | Sequence[LocationLike],
        recursive: bool = False,
        newer_than: TimeLike | None = None,
        min_items: int = 1,
        max_items: int = MAX_MATCHES,
        min_size: int | None = None,
        end_from_trigger: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.location = location
        self.recursive = recursive
        self.newer_than = newer_than
        self.min_items = min_items
        self.max_items = max_items
        self.min_size = min_size
        self.end_from_trigger = end_from_trigger

    def condition(self, newer_than: datetime | None = None, *, reads_checkouts: bool = False) -> FileCondition:
        """Return the condition that the parameters describe.

        :param newer_than: the parameter, read as a time.
        :param reads_checkouts: also read which items are checked out.
        """
        filters = Filters(self.file_pattern, self.regex, self.ignore, newer_than=newer_than, min_size=self.min_size)
        selection = Selection(filters, self.kind, self.recursive)
        return FileCondition(self.location, selection, self.min_items, self.max_items, reads_checkouts)


class ChangeParameters(SelectionParameters):
    """Which changes of a folder count.

    An item that is not selected is treated as if it did not exist: a file that is renamed from ``a.tmp`` to ``a.csv``
    is ``created`` for ``file_pattern="*.csv"``.

    :param location: the folder.
    :param events: the kinds of changes: ``created``, ``updated``, ``moved``, ``renamed``, ``deleted``.
    :param recursive: also the items in the folders of the folder.
    :param on_start: the changes that the first poll returns: ``ignore`` none; ``emit_existing`` every item that is
        there; a time every item that was created or modified since. The time is written like ``newer_than`` of the file
        sensor; a duration counts back from the end of the run's data interval, in a watcher from the first poll.
    :param full_every: list everything again after this duration, as Microsoft advises: a timedelta, seconds, or an ISO
        8601 duration. None lists everything only where it must.
    :param variable: the beginning of the names of the Airflow Variables that keep the state. None makes one from the
        connection and the location, for a sensor also from DAG and task; a watcher then keeps its state with the asset
        if Airflow can (3.3).
    """

    @with_parameters_of(SelectionParameters)
    def __init__(
        self,
        *,
        location: LocationLike,
        events: Sequence[str] = KINDS,
        recursive: bool = True,
        on_start: TimeLike = "ignore",
        full_every: DurationLike | None = timedelta(days=1),
        variable: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.location = location
        self.events = events
        self.recursive = recursive
        self.on_start = on_start
        self.full_every = full_every
        self.variable = variable
