"""A manifest as a Parquet file: a row for each item, and the head in the file's metadata.

Needs pyarrow, which comes with the extra ``parquet``. https://arrow.apache.org/docs/python/parquet.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, BinaryIO

from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError

_HEAD = b"onedrive-manifest"
_BATCH_ROWS = 5000
_MAX_HEAD_BYTES = 2**31 - 1
_TEXTS = (
    *("location", "drive_id", "id", "name", "path", "etag", "ctag", "mime_type", "quick_xor_hash", "web_url"),
    *("parent_id", "drive_type", "package_type"),
)
_TIMES = ("created_at", "modified_at", "client_modified_at")
_FLAGS = ("is_folder", "is_root", "is_shortcut")


def write(file: BinaryIO, head: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a whole file.

    :param rows: as in JSON Lines, but for the times, which are aware datetimes.
    :raises ConfigurationError: if pyarrow is not there.
    """
    pa, parquet = _pyarrow()
    schema = _schema(pa).with_metadata({_HEAD: json.dumps(head).encode()})
    waiting = iter(rows)
    with parquet.ParquetWriter(file, schema) as writer:
        while batch := list(islice(waiting, _BATCH_ROWS)):
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))


def read(file: BinaryIO) -> tuple[Any, Iterator[dict[str, Any]]]:
    """Read the head, and the rows as they are asked for.

    :raises ValueError: if it is no such file.
    :raises ConfigurationError: if pyarrow is not there.
    """
    _, parquet = _pyarrow()
    # The head can be long, as it holds the last changes. Of itself pyarrow refuses a text of more than 100 MB.
    whole = parquet.ParquetFile(file, thrift_string_size_limit=_MAX_HEAD_BYTES)
    head = json.loads((whole.schema_arrow.metadata or {}).get(_HEAD, b"null"))
    return head, (row for batch in whole.iter_batches(_BATCH_ROWS) for row in batch.to_pylist())


def _schema(pa: Any) -> Any:
    return pa.schema(
        [
            *((name, pa.string()) for name in _TEXTS),
            # Microseconds, as Python's datetime has them; Graph keeps whole seconds.
            *((name, pa.timestamp("us", tz="UTC")) for name in _TIMES),
            *((name, pa.bool_()) for name in _FLAGS),
            ("size", pa.int64()),
            ("child_count", pa.int64()),
            ("hashes", pa.map_(pa.string(), pa.string())),
        ]
    )


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa  # noqa: PLC0415 - slow, and not needed for anything else
        from pyarrow import parquet  # noqa: PLC0415 - as above
    except ImportError:
        raise ConfigurationError(
            "A manifest whose name ends in .parquet needs pyarrow.",
            advice="pip install pyarrow (the extra parquet brings it), or let the name end in .jsonl.",
        ) from None
    return pa, parquet
