"""The operation of a request and its cost."""

from __future__ import annotations

import pytest

from airflow_provider_onedrive.emulator.http.operations import OPERATIONS, operation, resource_units

DRIVE = "/v1.0/drives/b!1"


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", f"{DRIVE}/root", "get"),
        ("HEAD", f"{DRIVE}/items/01A", "get"),
        ("GET", f"{DRIVE}/root:/a/children", "get"),
        ("GET", f"{DRIVE}/root:/children:", "get"),
        ("GET", f"{DRIVE}/items/01A:/content", "get"),
        ("GET", f"{DRIVE}/root:/a:/children", "children"),
        ("POST", f"{DRIVE}/root/children", "create_folder"),
        ("GET", "/v1.0/me/drive/items/root/children", "children"),
        ("PUT", f"{DRIVE}/root:/a/b.csv:/content", "upload"),
        ("PUT", f"{DRIVE}/items/01A/content", "upload"),
        ("PUT", f"{DRIVE}/items/01A:/b.csv:/content", "upload"),
        ("PUT", f"{DRIVE}/items/01A/children/b.csv/content", "upload"),
        ("GET", f"{DRIVE}/root:/a:/content", "content"),
        ("POST", "/v1.0//drives/b!1/items/root:/sdk/big.bin:/createUploadSession", "create_session"),
        ("POST", f"{DRIVE}/items/01A/microsoft.graph.createUploadSession", "create_session"),
        ("PATCH", f"{DRIVE}/items/01A", "update"),
        ("DELETE", f"{DRIVE}/root:/a", "delete"),
        ("POST", f"{DRIVE}/items/01A/permanentDelete", "permanent_delete"),
        ("POST", "/_api/v2.0/drives/b!1/items/01A/copy", "copy"),
        ("GET", f"{DRIVE}/root/delta", "delta"),
        ("GET", f"{DRIVE}/items/root/delta(token='a/b')", "delta"),
        ("GET", f"{DRIVE}/root/search(q='a/b')", "search"),
        ("GET", "/v1.0/me/drive/search(q='x')", "search"),
        ("GET", f"{DRIVE}/items/01A/versions/1.0/content", "versions"),
        ("POST", f"{DRIVE}/items/01A/versions/1.0/restoreVersion", "change_versions"),
        ("POST", f"{DRIVE}/items/01A/createLink", "permissions"),
        ("DELETE", f"{DRIVE}/items/01A/permissions/x", "permissions"),
        ("GET", "/v1.0/me/drive/special/approot:/a.txt:/content", "content"),
        ("GET", "/v1.0/me/drive", "drive"),
        ("GET", "/v1.0/users/anna@contoso.example/drives", "drive"),
        ("GET", "/v1.0/users/root/drive", "drive"),
        ("GET", "/v1.0/sites/root", "site"),
        ("GET", "/v1.0/sites/host:/sites/x", "site"),
        ("GET", "/v1.0/shares/u!aHR0/driveItem", "get"),
        ("GET", "/v1.0/sites/x/lists/y/items/3/driveItem", "get"),
        ("GET", "/v1.0/sites/x/lists/y/items/3/driveItem/content", "content"),
        ("GET", f"{DRIVE}/items/01A/children('@a1')", "get"),
        ("PUT", f"{DRIVE}/items/01A/children('@a1')/content", "upload"),
        ("POST", f"{DRIVE}/items(''01A'')/children('a.csv')/createUploadSession", "create_session"),
        ("GET", "/v1.0/me/drive/sharedWithMe()", "shared_with_me"),
        ("GET", "/v1.0/me/drive/recent", "recent"),
        ("POST", "/v1.0/sites/x/permissions", "permissions"),
        ("GET", "/v1.0/shares/u!aHR0/driveItem/content", "content"),
        ("POST", "/v1.0/$batch", "batch"),
        ("POST", f"{DRIVE}/items/01A/unheard", "other"),
        ("GET", "/", "other"),
        ("GET", "/v1.0", "other"),
    ],
)
def test_graph(method, path, expected):
    """Names in the item's address are ignored; the segments after it decide."""
    assert operation(method, path, "graph") == expected


@pytest.mark.parametrize(
    ("method", "path", "origin", "expected"),
    [
        ("PUT", "/personal/a/_api/v2.0/drives/b/items/1/uploadSession", "store", "fragment"),
        ("GET", "/personal/a/_api/v2.0/drives/b/items/1/uploadSession", "store", "session_status"),
        ("DELETE", "/personal/a/_api/v2.0/drives/b/items/1/uploadSession", "store", "session_cancel"),
        ("POST", "/personal/a/_api/v2.0/drives/b/items/1/uploadSession", "store", "session_commit"),
        ("GET", "/personal/a/_layouts/15/download.aspx", "store", "download"),
        ("GET", "/_api/v2.0/monitor/1", "store", "monitor"),
        ("GET", "/personal/a/Documents/b", "store", "page"),
        ("POST", "/t/oauth2/v2.0/token", "login", "token"),
        ("GET", "/metadata/identity/oauth2/token", "login", "token"),
        ("POST", "/t/oauth2/v2.0/devicecode", "login", "device_code"),
        ("GET", "/t/v2.0/.well-known/openid-configuration", "login", "discovery"),
        ("GET", "/", "login", "login"),
        ("GET", "/", "elsewhere", "other"),
    ],
)
def test_other_origins(method, path, origin, expected):
    """Upload and download addresses and the login host have operations of their own."""
    assert operation(method, path, origin) == expected
    assert expected in OPERATIONS


@pytest.mark.parametrize(
    ("name", "query", "units"),
    [
        ("get", "", 1),
        ("download", "", 1),
        ("children", "", 2),
        ("upload", "", 2),
        ("fragment", "", 2),
        ("delta", "", 2),
        ("delta", "$top=5&token=x", 1),
        ("permissions", "", 5),
        ("get", "$expand=permissions", 5),
        ("children", "%24expand=children%2Cpermissions", 5),
        ("get", "$select=permissions", 1),
        ("token", "", 0),
        ("batch", "", 0),
    ],
)
def test_resource_units(name, query, units):
    """One item costs 1, many or a change 2, permissions 5; a delta with a token costs less than the first one."""
    assert resource_units(name, query) == units
