"""The comparison: what it plays, what it says, and that nothing of it stays."""

from __future__ import annotations

import json
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

import pytest
from verifying import PATIENCE, connections_of, settings_of

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.emulator.faults import Fault, status
from airflow_provider_onedrive.graph.call_advice import PUBLIC_METHODS
from airflow_provider_onedrive.graph.client import AsyncClient, Client
from airflow_provider_onedrive.graph.config.deployment import DeploymentPolicy
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError, LocationError, NameAlreadyExists
from airflow_provider_onedrive.verification.comparison import Comparison
from airflow_provider_onedrive.verification.finding import Finding
from airflow_provider_onedrive.verification.report import report_of
from airflow_provider_onedrive.verification.run import FOLDER_PREFIX, Run, target_of
from airflow_provider_onedrive.verification.table import CASES

SHARING = frozenset({"sharing"})
# The others are played by tests/emulator/test_recorded.py too.
KINDS = ["business", *(pytest.param(kind, marks=pytest.mark.full) for kind in ("personal", "library"))]


@dataclass(frozen=True)
class Interrupt(Fault):
    """Sends the main thread a Ctrl-C while it waits for the answer."""

    def before(self, *_: object) -> None:
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)


@dataclass
class Played:
    """A run over all cases.

    :param calls: by case, the methods of the clients that were called in it.
    """

    emulator: Emulator
    comparison: Comparison
    findings: list[Finding] = field(default_factory=list)
    calls: dict[str, set[str]] = field(default_factory=dict)


@pytest.fixture(scope="module", params=KINDS)
def played(request: pytest.FixtureRequest) -> Iterator[Played]:
    """An application in a drive and in a library, and a user with a personal drive."""
    is_personal = request.param == "personal"
    personality: Any = "personal" if is_personal else "business"
    with (
        Emulator(personality=personality, sites={"/sites/Finance": ()}) as emulator,
        pytest.MonkeyPatch.context() as changes,
    ):
        emulator.drive().put("Secret plans/of Anna.txt", b"x")
        connection: dict[str, Any] = {}
        if is_personal:
            token = emulator.token(emulator.users[0], permissions=("Files.ReadWrite.All",))
            connection = dict.fromkeys(("client_id", "client_secret", "tenant_id", "myfiles"))
            connection |= {"auth": "access_token", "access_token": token}
        connections = connections_of(settings_of(emulator, **connection))
        location = (
            f"drives/{emulator.drive('sites/Finance').id}/" if request.param == "library" else "myfiles/Secret plans"
        )
        target = target_of(connections.client, location)
        whole = Played(emulator, Comparison(connections, target, CASES, needs=SHARING, patience=PATIENCE))
        calls: set[str] = set()
        for client, prefix in ((Client, ""), (AsyncClient, "AsyncClient.")):
            for name in set(PUBLIC_METHODS) & set(dir(client)):
                if hasattr(client, name):
                    changes.setattr(client, name, counted(getattr(client, name), prefix + name, calls))
        for finding in whole.comparison.findings():
            whole.findings.append(finding)
            whole.calls[finding.case.name] = set(calls)
            calls.clear()
        yield whole
        connections.client.close()


def counted(method: Any, name: str, calls: set[str]) -> Any:
    @wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        calls.add(name)
        return method(*args, **kwargs)

    return call


def test_same_drive_is_as_expected(played):
    """Each case that its kind has; only the large file is not asked for."""
    skipped = {each.case.name for each in played.findings if each.result == "skipped"}
    kind = played.comparison.target.drive_type
    assert skipped == {each.name for each in CASES if each.needs == "large" or kind not in each.drives}
    results = {each.case.name: (each.result, each.differences) for each in played.findings if each.result != "skipped"}
    assert results == dict.fromkeys(results, ("as expected", []))
    assert len(results) >= 95


