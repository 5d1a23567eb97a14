"""What docs/connection.md, docs/locations.md and docs/command-line.md show is done here, word by word."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from signing_in import login

from airflow_provider_onedrive import cli
from airflow_provider_onedrive.commands import running
from airflow_provider_onedrive.get_provider_info import get_provider_info
from airflow_provider_onedrive.graph.protocol.location_parser import LocationParser
from airflow_provider_onedrive.hooks.onedrive import OneDriveHook
from airflow_provider_onedrive.verification import table

DOCS = Path(__file__).parents[1] / "docs"
CONNECTION = (DOCS / "connection.md").read_text(encoding="utf-8")


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def section(name):
    """Return the part of the page about one kind of identity."""
    return re.search(rf"^## `{name}`\n(.*?)^## ", CONNECTION, re.DOTALL | re.MULTILINE).group(1)


@pytest.fixture
def at_the_emulator(onedrive_emulator, monkeypatch, tmp_path):
    """Put the emulator's values in the place of what the page leaves open, and its addresses beside them."""
    for variable in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_AUTHORITY_HOST"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)

    def fill(text, **values):
        known = {
            "<client-id>": onedrive_emulator.client_id,
            "<client-secret>": onedrive_emulator.client_secret,
            "<tenant-id>": onedrive_emulator.tenant_id,
            "<path>": str(tmp_path),
            **{f"<{name.replace('_', '-')}>": value for name, value in values.items()},
        }
        for name, value in known.items():
            text = text.replace(name, value)
        return text

    def connect(text, **values):
        connection = json.loads(fill(text, **values))
        network = ("graph_url", "authority_url", "ca_certificate")
        connection["extra"] |= {name: getattr(onedrive_emulator, name) for name in network}
        monkeypatch.setenv("AIRFLOW_CONN_FROM_THE_PAGE", json.dumps(connection))
        with OneDriveHook("from_the_page").get_conn() as client:
            client.save("myfiles/page.txt", content=b"from the page")
            return client.settings.auth

    connect.fill = fill
    return connect


def test_the_users_of_the_page_are_those_of_the_emulator(onedrive_emulator):
    """Or nothing on it could be followed."""
    assert onedrive_emulator.users[0] == "anna@contoso.example"


def test_a_client_secret(at_the_emulator):
    """As the page has it."""
    assert at_the_emulator(blocks(section("client_secret"), "json")[0]) == "client_secret"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the page's command needs openssl")
def test_a_certificate(at_the_emulator, onedrive_emulator, tmp_path):
    """The pair is made by the page's command, and its public part is what the app registration gets."""
    (command,) = blocks(section("certificate"), "sh")
    subprocess.run(shlex.split(command), cwd=tmp_path, check=True, capture_output=True)
    onedrive_emulator.application.add_certificate((tmp_path / "certificate.pem").read_text())
    assert at_the_emulator(blocks(section("certificate"), "json")[0]) == "certificate"


def test_a_workload_identity(at_the_emulator, onedrive_emulator, monkeypatch, tmp_path):
    """The variables are those that the page names, as a cluster sets them."""
    (tmp_path / "token").write_text(onedrive_emulator.federated_token())
    values = {
        "AZURE_CLIENT_ID": onedrive_emulator.client_id,
        "AZURE_TENANT_ID": onedrive_emulator.tenant_id,
        "AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "token"),
        "AZURE_AUTHORITY_HOST": onedrive_emulator.authority_url,
    }
    for name, value in values.items():
        assert f"`{name}`" in section("federated")
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AIRFLOW__ONEDRIVE__TOKEN_FILE_ROOTS", str(tmp_path))
    assert at_the_emulator(blocks(section("federated"), "json")[0]) == "federated"


def test_a_managed_identity(at_the_emulator, onedrive_emulator, monkeypatch):
    """The machine answers, and the connection holds nothing."""
    for name, value in onedrive_emulator.managed_identity_environment.items():
        monkeypatch.setenv(name, value)
    assert at_the_emulator(blocks(section("managed_identity"), "json")[0]) == "managed_identity"


