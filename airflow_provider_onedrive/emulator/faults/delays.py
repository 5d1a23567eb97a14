"""Faults that slow a request down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from airflow_provider_onedrive.emulator.faults.fault import Fault, FaultContext, declare
from airflow_provider_onedrive.emulator.http.messages import Request

_KIB = 1024


@declare
@dataclass(frozen=True)
class delay(Fault):  # noqa: N801 - reads as a word of a rule
    """Wait before the request is handled; stopping the emulator ends the wait."""

    seconds: float

    def before(self, _: Request, context: FaultContext, /) -> None:
        context.wait(self.seconds)


@declare
@dataclass(frozen=True)
class latency(Fault):  # noqa: N801
    """Wait before the request is handled, and for each KiB of either body.

    :param seconds: before the request is handled.
    """

    seconds: float = 0
    seconds_per_kib: float = 0
    shapes: ClassVar[bool] = True

    def before(self, request: Request, context: FaultContext, /) -> None:
        context.wait(self.seconds)
        request.slow_down(self.seconds_per_kib / _KIB, self.seconds_per_kib / _KIB, context.stopping)


@declare
@dataclass(frozen=True)
class bandwidth(Fault):  # noqa: N801
    """Limit the speed of the bodies.

    :param up_bytes_per_second: of the request's body, None = no limit. ``down_bytes_per_second`` is that of the
        answer's body.
    """

    up_bytes_per_second: float | None = None
    down_bytes_per_second: float | None = None
    shapes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if any(rate is not None and rate <= 0 for rate in (self.up_bytes_per_second, self.down_bytes_per_second)):
            raise ValueError("a bandwidth must be more than 0 bytes per second")

    def before(self, request: Request, context: FaultContext, /) -> None:
        # A rate becomes seconds per byte, so that several faults on one request simply add up.
        up, down = (1 / rate if rate else 0 for rate in (self.up_bytes_per_second, self.down_bytes_per_second))
        request.slow_down(up, down, context.stopping)
