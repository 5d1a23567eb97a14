"""A secret of the storage options stays in the process and in no text."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.filesystem import OneDriveFileSystem
from airflow_provider_onedrive.filesystem.options import without_secrets
from airflow_provider_onedrive.graph import ConfigurationError


def test_options_are_shown_without_secrets(fs: OneDriveFileSystem, onedrive_emulator: Emulator) -> None:
    """fsspec, pandas and dask write them into logs and files."""
    for shown in (str(fs.storage_options), repr(fs), fs.to_json(), repr(fs.options), fs.fsid):
        assert onedrive_emulator.client_secret not in shown
    assert fs.storage_options["client_secret"] == "***"


def test_filesystem_with_a_secret_is_not_pickled(make_fs: Callable[..., OneDriveFileSystem]) -> None:
    """The advice is to name a connection; one without a secret is pickled and works the same."""
    with pytest.raises(ConfigurationError, match="conn_id"):
        pickle.dumps(make_fs())
    fs = OneDriveFileSystem("finance", permanent=True)
    again = pickle.loads(pickle.dumps(fs))
    assert (again == fs, again.options) == (True, fs.options)
    assert copy.deepcopy(fs) == fs


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("client_secret", "S"),
        ("refresh_token", "S"),
        ("access_token", "S"),
        ("certificate_private_key", "S"),
        ("certificate_private_key_passphrase", "S"),
        ("proxy", "http://user:password@proxy.example"),
        ("myfiles", "https://contoso.sharepoint.com/:f:/s/Finance/EabcS"),
        ("shared", {"team": "https://contoso.sharepoint.com/:f:/s/Finance/EabcS"}),
    ],
)
def test_field_is_hidden(name: str, value: Any) -> None:
    """Also a sharing link, which opens what it names to everybody."""
    assert without_secrets({name: value, "tenant_id": "contoso.example"}) == {
        name: "***",
        "tenant_id": "contoso.example",
    }


def test_making_a_filesystem_asks_nobody(onedrive_emulator: Emulator, fields: dict[str, Any]) -> None:
    """Neither do its paths."""
    fs = OneDriveFileSystem(skip_instance_cache=True, **fields)
    assert fs._strip_protocol("onedrive://myfiles/a.csv") == "myfiles/a.csv"
    assert (fs.unstrip_protocol("myfiles/a.csv"), fs._parent("myfiles/a.csv")) == (
        "onedrive://myfiles/a.csv",
        "myfiles",
    )
    assert onedrive_emulator.requests == []


def test_connection_without_airflow_is_explained() -> None:
    """Where Airflow is not installed, as in this environment."""
    with pytest.raises(ConfigurationError, match="cannot be imported"):
        OneDriveFileSystem("finance").exists("myfiles/a.csv")
