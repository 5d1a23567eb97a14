"""How a file comes to the local disk, or to an object store: whole, verified, and under its name only then."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

from airflow_provider_onedrive.graph.content.hashing import hash_pieces
from airflow_provider_onedrive.graph.content.partfile import CHUNK_BYTES, Leftovers, PartFile, local_target
from airflow_provider_onedrive.graph.content.paths import without_credentials
from airflow_provider_onedrive.graph.content.sinks import (
    Output,
    RangeIgnored,
    RangeSink,
    explained,
    new_object,
    protocols_of,
)
from airflow_provider_onedrive.graph.content.sources import Source, StoredObject, is_stored, source_of
from airflow_provider_onedrive.graph.flows.absence import surely
from airflow_provider_onedrive.graph.flows.downloads import Link, Links, fetch, resolve
from airflow_provider_onedrive.graph.flows.session_state import TaskAttempt
from airflow_provider_onedrive.graph.flows.upload_plan import check_etag
from airflow_provider_onedrive.graph.protocol.addresses import Address
from airflow_provider_onedrive.graph.protocol.errors import (
    ConfigurationError,
    LocalFileError,
    SourceChanged,
    VerificationFailed,
)
from airflow_provider_onedrive.graph.protocol.logs import logger
from airflow_provider_onedrive.graph.protocol.messages import Flow, T
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.graph.protocol.options import DownloadOptions, IfExists, check_choice
from airflow_provider_onedrive.graph.transfers.progress import Meter

log = logger(__name__)

PARALLEL_BYTES = 256 * 1024 * 1024
"""From this size on several ranges are fetched at once: one connection may be slower than the line."""
RANGES_AT_ONCE = 3  # on two processors a fourth made it slower: its thread takes more time from the others than it adds

# A file that is edited all the time would else be fetched for ever.
_VERSIONS = 3
_MISMATCHES = 2
_RENAMES = 1000


class Runner(Protocol):
    """What of a client is needed."""

    @property
    def meter(self) -> Meter: ...
    def check_owner(self) -> None: ...
    def run(self, flow: Flow[T], /) -> T: ...
    def run_all(self, flows: Sequence[Flow[None]], at_once: int, /) -> None: ...


@dataclass(frozen=True)
class Download:
    """What is fetched, and what becomes of a file that is there already.

    :param attempt: the attempt of a task that fetches it.
    """

    if_exists: IfExists = "replace"
    expected_etag: str | None = None
    options: DownloadOptions = DownloadOptions()
    attempt: TaskAttempt = TaskAttempt()

    def check(self) -> None:
        """Refuse values that cannot be meant.

        :raises ConfigurationError: naming the parameter.
        """
        check_etag(self.expected_etag)
        check_choice("if_exists", self.if_exists, IfExists)


class Target(Protocol):
    """Where the copy will be."""

    def __str__(self) -> str: ...
    def existing(self) -> Source | None:
        """Look at what is there now."""

    def receive(self, client: Runner, links: Links, plan: Download) -> bool:
        """Fetch the file and let it appear; False where the name is taken meanwhile."""

    def renamed(self) -> Iterable[Target]:
        """Yield other names: ``a 1.csv``, ``a 2.csv`` and so on."""


def target_of(local_path: str | os.PathLike[str] | StoredObject, name: str) -> Target:
    """Return the target of a file of that name.

    :raises LocalFileError: if nothing can be written there.
    """
    if not is_stored(local_path):
        return LocalTarget(local_target(local_path, name))
    if "file" in protocols_of(local_path):
        return LocalTarget(local_target(local_path.path, name))
    return StoredTarget(local_path)


def download(client: Runner, address: Address, target: Target, link: Link, plan: Download) -> DriveItem:
    """Bring a file to its target.

    :param link: as :func:`resolve` gave it.
    """
    with client.meter.measured(""):  # of what an earlier try left of this file, the last word counts
        return _anew(client, Links(address, link), lambda links: _placed(client, links, target, plan), plan)


def read(client: Runner, address: Address, output: Output) -> None:
    """Fetch a file's bytes to an output that nobody else sees."""
    links = Links(address, client.run(surely(address, resolve)))
    _anew(client, links, lambda links: _fetch_whole(client, links, output), Download())


def _anew(client: Runner, links: Links, fetch_once: Callable[[Links], T], plan: Download) -> T:
    """Follow a version that somebody replaces meanwhile by the next; fetch once more what came wrong.

    :raises SourceChanged: if it is replaced again and again.
    :raises VerificationFailed: if what came is twice not what Graph says.
    """
    changes = mismatches = 0
    while True:
        try:
            return fetch_once(links)
        except (SourceChanged, VerificationFailed) as problem:
            changes += isinstance(problem, SourceChanged)
            mismatches += isinstance(problem, VerificationFailed)
            if changes == _VERSIONS or mismatches == _MISMATCHES:
                raise
            log.warning("Fetching %s anew: %s", links.address, problem)
        links = Links(links.address, client.run(resolve(links.address, expected_etag=plan.expected_etag)))


