"""Anything that people do to a drive, one act after the other, inside and outside of the folder ``in``."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from hypothesis import strategies as st

from airflow_provider_onedrive.emulator.faults import Fault
from airflow_provider_onedrive.graph.client import Client
from airflow_provider_onedrive.graph.protocol.errors import LocationError, NameAlreadyExists

FOLDERS = ["in", "out", "in/x", "in/y", "in/x/z", "out/v"]


def acts_and(*others: str) -> st.SearchStrategy[tuple[str, int, int]]:
    """Give the name of an act, of these or of others, and two numbers to choose by."""
    numbers = st.integers(0, 10**6)
    return st.tuples(st.sampled_from(["put", "delete", "move", "folder", *others]), numbers, numbers)


def do(drive: Any, client: Client, act: str, first: random.Random, second: random.Random) -> None:
    """Do something that may well be impossible; then it is left."""
    paths = [path.rstrip("/") for path in drive.paths() if path.rstrip("/") != "in"]
    folders = [path.rstrip("/") for path in drive.paths() if path.endswith("/")]
    if act == "put":
        drive.put(f"{first.choice(folders)}/f{second.randint(0, 3)}", second.randbytes(3))
    elif act == "folder":
        drive.folder(f"{first.choice(folders)}/d{second.randint(0, 2)}")
    elif act == "delete" and paths:
        drive.delete(first.choice(paths))
    elif act == "move" and paths:
        source, target = first.choice(paths), second.choice(folders)
        if not f"{target}/".startswith(f"{source}/"):
            with suppress(NameAlreadyExists, LocationError):  # something of the other kind is there
                client.move(f"myfiles/{source}", f"myfiles/{target}/m{second.randint(0, 3)}", if_exists="skip")


def during(act: Callable[[], object]) -> Fault:
    """Let something happen to the drive right before a request is answered."""

    class Happens(Fault):
        def before(self, request: Any, context: Any) -> None:
            del request, context
            act()

    return Happens()
