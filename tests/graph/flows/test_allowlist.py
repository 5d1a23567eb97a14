"""Where a connection may read and write, with answers written by hand."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.flows.allowlist import AllowList
from airflow_provider_onedrive.graph.flows.resolver import Resolver
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError
from airflow_provider_onedrive.graph.protocol.models import DriveItem


def test_folders_that_hold_each_other_lie_nowhere(script: Any, samples: Any) -> None:
    """Should Graph ever send a loop of folders, the look for an allowed one ends."""
    settings = Settings.from_fields(
        {"auth": "access_token", "access_token": "t", "allowed_locations": '["drives/D/in"]'}
    )
    folders = {name: samples.folder(name, name) for name in "XY"}
    folders["X"]["parentReference"]["id"], folders["Y"]["parentReference"]["id"] = "Y", "X"
    select = "?$select=id,name,parentReference,root,folder,file,createdDateTime,lastModifiedDateTime"
    driver = script(
        ("GET /drives/D/root:/in", samples.ok(samples.folder("in", "IN"))),
        (f"GET /drives/D/items/Y{select}", samples.ok(folders["Y"])),
    )
    item = DriveItem.from_json(folders["X"], lambda *_: "drives/D/x")
    with pytest.raises(ConfigurationError, match="lies outside of the connection"):
        driver.run(AllowList(settings, Resolver(settings)).check_items([item]))
