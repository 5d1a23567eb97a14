"""The base class of faults, and the table of the faults that scripts can name."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from airflow_provider_onedrive.emulator.errors.problems import ConnectionDropped
from airflow_provider_onedrive.emulator.http.messages import Reply, Request

# threading.Event.wait overflows with very large timeouts.
_LONGEST_SECONDS = 24 * 3600


@dataclass(frozen=True)
class FaultContext:
    """The parts of the emulator that a fault may use.

    :param stopping: set when the emulator stops.
    :param expire_token: takes an Authorization header; from then on its token is answered with 401.
    :param end_session: takes an upload URL; from then on it is answered with 404.
    """

    stopping: threading.Event
    expire_token: Callable[[str | None], None]
    end_session: Callable[[str], None]

    def wait(self, seconds: float) -> None:
        """Wait, at most a day.

        :raises ConnectionDropped: the emulator stops meanwhile.
        """
        if seconds > 0 and self.stopping.wait(min(seconds, _LONGEST_SECONDS)):
            raise ConnectionDropped


class Fault:
    """One failure of a request. Each kind overrides the step that it changes.

    :cvar shapes: True if the fault only slows a request down. The request may then meet another fault as well.
    """

    shapes: ClassVar[bool] = False

    def before(self, request: Request, context: FaultContext, /) -> None:
        """Run before the request is handled; a ``Problem`` answers it, ``ConnectionDropped`` ends it."""

    def instead(self, request: Request, /) -> Reply | None:  # noqa: ARG002 - for the faults that use it
        """Return the answer to a request that is not handled at all; None = it is handled."""
        return None

    def after(self, reply: Reply, request: Request, /) -> None:
        """Run when the request has taken effect and before it is answered."""


FaultKind = TypeVar("FaultKind", bound=type[Fault])
KINDS: dict[str, type[Fault]] = {}
NONE = Fault()


def declare(kind: FaultKind) -> FaultKind:
    """Register a fault for scripts: its name is the class's, its parameters are the fields."""
    KINDS[kind.__name__] = kind
    return kind


@dataclass(frozen=True)
class Several(Fault):
    """All faults that one request meets, in this order."""

    faults: tuple[Fault, ...]

    def before(self, request: Request, context: FaultContext, /) -> None:
        for fault in self.faults:
            fault.before(request, context)

    def instead(self, request: Request, /) -> Reply | None:
        return next((reply for fault in self.faults if (reply := fault.instead(request))), None)

    def after(self, reply: Reply, request: Request, /) -> None:
        for fault in self.faults:
            fault.after(reply, request)
