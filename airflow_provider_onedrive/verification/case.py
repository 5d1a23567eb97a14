"""One case: a small job in a folder of its own, and what is observed of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from airflow_provider_onedrive.verification.workspace import Workspace

Observation = Mapping[str, Any]
"""Plain JSON without secrets, ids and names of others; equal for two drives that behave alike."""
Need = Literal["sharing", "large"]
DriveType = Literal["business", "documentLibrary", "personal"]

SHAREPOINT: tuple[DriveType, ...] = ("business", "documentLibrary")
ALL_DRIVES: tuple[DriveType, ...] = (*SHAREPOINT, "personal")


@dataclass(frozen=True)
class Case:
    """Something that can be observed of a drive.

    :param name: stays the same for ever, because reports that were recorded name it.
    :param covers: the methods of the client that it calls; those of the other client begin with ``AsyncClient.``.
        Without any it is about the service itself.
    :param sends_bytes: how much content it sends, about.
    :param needs: what has to be asked for before it runs.
    :param drives: the kinds of drive that have what it is about.
    :param is_beyond: whether it reads something outside of its own folder: the drive itself, its root, its changes.
    """

    name: str
    title: str
    observe: Callable[[Workspace], Observation]
    covers: tuple[str, ...] = ()
    sends_bytes: int = 0
    needs: Need | None = None
    drives: tuple[DriveType, ...] = ALL_DRIVES
    is_beyond: bool = False


def case(
    title: str,
    *covers: str,
    sends_bytes: int = 0,
    needs: Need | None = None,
    drives: tuple[DriveType, ...] = ALL_DRIVES,
    is_beyond: bool = False,
) -> Callable[[Callable[[Workspace], Observation]], Case]:
    """Make a case of the function that plays it; the function's name is the case's. More parameters as for Case."""

    def made(observe: Callable[[Workspace], Observation]) -> Case:
        return Case(observe.__name__, title, observe, covers, sends_bytes, needs, drives, is_beyond)

    return made