def test_nothing_stays(played):
    """What was there is as before, and the folder lies in the recycle bin."""
    assert played.emulator.drive().tree() == "Secret plans/\n  of Anna.txt"
    assert played.comparison.left == []
    bins = [*played.emulator.drive().recycle_bin, *played.emulator.drive("sites/Finance").recycle_bin]
    assert any(FOLDER_PREFIX in path for path in bins)


def test_each_case_calls_what_it_covers(played):
    """What the table says is what happens."""
    missing = {each.case.name: set(each.case.covers) - played.calls[each.case.name] for each in played.findings}
    assert {name: methods for name, methods in missing.items() if methods and played.calls[name]} == {}


def test_report_names_nobody(played):
    """Neither ids nor names nor secrets of the emulator's, and no text of its that is not a case's."""
    emulator, target = played.emulator, played.comparison.target
    text = json.dumps(report_of(played.comparison, played.findings, is_complete=True))
    hidden = [
        *(
            "anna",
            "contoso",
            "Secret plans",
            "of Anna",
            "localhost",
            "127.0.0.1",
            "tempauth=",
            "Bearer",
            "https://",
            "eyJ",
        ),
        *(emulator.tenant_id, emulator.client_id, emulator.client_secret, emulator.users[0], target.folder.drive_id),
        *(target.folder.id, target.name, emulator.drive().id, emulator.drive("sites/Finance").id),
    ]
    assert [each for each in hidden if each.lower() in text.lower()] == []
    # No id of any form, whatever it belongs to.
    assert re.findall(r"b![\w-]{30,}|\b01[A-Z2-7]{32}\b|[0-9a-f]{8}-[0-9a-f]{4}-|[0-9A-Fa-f]{16}!", text) == []


def test_every_method_has_a_case():
    """Of both clients; a new method needs one."""
    covered = {method for each in CASES for method in each.covers}
    own = {name for name in PUBLIC_METHODS if hasattr(Client, name)}
    others = {f"AsyncClient.{name}" for name in PUBLIC_METHODS if hasattr(AsyncClient, name) and name != "stop"}
    assert own | others == covered


def test_cases_have_names_of_their_own():
    """And a title each, that ends without a full stop."""
    assert len({each.name for each in CASES}) == len({each.title for each in CASES}) == len(CASES) >= 80
    assert [each.name for each in CASES if not each.title or each.title.endswith(".")] == []


@pytest.mark.full
def test_large_file(compare):
    """100 MB, only if it is asked for."""
    (finding,) = compare("upload_large", needs=frozenset({"large"})).findings()
    assert finding.result == "as expected"


def test_read_only_connection(compare, onedrive_emulator):
    """It is refused before anything is sent that could change something."""
    with pytest.raises(ConfigurationError, match="read_only"):
        compare(read_only=True)
    assert {each.method for each in onedrive_emulator.requests.matching(origin="graph")} <= {"GET"}


def test_folder_of_others(compare, onedrive_emulator):
    """If the name is taken, nothing is deleted."""
    comparison = compare("upload_empty")
    onedrive_emulator.drive().put(f"{comparison.target.name}/a.txt", b"a")
    with pytest.raises(NameAlreadyExists), closing(comparison.findings()) as findings:
        list(findings)
    assert onedrive_emulator.drive().read(f"{comparison.target.name}/a.txt") == b"a"


def test_folder_that_is_a_file(compare, onedrive_emulator):
    """The error says so."""
    onedrive_emulator.drive().put("a.txt", b"a")
    with pytest.raises(LocationError, match="is not a folder"):
        compare(location="myfiles/a.txt")


def test_what_the_identity_may_not_do(compare, onedrive_emulator):
    """It is told from what differs."""
    comparison = compare("links_within_the_organisation", "upload_empty", needs=SHARING)
    onedrive_emulator.faults.add(times=None, do=status(403), operation="permissions")
    results = {each.case.name: each.result for each in comparison.findings()}
    assert results == {"links_within_the_organisation": "not allowed", "upload_empty": "as expected"}


