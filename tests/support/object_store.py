"""An S3 of the tests' own: moto's server, reached through a connection as in real life."""

# ruff: noqa: PLC0415 - few tests need S3, and its libraries are slow to load

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from upath import UPath

CONN_ID = "s3_test"
BUCKET = "bucket"
_KEYS = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": "us-east-1"}


@dataclass
class ObjectStore:
    """One empty bucket. ``client`` is boto3's, which looks at it past Airflow and fsspec."""

    endpoint: str
    client: Any = field(repr=False)
    bucket: str = BUCKET

    def url(self, key: str) -> str:
        """Return the text an operator is given."""
        return f"s3://{CONN_ID}@{self.bucket}/{key}"

    def path(self, key: str, bucket: str = BUCKET) -> UPath:
        """Return an object's path as code without Airflow writes it."""
        from upath import UPath

        keys = {"key": _KEYS["aws_access_key_id"], "secret": _KEYS["aws_secret_access_key"]}
        return UPath(f"s3://{bucket}/{key}", endpoint_url=self.endpoint, **keys)

    def put(self, key: str, content: bytes) -> str:
        """Write an object, as somebody else would, and return its text."""
        self.client.put_object(Bucket=self.bucket, Key=key, Body=content)
        return self.url(key)

    def objects(self) -> dict[str, bytes]:
        """Return everything that is in the bucket."""
        found = self.client.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        return {one["Key"]: self._read(one["Key"]) for one in found}

    def unfinished(self) -> list[str]:
        """Return the keys of multipart uploads that were neither completed nor aborted."""
        found = self.client.list_multipart_uploads(Bucket=self.bucket).get("Uploads", [])
        return [one["Key"] for one in found]

    def _read(self, key: str) -> bytes:
        content: bytes = self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return content


@contextmanager
def s3_server() -> Iterator[str]:
    """Run the server on a free port and give its address."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        yield "http://{}:{}".format(*server.get_host_and_port())
    finally:
        server.stop()


def empty_store(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """Empty the server, make the bucket, and tell Airflow of it."""
    import boto3
    from moto.backends import get_backend

    _leave_the_users_aws_outside(monkeypatch)
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", _connection(endpoint))
    get_backend("s3").reset()
    forget_stores()
    client = boto3.client("s3", endpoint_url=endpoint, **_KEYS)
    client.create_bucket(Bucket=BUCKET)
    return ObjectStore(endpoint, client)


def forget_stores() -> None:
    """Forget the filesystems: each keeps its listings as long as the process lives."""
    import_module("s3fs").S3FileSystem.clear_instance_cache()
    if find_spec("airflow"):
        is_airflow_3 = find_spec("airflow.sdk") is not None
        import_module("airflow.sdk.io.store" if is_airflow_3 else "airflow.io.store")._STORE_CACHE.clear()


def _leave_the_users_aws_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)


def _connection(endpoint: str) -> str:
    extra = {"endpoint_url": endpoint, "region_name": _KEYS["region_name"]}
    login = {"login": _KEYS["aws_access_key_id"], "password": _KEYS["aws_secret_access_key"]}
    return json.dumps({"conn_type": "aws", **login, "extra": extra})
