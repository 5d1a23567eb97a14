"""Draws a progress bar for a transfer, if the standard error is a terminal."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_onedrive.graph.client import Client

_EVERY_SECONDS = 0.1


@contextmanager
def bar(client: Client, title: str, total_bytes: int | None) -> Iterator[None]:
    """Draw a bar on the standard error while the block runs, if that is a terminal.

    :param title: the name of a file or folder, as it is.
    :param total_bytes: None if it is not known.
    """
    from rich.console import Console  # noqa: PLC0415 - help needs none of it
    from rich.progress import (  # noqa: PLC0415 - as above
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    from airflow_provider_onedrive.graph.protocol.redaction import printable  # noqa: PLC0415 - as above

    console = Console(stderr=True)
    # Without markup, in which "[red]" in the name of a file would be a colour.
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with (
        client.meter.measured("") as counted,
        Progress(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal) as progress,
    ):
        task, is_over = progress.add_task(printable(title), total=total_bytes), threading.Event()

        # A thread reads the meter, so the transfer itself never waits for the terminal.
        def update() -> None:
            while not is_over.wait(_EVERY_SECONDS):
                progress.update(task, completed=counted.done_bytes)

        updater = threading.Thread(target=update, daemon=True)
        updater.start()
        try:
            yield
        finally:
            is_over.set()
            updater.join()
            progress.update(task, completed=counted.done_bytes)
