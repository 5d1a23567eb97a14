"""Transfers of many files: what a plan says, several at once, each with its own end."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.content.paths import absolute
from airflow_provider_onedrive.graph.content.sinks import protocols_of
from airflow_provider_onedrive.graph.content.sources import is_stored
from airflow_provider_onedrive.graph.content.transfer_plan import SAME, Action, Entry, FolderTransfer, Report, Step
from airflow_provider_onedrive.graph.flows import batches
from airflow_provider_onedrive.graph.flows.session_state import OpenSession
from airflow_provider_onedrive.graph.flows.walk import Visit, Walk
from airflow_provider_onedrive.graph.protocol.driver import FlowDriver
from airflow_provider_onedrive.graph.protocol.errors import FilesFailed, FilesRefused, OneDriveError
from airflow_provider_onedrive.graph.protocol.item_states import UnusableItem
from airflow_provider_onedrive.graph.protocol.location_parser import LocationParser
from airflow_provider_onedrive.graph.protocol.logs import logger
from airflow_provider_onedrive.graph.protocol.messages import T
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.graph.transfers import download as localcopy

log = logger(__name__)

_SHOWN = 20
# Eighty deletions. Each part counts against Graph's limits as a request of its own:
# https://learn.microsoft.com/en-us/graph/throttling#throttling-and-batching
_BATCHES_AT_ONCE = 4

Failure = tuple[str, OneDriveError | str]
"""A path, and what stood in the direction."""


class Runner(localcopy.Runner, Protocol):
    """What of a client is needed."""

    settings: Settings
    parser: LocationParser

    def run_upload(self, driver: FlowDriver[DriveItem], session: OpenSession, /) -> DriveItem: ...
    def run_each(self, jobs: Iterable[Callable[[], T]], at_once: int, /) -> Iterator[tuple[int, T | OneDriveError]]: ...
    def visits(self, walk: Walk, /) -> Iterator[Visit]: ...


class TransferDirection(Protocol):
    """Which way files go: up or down."""

    @property
    def title(self) -> str: ...
    @property
    def takes_any(self) -> bool:
        """Whether a file that is there already counts as its copy, whatever is in it."""

    def prepare(self, steps: Sequence[Step]) -> None:
        """Make what the targets lie in."""

    def transfer(self, step: Step) -> DriveItem:
        """Bring one file to its target."""

    def identity(self, there: Any) -> Any:
        """Return what a file of the target is, whatever its name.

        :param there: the content of an entry of the target, or an item that was transferred.
        """

    def delete_extra(self, steps: Sequence[Step]) -> list[Failure]:
        """Delete files of the target."""

    def delete_sources(self, moved: Sequence[tuple[Step, DriveItem]]) -> list[Failure]:
        """Delete sources, each only as it was when it was transferred."""


def carry_out(client: Runner, direction: TransferDirection, transfer: FolderTransfer, steps: Sequence[Step]) -> Report:
    """Do what a plan says, and report what became of each file."""
    if transfer.options.dry_run:
        return Report(planned=list(steps))
    client.settings.policy.check_count(_deletions(transfer, steps))
    start = time.monotonic()
    report = Report(skipped=_of(steps, Action.SKIP))
    for step in _of(steps, Action.REFUSE):
        _fail(report, step.entry.path, step.reason)
    done = _transferred(client, direction, transfer, _of(steps, Action.TRANSFER), report)
    if transfer.options.move:
        client.check_owner()
        _delete_sources(direction, done, report)
    if not report.failed:  # else what looks superfluous may be all there is
        client.check_owner()
        extra = _superfluous(direction, steps, report)
        _note(report, direction.delete_extra(extra))
        failed = {path for path, _, _ in report.failed}
        report.deleted = [step.path for step in extra if step.path not in failed]
    report.seconds = time.monotonic() - start
    return report


def _deletions(transfer: FolderTransfer, steps: Sequence[Step]) -> int:
    """Count the files that would go, if all goes well."""
    moved = [step for step in steps if step.action is Action.TRANSFER or (step.there and step.reason == SAME)]
    return len(moved) * transfer.options.move + len(_of(steps, Action.DELETE))


def _superfluous(direction: TransferDirection, steps: Sequence[Step], report: Report) -> list[Step]:
    """Return the files of the target that are none of those that were transferred or left alone.

    A file is what it is by its id or inode: the service, or the disk, may take another name for the same one.
    """
    there = [step.there.content for step in report.skipped if step.there is not None]
    kept = {direction.identity(each) for each in (*report.done, *there)}
    return [step for step in _of(steps, Action.DELETE) if direction.identity(step.entry.content) not in kept]


def _of(steps: Sequence[Step], action: Action) -> list[Step]:
    return [step for step in steps if step.action is action]


def _transferred(
    client: Runner, direction: TransferDirection, transfer: FolderTransfer, wanted: Sequence[Step], report: Report
) -> list[tuple[Step, DriveItem]]:
    """Transfer files, and return those that arrived, with what Graph says of them."""
    done = []
    total_bytes = sum(step.entry.size or 0 for step in wanted)
    with client.meter.measured(direction.title, total_bytes=total_bytes, total_files=len(wanted)) as progress:
        if wanted and not (transfer.options.fail_fast and report.failed):
            direction.prepare(wanted)
            jobs = (partial(direction.transfer, step) for step in wanted)
            for number, result in client.run_each(jobs, transfer.options.max_concurrent):
                step = wanted[number]
                if isinstance(result, OneDriveError):
                    _fail(report, step.entry.path, result)
                    # Leaving the loop closes run_each, which stops the files that are under way.
                    if transfer.options.fail_fast:
                        break
                else:
                    done.append((step, result))
                    # A file that was there already is part of the total, and nothing has counted its bytes.
                    progress.file_done((result.size or 0) if result.outcome in ("skipped", "already_there") else 0)
        log.info("Done: %s, %d of %d files, %s", direction.title, len(done), len(wanted), progress.totals)
    report.done = [item for _, item in done]
    return done


def _delete_sources(direction: TransferDirection, done: Sequence[tuple[Step, DriveItem]], report: Report) -> None:
    """Delete what surely is at its target; what may not be is kept, with the reason."""
    sure = [(step, step.there.content) for step in report.skipped if step.there and step.reason == SAME]
    doubts = [(step.path, step.reason) for step in report.skipped if step.reason != SAME]
    identities = Counter(direction.identity(item) for _, item in done)
    for step, item in done:
        if identities[direction.identity(item)] > 1:
            doubts.append((step.path, "another source became the same file, so one of them may be lost"))
        elif reason := _doubt(item, direction):
            doubts.append((step.path, reason))
        else:
            sure.append((step, item))
    report.kept = doubts
    for path, reason in doubts:
        log.warning("%s was not deleted after its transfer: %s", path, reason)
    _note(report, direction.delete_sources(sure))


def _doubt(item: DriveItem, direction: TransferDirection) -> str:
    """Return the reason why a copy may differ from its source."""
    if item.outcome == "skipped" and direction.takes_any:
        return "a file is there"
    if item.server_rewrote:
        return "SharePoint rewrote it, so its copy cannot be compared"
    return "Graph has no hash of it, so its copy cannot be compared" if item.size != 0 and not item.hashes else ""


def _note(report: Report, failures: Iterable[Failure]) -> None:
    for path, problem in failures:
        _fail(report, path, problem)


def _fail(report: Report, path: str, problem: OneDriveError | str) -> None:
    report.fail(path, problem)
    log.warning("%s: %s", path, problem)


def delete_items(
    client: Runner, items: Sequence[DriveItem], *, permanent: bool = False
) -> list[tuple[DriveItem, OneDriveError]]:
    """Delete many items, twenty in one request; return what could not be deleted, and why."""
    parts = list(batches.in_batches(items))
    jobs = [partial(client.run, batches.delete_items(part, permanent=permanent)) for part in parts]
    failed = []
    for number, result in client.run_each(jobs, _BATCHES_AT_ONCE):
        part = parts[number]
        problems = [result] * len(part) if isinstance(result, OneDriveError) else result
        failed += [(item, problem) for item, problem in zip(part, problems, strict=True) if problem is not None]
    return failed


def raise_for(report: Report, what: str) -> None:
    """Raise an error that lists the failed files.

    :param what: has not been done: ``uploaded``.
    :raises FilesFailed: if some may succeed in a later try.
    :raises FilesRefused: if none will.
    """
    if not report.failed:
        return
    shown = "; ".join(f"{path}: {error}" for path, error, _ in report.failed[:_SHOWN])
    more = f" and {len(report.failed) - _SHOWN} more" if len(report.failed) > _SHOWN else ""
    kind = FilesFailed if any(is_retryable for _, _, is_retryable in report.failed) else FilesRefused
    raise kind(f"{len(report.failed)} files could not be {what}, {len(report.done)} could: {shown}{more}")


def remote_entry(visit: Visit, content: Any = None) -> Entry:
    """Take an item as a file of a tree."""
    item = visit.item
    problem = "it is a shortcut to another drive" if item.is_shortcut else ""
    if item.package_type:
        # A notebook has no content to download: it is a folder of sections that only the OneNote API reads.
        problem = f"it is a {item.package_type} notebook, which Graph gives only page by page"
    return Entry(visit.path, item.size, item.modified_at, content or item, problem)


def unusable_entry(item: UnusableItem, *, recursive: bool = True) -> Entry:
    """Take an item that cannot be used as a file of a tree that is there, and cannot be transferred.

    One without a name may be any file, and is reported whatever the pattern is.

    :param recursive: whether the items in a folder belong to the tree.
    """
    hides_files = (recursive and item.may_be_folder) or not item.has_name
    reason = f"it cannot be used (id {item.id}): {item.reason}"
    return Entry(item.path, None, problem=reason, is_folder=hides_files)


def output_of(folder: Any) -> Any:
    """Return a ``Path``, or an ``ObjectStoragePath`` of a store that is not the local disk."""
    if not is_stored(folder):
        return absolute(folder)
    # A local path in an ObjectStoragePath gets what only a disk can do: part files that are resumed, and renames.
    return Path(folder.path) if "file" in protocols_of(folder) else folder
