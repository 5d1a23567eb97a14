"""Ranges of one version of a file, in any order, for programs that read as they need."""

from __future__ import annotations

from airflow_provider_onedrive.graph.content.sinks import RangeSink
from airflow_provider_onedrive.graph.flows.downloads import Link, Links, fetch
from airflow_provider_onedrive.graph.protocol.addresses import Address
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.graph.transfers.download import Runner, check_hash


class RangeReader:
    """Fetches ranges of the version of a file that a link is of; an expired link is renewed.

    :param client: of this process; after a fork the child gives it one of its own.
    :param link: with its URL and the size of the file, as :func:`resolve` returns it.
    """

    def __init__(self, client: Runner, address: Address, link: Link) -> None:
        self.client = client
        self._links = Links(address, link)
        self.item: DriveItem = link.item
        self.size = link.size

    def read(self, start: int, end: int) -> bytes:
        """Fetch the bytes from ``start`` to ``end``, as far as the file has them.

        :raises SourceChanged: if the file has become another version: bytes of two are never mixed.
        :raises ItemNotFound: if it has been deleted.
        """
        start, end = max(start, 0), min(end, self.size)
        if start >= end:
            return b""
        output = _Buffer(start, end - start)
        is_whole = end - start == self.size
        sink = RangeSink(output, start, end - start, is_whole=is_whole)
        self.client.run(fetch(self._links, sink))
        if is_whole:  # the only range that Graph has a hash of
            check_hash(self.item, sink.hash.base64())
        return bytes(output.content)


class _Buffer:
    """A part of a file in memory."""

    def __init__(self, start: int, length: int) -> None:
        self._start = start
        self.content = bytearray(length)

    def write_at(self, offset: int, piece: bytes) -> None:
        begin = offset - self._start
        self.content[begin : begin + len(piece)] = piece

    def empty(self) -> None:
        """Nothing is to be done: each byte is written again."""