@pytest.mark.usefixtures("airflow_db")
def test_a_refresh_token(at_the_emulator, onedrive_emulator, monkeypatch, tmp_path):
    """The two commands of the page, and then the connection that it shows."""
    onedrive_emulator.options.rotate_refresh_tokens = False  # as the service, which lets the old ones live
    (tmp_path / "ca.pem").write_text(onedrive_emulator.ca_certificate)
    monkeypatch.setenv("AIRFLOW__ONEDRIVE__TRUSTED_HOSTS", "localhost")
    signing_in, listing = blocks(section("refresh_token"), "sh")[0].splitlines()
    network = f"--graph-url {onedrive_emulator.graph_url} --authority-url {onedrive_emulator.authority_url}"
    line = at_the_emulator.fill(f"{signing_in} {network} --ca-certificate {tmp_path}/ca.pem")
    assert login(onedrive_emulator, shlex.split(line)[2:])[0] == 0
    assert cli.main(shlex.split(at_the_emulator.fill(listing))[1:]) == 0
    token = json.loads((tmp_path / "connection.json").read_text())["extra"]["refresh_token"]
    assert at_the_emulator(blocks(section("refresh_token"), "json")[0], refresh_token=token) == "refresh_token"


def test_an_access_token(at_the_emulator, onedrive_emulator):
    """Of a person, whose own drive it is."""
    token = onedrive_emulator.token(onedrive_emulator.users[0])
    assert at_the_emulator(blocks(section("access_token"), "json")[0], access_token=token) == "access_token"


def test_every_kind_and_every_field_is_on_the_page():
    """The page names what the form has, and nothing else."""
    fields = get_provider_info()["connection-types"][0]["conn-fields"]
    kinds = [kind for kind in fields["auth"]["schema"]["enum"] if kind]
    assert re.findall(r"^## `(\w+)`$", CONNECTION, re.MULTILINE) == kinds
    for name in fields:
        assert f"`{name}`" in CONNECTION or f'"{name}"' in CONNECTION, name


def test_every_location_of_the_page_is_understood():
    """And is read as the place that the page says."""
    shown = re.findall(r"^\| `([^`]+)` \|", (DOCS / "locations.md").read_text(encoding="utf-8"), re.MULTILINE)
    parser = LocationParser("error")
    parsed = [parser.parse(location.replace("<", "").replace(">", "")) for location in shown]
    roots = ["myfiles", "shared", "users", "groups", "drives", "items", "sites", "sites", "https:", *["sites"] * 3]
    assert [location.root for location in parsed] == roots
    assert [location.is_folder for location in parsed[8:]] == [True, False, True, True]


def test_every_address_of_the_page_is_understood():
    """And means the location beside it."""
    page = (DOCS / "locations.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| [^|`]+ \| `(https:[^`]+)` \| `([^`]+)` \|$", page, re.MULTILINE)
    parser = LocationParser("error")
    assert len(rows) == 8
    for address, location in rows:
        assert parser.parse(address) == parser.parse(location)


def test_the_commands_run(onedrive_emulator, tmp_path, monkeypatch, capsys):
    """One after the other, in one folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "report.csv").write_text("a,b\n1,2\n")
    (commands,) = blocks((DOCS / "command-line.md").read_text(encoding="utf-8"), "sh")
    for line in commands.splitlines():
        assert cli.main(shlex.split(line)[1:]) == 0, (line, capsys.readouterr())
    assert (tmp_path / "downloads/Reports/report.csv").read_text() == "a,b\n1,2\n"
    assert onedrive_emulator.drive().paths() == [
        *("Copies/", "Copies/report.csv", "Reports/", "Reports/report.csv"),
    ]


def test_comparison_of_the_page_runs(onedrive_emulator, tmp_path, monkeypatch, capsys):
    """With two of the cases; all are played by tests/verification."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        table, "CASES", [each for each in table.CASES if each.name in ("upload_empty", "event_loop_reads")]
    )
    (commands,) = blocks((DOCS / "verify.md").read_text(encoding="utf-8"), "sh")
    assert cli.main(shlex.split(commands)[1:]) == 0, capsys.readouterr()
    assert json.loads((tmp_path / "report.json").read_text())["counts"] == {"as expected": 2}
    assert onedrive_emulator.drive().paths() == []


def test_the_exit_codes_of_the_page():
    """The table is the program's."""
    page = (DOCS / "command-line.md").read_text(encoding="utf-8")
    shown = [int(number) for number in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)]
    names = ("FAILED", "USAGE", "MISSING", "REFUSED", "BUSY", "UNWELL", "INTERRUPTED")
    assert shown == [0, *(getattr(running, name) for name in names)]