def _placed(client: Runner, links: Links, target: Target, plan: Download) -> DriveItem:
    item = links.current.item
    for candidate in _candidates(target, plan):
        there = None if plan.if_exists == "replace" else candidate.existing()
        if there is not None and (outcome := _outcome(there, item, plan)):
            return replace(item, outcome=outcome, local_path=str(candidate))
        is_taken = there is not None and plan.if_exists in ("fail", "rename")
        if not is_taken and candidate.receive(client, links, plan):
            return replace(item, outcome="renamed" if candidate is not target else None, local_path=str(candidate))
    raise LocalFileError(f"{target} exists.", advice="Choose another name, or if_exists='replace' or 'rename'.")


def _candidates(target: Target, plan: Download) -> Iterator[Target]:
    others = target.renamed() if plan.if_exists == "rename" else ()
    yield target
    yield from others


def _outcome(there: Source, item: DriveItem, plan: Download) -> str | None:
    """Return the outcome that needs no download; None if the file is downloaded."""
    if plan.if_exists == "skip" or (plan.if_exists == "skip_if_same" and _is_same(there, item)):
        return "skipped"
    is_ours = plan.attempt.retrying and plan.if_exists in ("fail", "rename") and _is_same(there, item)
    return "already_there" if is_ours else None


def _is_same(there: Source, item: DriveItem) -> bool:
    # First, because it is free: the hash reads the whole local file.
    if there.size != item.size:
        return False
    return item.size == 0 or hash_pieces(there.pieces(0, there.size)) == item.quick_xor_hash


@dataclass(frozen=True)
class LocalTarget:
    """A file on a local disk.

    :param chunk_bytes: an interrupted download goes on behind its last whole chunks.
    :param parallel_bytes: from this size on several ranges are fetched at once.
    :param leftovers: of its folder, where many files come into it; None looks for them.
    """

    path: Path
    chunk_bytes: int = CHUNK_BYTES
    parallel_bytes: int = PARALLEL_BYTES
    leftovers: Leftovers | None = None

    def __str__(self) -> str:
        return str(self.path)

    def existing(self) -> Source | None:
        return source_of(self.path) if os.path.isfile(self.path) else None  # noqa: PTH113 - it raises nothing

    def renamed(self) -> Iterable[LocalTarget]:
        path = self.path
        return (replace(self, path=path.with_name(f"{path.stem} {n}{path.suffix}")) for n in range(1, _RENAMES))

    def receive(self, client: Runner, links: Links, plan: Download) -> bool:
        size = links.current.size
        try:
            at_once = RANGES_AT_ONCE if size >= self.parallel_bytes else 1
            return self._receive(client, links, plan, self.chunk_bytes, at_once)
        except RangeIgnored:  # as one chunk, the file is fetched without asking for ranges
            # https://learn.microsoft.com/en-us/graph/api/driveitem-get-content#partial-range-downloads: the storage may
            # answer 200 with the whole file.
            return self._receive(client, links, plan, max(size, 1), 1)

    def _receive(self, client: Runner, links: Links, plan: Download, chunk_bytes: int, at_once: int) -> bool:
        item, size = links.current.item, links.current.size
        # The part file's name is made of it, so that bytes of another version are never continued.
        version = f"{item.drive_id}/{item.id}/{item.etag}"
        with PartFile(self.path, version, size, chunk_bytes=chunk_bytes, leftovers=self.leftovers) as part:
            client.meter.current.resumed(part.bytes_left_before)
            client.run_all([fetch(links, sink) for sink in part.sinks(at_once)], at_once)
            if plan.options.verify:
                check_hash(item, part.quick_xor_hash())
            client.check_owner()
            return part.publish(_modified_at(item), replace=plan.if_exists not in ("fail", "rename"))


@dataclass(frozen=True)
class StoredTarget:
    """An object of a store."""

    target: StoredObject

    def __str__(self) -> str:
        return without_credentials(str(self.target))

    def existing(self) -> Source | None:
        with explained(self):
            # fsspec caches listings, and another task may have written the object since.
            self.target.fs.invalidate_cache(self.target.path)
            return source_of(self.target) if self.target.fs.isfile(self.target.path) else None

    def renamed(self) -> Iterable[StoredTarget]:
        raise ConfigurationError(
            f"{self} is in an object store, where if_exists='rename' cannot be kept.", advice="Use another one."
        )

    def receive(self, client: Runner, links: Links, plan: Download) -> bool:
        with closing(new_object(self.target)) as output:
            _fetch_whole(client, links, output, verify=plan.options.verify)
            client.check_owner()
            output.commit()
        return True


def _fetch_whole(client: Runner, links: Links, output: Output, *, verify: bool = True) -> None:
    output.empty()
    sink = RangeSink(output, 0, links.current.size)
    client.run(fetch(links, sink))
    if verify:
        check_hash(links.current.item, sink.hash.base64())


def check_hash(item: DriveItem, quick_xor_hash: str) -> None:
    """Compare what came with what Graph has.

    :raises VerificationFailed: if they differ.
    """
    # Before 2023 Graph made no hash of an empty file (OD#1704); there is nothing to compare in one anyway.
    if item.quick_xor_hash and item.size and item.quick_xor_hash != quick_xor_hash:
        raise VerificationFailed(f"What came has the hash {quick_xor_hash}, and Graph says {item.quick_xor_hash}.")
    if not item.quick_xor_hash and item.size:
        log.info("Graph has no hash of %s; only its size was compared.", item.location)


def _modified_at(item: DriveItem) -> datetime | None:
    # The time that the uploading program set; the other is when the server stored it.
    return item.client_modified_at or item.modified_at
