"""How a file comes to the local disk, or to an object store: whole, verified, and under its name only then."""

from __future__ import annotations

import logging
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
from airflow_provider_onedrive.graph.flows.downloads import Link, Links, fetch, resolve
from airflow_provider_onedrive.graph.flows.upload_plan import CONFLICTS, check_etag
from airflow_provider_onedrive.graph.protocol.errors import (
    ConfigurationError,
    LocalFileError,
    SourceChanged,
    VerificationFailed,
)
from airflow_provider_onedrive.graph.protocol.locations import Address
from airflow_provider_onedrive.graph.protocol.messages import Flow, T
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.graph.transfers.progress import Meter

log = logging.getLogger(__name__)

PARALLEL_BYTES = 256 * 1024 * 1024
"""From this size on several ranges are fetched at once: one connection may be slower than the line."""
RANGES_AT_ONCE = 3  # on two processors a fourth made it slower: its thread takes more time from the others than it adds

_VERSIONS = 3
_MISMATCHES = 2
_RENAMES = 1000


class Runner(Protocol):
    """What of a client is needed."""

    @property
    def meter(self) -> Meter: ...
    def run(self, flow: Flow[T], /) -> T: ...
    def run_all(self, flows: Sequence[Flow[None]], at_once: int, /) -> None: ...


@dataclass(frozen=True)
class DownloadOptions:
    """How a file is fetched.

    :param expected_etag: the version that is wanted; None takes any.
    :param if_exists: what happens to a local file of that name: ``replace``, ``fail``, ``rename`` ("a 1.csv"),
        ``skip``, or ``skip_if_same`` (same size and hash; else it is replaced).
    :param verify: compare the hash of what came with Graph's.
    :param retrying: an earlier try of the same task may have done it: the same content there is success.
    """

    expected_etag: str | None = None
    if_exists: str = "replace"
    verify: bool = True
    retrying: bool = False

    def check(self) -> None:
        """Refuse what cannot be meant.

        :raises ConfigurationError: naming the parameter.
        """
        check_etag(self.expected_etag)
        if self.if_exists not in CONFLICTS:
            raise ConfigurationError(f"if_exists is {self.if_exists!r}.", advice=f"Use one of {', '.join(CONFLICTS)}.")


class Target(Protocol):
    """Where the copy will be."""

    def __str__(self) -> str: ...
    def existing(self) -> Source | None:
        """Look at what is there now."""

    def receive(self, client: Runner, links: Links, options: DownloadOptions) -> bool:
        """Fetch the file and let it appear; False where the name is taken meanwhile."""

    def renamed(self) -> Iterable[Target]:
        """Give other names: ``a 1.csv``, ``a 2.csv`` and so on."""


def target_of(local_path: str | os.PathLike[str] | StoredObject, name: str) -> Target:
    """Say where a file of that name goes.

    :raises LocalFileError: if nothing can be written there.
    """
    if not is_stored(local_path):
        return LocalTarget(local_target(local_path, name))
    if "file" in protocols_of(local_path):
        return LocalTarget(local_target(local_path.path, name))
    return StoredTarget(local_path)


def download(client: Runner, address: Address, target: Target, link: Link, options: DownloadOptions) -> DriveItem:
    """Bring a file to its target.

    :param link: as :func:`resolve` gave it.
    """
    with client.meter.measured(""):  # of what an earlier try left of this file, the last word counts
        return _anew(client, Links(address, link), lambda links: _placed(client, links, target, options), options)


def read(client: Runner, address: Address, place: Output) -> None:
    """Bring a file's bytes to a place that nobody else sees."""
    links = Links(address, client.run(resolve(address)))
    _anew(client, links, lambda links: _fetch_whole(client, links, place), DownloadOptions())


def _anew(client: Runner, links: Links, fetch_once: Callable[[Links], T], options: DownloadOptions) -> T:
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
        links = Links(links.address, client.run(resolve(links.address, expected_etag=options.expected_etag)))


