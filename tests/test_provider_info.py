"""What Airflow is told about this provider."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import airflow
import jsonschema  # type: ignore[import-untyped]
import pytest
from airflow.cli import cli_parser
from airflow.providers.common.compat.sdk import redact
from airflow.providers_manager import ProvidersManager
from patience import HANG_SECONDS

from airflow_provider_onedrive.get_provider_info import get_provider_info
from airflow_provider_onedrive.graph.auth.permissions import NEEDS
from airflow_provider_onedrive.graph.config.settings import AUTH_KINDS, FIELDS, Settings
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError
from airflow_provider_onedrive.operators import onedrive as operators
from airflow_provider_onedrive.sensors.onedrive import OneDriveFileSensor

INFO: dict[str, Any] = get_provider_info()
FORM = INFO["connection-types"][0]


def test_it_satisfies_airflows_schema() -> None:
    """The dict is valid by the schema that Airflow itself checks it with."""
    schema = json.loads(Path(airflow.__file__).with_name("provider_info.schema.json").read_text())
    jsonschema.validate(INFO, schema)


def test_reading_it_imports_nothing() -> None:
    """Every Airflow process reads the dict, so reading it loads no other module of ours and no library."""
    code = (
        "import sys; before = set(sys.modules)\n"
        "from airflow_provider_onedrive.get_provider_info import get_provider_info; get_provider_info()\n"
        "print(*sorted(name for name in set(sys.modules) - before if not name.startswith('_')))"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=HANG_SECONDS
    ).stdout
    ours = ["airflow_provider_onedrive", "airflow_provider_onedrive.get_provider_info"]
    assert [name for name in out.split() if name != "__future__"] == ours


@pytest.mark.parametrize(
    "module",
    [
        module
        for kind in ("hooks", "operators", "sensors", "triggers")
        for entry in INFO[kind]
        for module in entry["python-modules"]
    ],
)
def test_every_module_in_it_can_be_imported(module: str) -> None:
    """A module that the dict names exists."""
    assert importlib.import_module(module).__doc__


def test_the_hook_class_is_the_one_named() -> None:
    """The hook agrees with the dict about the connection type and the name in the form."""
    module, _, name = FORM["hook-class-name"].rpartition(".")
    hook = getattr(importlib.import_module(module), name)
    assert (hook.conn_type, hook.hook_name) == (FORM["connection-type"], FORM["hook-name"])
    assert hook(**{hook.conn_name_attr: "other"}).onedrive_conn_id == "other"


@pytest.mark.parametrize("name", sorted(FORM["conn-fields"]))
def test_a_field_of_the_form_is_understood_by_the_client(name: str) -> None:
    """The form offers no field that the connection would be refused for as unknown, and leaves out none."""
    said = ""
    try:
        Settings.from_fields({"client_id": "id", "client_secret": "secret", "tenant_id": "t", name: "text"})
    except ConfigurationError as error:
        said = str(error)
    assert "unknown" not in said
    assert set(FORM["conn-fields"]) | {"client_id", "client_secret"} == set(FIELDS)


def test_the_form_knows_every_kind_of_identity() -> None:
    """And an empty choice, as Airflow saves it."""
    assert FORM["conn-fields"]["auth"]["schema"]["enum"] == [*AUTH_KINDS, None]


def test_every_field_has_a_label_a_help_text_and_may_be_empty() -> None:
    """A field without "null" in its type is one that Airflow's form insists on."""
    for name, described in FORM["conn-fields"].items():
        assert described["label"], name
        assert described["description"].endswith("."), name
        assert "null" in described["schema"]["type"], name


def test_only_secrets_are_password_fields() -> None:
    """What authenticates is shown as a password; a proxy's address may hold one."""
    secret = {name for name, it in FORM["conn-fields"].items() if it["schema"].get("format") == "password"}
    keys = {"certificate_private_key", "certificate_private_key_passphrase"}
    assert secret == keys | {"access_token", "refresh_token", "proxy"}


def test_the_rest_api_hides_what_is_secret() -> None:
    """Airflow redacts fields of the extra by their names."""
    names = {name for name, it in FORM["conn-fields"].items() if it["schema"].get("format") == "password"} - {"proxy"}
    shown = redact(dict.fromkeys(names, "SECRET"))
    assert "SECRET" not in str(shown)


def test_the_entry_point_leads_to_it() -> None:
    """Airflow finds the dict by the entry point of the installed package."""
    found = [point for point in entry_points(group="apache_airflow_provider") if "onedrive" in point.value]
    assert [point.load()() for point in found] == [INFO]


def test_airflow_lists_the_provider(capsys: pytest.CaptureFixture[str]) -> None:
    """``airflow providers list`` shows the provider."""
    command = cli_parser.get_parser().parse_args(["providers", "list", "-o", "json"])
    command.func(command)
    listed = json.loads(capsys.readouterr().out)
    assert "airflow-provider-onedrive" in [provider["package_name"] for provider in listed]


def test_airflow_knows_the_defaults_of_the_configuration() -> None:
    """The options of ``[onedrive]`` are declared, with defaults that trust nobody."""
    configs = ProvidersManager().provider_configs  # type: ignore[no-untyped-call]
    options = dict(configs)["airflow-provider-onedrive"]["onedrive"]["options"]
    assert {name: option["default"] for name, option in options.items()} == {
        "trusted_hosts": "",
        "allow": "",
        "allowed_tenants": "",
        "require_allowed_locations": "False",
        "max_delete": "",
        "log_names": "full",
        "token_file_roots": "/var/run/secrets",
        "token_cache_folder": "",
        "refresh_token_folder": "",
        "documents_folder": "",
        "documents_retention_days": "30",
        "cool_down_folder": None,
        "resume_directory": "",
    }


@pytest.mark.airflow3
def test_the_api_server_shows_the_form() -> None:
    """What ``GET /ui/connections/hook_meta`` answers with holds the form; ``make test-browser`` opens it."""
    from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService  # noqa: PLC0415 - Airflow 3

    answer = [meta.model_dump(mode="json") for meta in HookMetaService.hook_meta_data()]
    [meta] = [meta for meta in answer if meta["connection_type"] == "onedrive"]
    assert meta["hook_name"] == "Microsoft OneDrive"
    assert set(meta["extra_fields"]) == set(FORM["conn-fields"])
    assert meta["standard_fields"]["login"]["title"] == "Client ID"
    assert meta["standard_fields"]["host"]["hidden"]


def test_permissions_name_every_operator_and_the_sensor() -> None:
    """The table of permissions leaves no class out."""
    named = {name for need in NEEDS for name in need.by}
    assert named == {*operators.__all__, OneDriveFileSensor.__name__}