def test_allowed_locations(compare, onedrive_emulator):
    """Nothing outside of them is read: neither the root, nor the drive, nor its changes."""
    onedrive_emulator.drive().put("In/a.txt", b"a")
    beyond = {each.name for each in CASES if each.is_beyond}
    # The method for any request is refused with such a connection.
    refused = {*beyond, "request", "event_loop_reads"}
    comparison = compare(*refused, "upload_empty", location="myfiles/In", allowed_locations="myfiles/In")
    onedrive_emulator.requests.clear()
    results = {each.case.name: each.result for each in comparison.findings()}
    assert results == {**dict.fromkeys(refused, "not allowed"), "upload_empty": "as expected"}
    assert not onedrive_emulator.requests.matching(operation="delta")


@pytest.mark.parametrize("after", range(0, 70, 6))
def test_interruption(onedrive_emulator, after):
    """Ctrl-C at any request: the folder has gone afterwards."""
    names = (
        "upload_above_a_unit",
        "copy_file",
        "download_folder",
        "event_loop_reads",
        "session_fragments",
        "sync_folder",
    )
    connections = connections_of(settings_of(onedrive_emulator))
    with connections.client:
        cases = [each for each in CASES if each.name in names]
        run = Run(connections, target_of(connections.client, "myfiles/"), cases, PATIENCE)
        rule = onedrive_emulator.faults.add(times=1, after=after, do=Interrupt())
        with pytest.raises(KeyboardInterrupt), closing(run.play()) as played:
            list(played)
    assert (rule.hits, run.left, onedrive_emulator.drive().tree()) == (1, [], "")


def test_held_files_are_listed(compare, onedrive_emulator):
    """Under a hold what can be deleted is, and the rest is named."""
    comparison = compare("listings", "upload_empty")
    with closing(comparison.findings()) as findings:
        for finding in findings:
            if finding.case.name == "listings":
                onedrive_emulator.drive().hold(f"{comparison.target.name}/listings/in/c.txt")
    above = comparison.target.location
    assert comparison.left == [above, *(f"{above}/listings{path}" for path in ("", "/in", "/in/c.txt"))]
    onedrive_emulator.drive().release(f"{comparison.target.name}/listings/in/c.txt")


def test_folders_on_hold(compare, onedrive_emulator):
    """A policy that keeps folders which hold something keeps nothing of ours, as all is deleted item by item."""
    comparison = compare("listings", "delete_folder")
    onedrive_emulator.quirks.folders_on_hold = True
    results = {each.case.name: each.result for each in comparison.findings()}
    assert results == {"listings": "as expected", "delete_folder": "not allowed"}
    assert (comparison.left, onedrive_emulator.drive().tree()) == ([], "")


def test_policy_of_the_deployment(compare, onedrive_emulator):
    """What it does not permit is not done: nothing is deleted for good, and no folder on hold is emptied."""
    comparison = compare("delete_permanently", "permanent_deletion", policy=DeploymentPolicy(allow=()))
    onedrive_emulator.quirks.folders_on_hold = True
    results = {each.case.name: each.result for each in comparison.findings()}
    assert results == {"delete_permanently": "not allowed", "permanent_deletion": "not allowed"}
    above = comparison.target.location
    paths = ("", "/delete_permanently", "/delete_permanently/a.txt", "/permanent_deletion", "/permanent_deletion/a.txt")
    assert sorted(comparison.left) == [f"{above}{path}" for path in paths]


def test_policy_that_limits_deletions(compare, onedrive_emulator):
    """The folder is deleted all the same, in smaller steps."""
    comparison = compare("listings", policy=DeploymentPolicy(max_delete=2))
    assert [each.result for each in comparison.findings()] == ["as expected"]
    assert (comparison.left, onedrive_emulator.drive().tree()) == ([], "")