def _placed(client: Runner, links: Links, target: Target, options: DownloadOptions) -> DriveItem:
    item = links.current.item
    for place in _candidates(target, options):
        there = None if options.if_exists == "replace" else place.existing()
        if there is not None and (outcome := _outcome(there, item, options)):
            return replace(item, outcome=outcome, local_path=str(place))
        is_taken = there is not None and options.if_exists in ("fail", "rename")
        if not is_taken and place.receive(client, links, options):
            return replace(item, outcome="renamed" if place is not target else None, local_path=str(place))
    raise LocalFileError(f"{target} exists.", advice="Choose another name, or if_exists='replace' or 'rename'.")


def _candidates(target: Target, options: DownloadOptions) -> Iterator[Target]:
    others = target.renamed() if options.if_exists == "rename" else ()
    yield target
    yield from others


def _outcome(there: Source, item: DriveItem, options: DownloadOptions) -> str | None:
    """Say why nothing is to be fetched; None where it is."""
    if options.if_exists == "skip" or (options.if_exists == "skip_if_same" and _is_same(there, item)):
        return "skipped"
    is_ours = options.retrying and options.if_exists in ("fail", "rename") and _is_same(there, item)
    return "already_there" if is_ours else None


def _is_same(there: Source, item: DriveItem) -> bool:
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

    def receive(self, client: Runner, links: Links, options: DownloadOptions) -> bool:
        size = links.current.item.size
        try:
            at_once = RANGES_AT_ONCE if size >= self.parallel_bytes else 1
            return self._receive(client, links, options, self.chunk_bytes, at_once)
        except RangeIgnored:  # as one chunk, the file is fetched without asking for ranges
            return self._receive(client, links, options, max(size, 1), 1)

    def _receive(self, client: Runner, links: Links, options: DownloadOptions, chunk_bytes: int, at_once: int) -> bool:
        item = links.current.item
        version = f"{item.drive_id}/{item.id}/{item.etag}"
        with PartFile(self.path, version, item.size, chunk_bytes=chunk_bytes, leftovers=self.leftovers) as part:
            client.meter.current.resumed(part.bytes_left_before)
            client.run_all([fetch(links, sink) for sink in part.sinks(at_once)], at_once)
            if options.verify:
                check_hash(item, part.quick_xor_hash())
            return part.publish(_modified_at(item), replace=options.if_exists not in ("fail", "rename"))


@dataclass(frozen=True)
class StoredTarget:
    """An object of a store."""

    place: StoredObject

    def __str__(self) -> str:
        return without_credentials(str(self.place))

    def existing(self) -> Source | None:
        with explained(self):
            self.place.fs.invalidate_cache(self.place.path)
            return source_of(self.place) if self.place.fs.isfile(self.place.path) else None

    def renamed(self) -> Iterable[StoredTarget]:
        raise ConfigurationError(
            f"{self} is in an object store, where if_exists='rename' cannot be kept.", advice="Use another one."
        )

    def receive(self, client: Runner, links: Links, options: DownloadOptions) -> bool:
        with closing(new_object(self.place)) as place:
            _fetch_whole(client, links, place, verify=options.verify)
            place.commit()
        return True


def _fetch_whole(client: Runner, links: Links, place: Output, *, verify: bool = True) -> None:
    place.empty()
    sink = RangeSink(place, 0, links.current.item.size)
    client.run(fetch(links, sink))
    if verify:
        check_hash(links.current.item, sink.hash.base64())


def check_hash(item: DriveItem, found: str) -> None:
    """Compare what came with what Graph has.

    :raises VerificationFailed: if they differ.
    """
    if item.quick_xor_hash and item.size and item.quick_xor_hash != found:
        raise VerificationFailed(f"What came has the hash {found}, and Graph says {item.quick_xor_hash}.")
    if not item.quick_xor_hash and item.size:
        log.info("Graph has no hash of %s; only its size was compared.", item.location)


def _modified_at(item: DriveItem) -> datetime:
    return item.client_modified_at or item.modified_at
