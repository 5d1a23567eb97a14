"""The six operators against the local OneDrive."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.emulator.faults import status
from airflow_provider_onedrive.graph.protocol.errors import ItemNotFound, OneDriveError, ServiceUnavailable, Throttled
from airflow_provider_onedrive.operators.many import FILTER_FIELDS
from airflow_provider_onedrive.operators.onedrive import (
    OneDriveDeleteOperator,
    OneDriveDownloadOperator,
    OneDriveListOperator,
    OneDriveSaveOperator,
    OneDriveUpdateOperator,
    OneDriveUploadOperator,
)

Context = Callable[..., Any]


@pytest.fixture
def local_file(tmp_path: Path) -> Path:
    path = tmp_path / "a.csv"
    path.write_bytes(b"id,total\n1,2\n")
    return path


@pytest.fixture(autouse=True)
def documents(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("AIRFLOW__ONEDRIVE__DOCUMENTS_FOLDER", str(tmp_path / "documents"))
    return tmp_path / "documents"


def run(operator: type, context: Any, **kwargs: Any) -> Any:
    return operator(task_id="task", **kwargs).execute(context)


def test_upload_creates(onedrive_emulator: Emulator, task_context: Context, local_file: Path) -> None:
    """Upload into a folder keeps the local name and returns the item dict."""
    onedrive_emulator.drive().folder("in")
    item = run(OneDriveUploadOperator, task_context(), local_path=local_file, location="myfiles/in/")
    assert onedrive_emulator.drive().read("in/a.csv") == local_file.read_bytes()
    assert (item["location"], item["outcome"], item["size"]) == ("myfiles/in/a.csv", "created", 13)
    assert json.loads(json.dumps(item)) == item


def test_upload_under_another_name(onedrive_emulator: Emulator, task_context: Context, local_file: Path) -> None:
    """With ``file_name`` the location is the folder."""
    onedrive_emulator.drive().folder("in")
    run(OneDriveUploadOperator, task_context(), local_path=local_file, location="myfiles/in", file_name="b.csv")
    assert onedrive_emulator.drive().paths() == ["in/", "in/b.csv"]


def test_upload_creates_folders_only_when_asked(
    onedrive_emulator: Emulator, task_context: Context, local_file: Path
) -> None:
    """A missing folder is an error that says how to have it made; a retry may find it, so it is raised as it is."""
    kwargs = {"local_path": local_file, "location": "myfiles/x/y/a.csv"}
    with pytest.raises(ItemNotFound, match="create_folders=True"):
        run(OneDriveUploadOperator, task_context(), **kwargs)
    assert onedrive_emulator.drive().paths() == []
    run(OneDriveUploadOperator, task_context(), create_folders=True, **kwargs)
    assert onedrive_emulator.drive().paths() == ["x/", "x/y/", "x/y/a.csv"]


def test_update_replaces(onedrive_emulator: Emulator, task_context: Context, local_file: Path) -> None:
    """Update replaces the content and keeps the id."""
    drive = onedrive_emulator.drive()
    drive.put("a.csv", b"old")
    known = drive.item("a.csv")["id"]
    item = run(OneDriveUpdateOperator, task_context(), local_path=local_file, location="myfiles/a.csv")
    assert (item["id"], item["outcome"], drive.read("a.csv")) == (known, "replaced", local_file.read_bytes())


def test_update_of_what_is_missing_fails(onedrive_emulator: Emulator, task_context: Context, local_file: Path) -> None:
    """Update never creates."""
    with pytest.raises(ItemNotFound, match=r"Cannot update myfiles/a\.csv"):
        run(OneDriveUpdateOperator, task_context(), local_path=local_file, location="myfiles/a.csv")
    assert onedrive_emulator.drive().paths() == []


def test_update_of_another_version_fails(onedrive_emulator: Emulator, task_context: Context, local_file: Path) -> None:
    """With ``expected_etag`` nobody's change is overwritten."""
    drive = onedrive_emulator.drive()
    drive.put("a.csv", b"old")
    etag = drive.item("a.csv")["eTag"]
    drive.put("a.csv", b"somebody's change")
    with pytest.raises(OneDriveError, match="412"):
        run(
            OneDriveUpdateOperator,
            task_context(),
            local_path=local_file,
            location="myfiles/a.csv",
            expected_etag=etag,
        )
    assert drive.read("a.csv") == b"somebody's change"


@pytest.mark.parametrize(
    ("content", "saved"),
    [
        ("", b""),
        ("Größe", "Größe".encode()),
        (b"\x00\xff", b"\x00\xff"),
        ({}, b"{}"),
        ([], b"[]"),
        (0, b"0"),
        (False, b"false"),
        ({"Größe": [1, None]}, '{"Größe": [1, null]}'.encode()),
    ],
)
def test_save_of_content(onedrive_emulator: Emulator, task_context: Context, content: Any, saved: bytes) -> None:
    """Text is encoded, bytes are sent as they are, anything else is JSON; what is empty is content as well."""
    item = run(OneDriveSaveOperator, task_context(), location="myfiles/a.txt", content=content)
    assert onedrive_emulator.drive().read("a.txt") == saved
    assert item["outcome"] == "created"


def test_save_in_another_encoding(onedrive_emulator: Emulator, task_context: Context) -> None:
    """``encoding`` is that of text."""
    run(OneDriveSaveOperator, task_context(), location="myfiles/a.txt", content="Größe", encoding="cp1252")
    assert onedrive_emulator.drive().read("a.txt") == "Größe".encode("cp1252")


def test_save_replaces(onedrive_emulator: Emulator, task_context: Context, local_file: Path) -> None:
    """Save creates or replaces, from a local file as well."""
    onedrive_emulator.drive().put("a.csv", b"old")
    item = run(OneDriveSaveOperator, task_context(), location="myfiles/", local_path=local_file)
    assert onedrive_emulator.drive().read("a.csv") == local_file.read_bytes()
    assert item["outcome"] == "replaced"


def test_delete_returns_what_it_deleted(onedrive_emulator: Emulator, task_context: Context) -> None:
    """Delete returns a list of item dicts."""
    onedrive_emulator.drive().put("in/a.csv", b"1")
    deleted = run(OneDriveDeleteOperator, task_context(), location="myfiles/in/a.csv")
    assert [item["location"] for item in deleted] == ["myfiles/in/a.csv"]
    assert onedrive_emulator.drive().paths() == ["in/"]


def test_delete_of_a_folder_needs_recursive(onedrive_emulator: Emulator, task_context: Context) -> None:
    """A folder that holds something is deleted only when that is said."""
    drive = onedrive_emulator.drive()
    drive.put("in/a.csv", b"1")
    with pytest.raises(AirflowFailException, match="recursive=True"):
        run(OneDriveDeleteOperator, task_context(), location="myfiles/in")
    assert drive.exists("in/a.csv")
    run(OneDriveDeleteOperator, task_context(), location="myfiles/in", recursive=True)
    assert drive.paths() == []


def test_delete_dry_run_only_reports(onedrive_emulator: Emulator, task_context: Context) -> None:
    """With ``dry_run`` nothing is deleted; Airflow's own method of that name still works."""
    onedrive_emulator.drive().put("in/a.csv", b"1")
    operator = OneDriveDeleteOperator(task_id="task", location="myfiles/in", recursive=True, dry_run=True)
    assert "myfiles/in" in [item["location"] for item in operator.execute(task_context())]
    assert onedrive_emulator.drive().exists("in/a.csv")
    operator.dry_run()


def test_delete_of_what_is_missing(onedrive_emulator: Emulator, task_context: Context) -> None:
    """Nothing there ends a first try for good, is done on a later one, and fine where that is said."""
    with pytest.raises(AirflowFailException, match=r"Cannot delete myfiles/a.csv"):
        run(OneDriveDeleteOperator, task_context(), location="myfiles/a.csv")
    assert run(OneDriveDeleteOperator, task_context(2), location="myfiles/a.csv") == []
    with pytest.raises(AirflowFailException, match=r"Cannot delete myfiles/a.csv"):
        run(OneDriveDeleteOperator, task_context(2), location="myfiles/a.csv", dry_run=True)
    assert run(OneDriveDeleteOperator, task_context(), location="myfiles/a.csv", ignore_if_missing=True) == []


@pytest.mark.parametrize("location", ["myfiles/", "myfiles", "", "None", None, "myfiles//", "drives/", "users/"])
@pytest.mark.parametrize("recursive", [False, True])
def test_delete_never_addresses_a_root(
    onedrive_emulator: Emulator, task_context: Context, location: Any, recursive: bool
) -> None:
    """An empty template that would name a root deletes nothing, and is not tried again."""
    onedrive_emulator.drive().put("a.csv", b"1")
    with pytest.raises(AirflowFailException):
        run(OneDriveDeleteOperator, task_context(), location=location, recursive=recursive, ignore_if_missing=True)
    assert onedrive_emulator.drive().paths() == ["a.csv"]
    assert not onedrive_emulator.requests.matching(method="DELETE")


@pytest.fixture
def listed(onedrive_emulator: Emulator) -> Emulator:
    for path in ("in/a.csv", "in/B.CSV", "in/[1].txt", "in/sub/c.csv"):
        onedrive_emulator.drive().put(path, b"1")
    return onedrive_emulator


@pytest.mark.parametrize(
    ("kwargs", "names"),
    [
        ({}, {"a.csv", "B.CSV", "[1].txt", "sub"}),
        ({"kind": "file"}, {"a.csv", "B.CSV", "[1].txt"}),
        ({"kind": "folder"}, {"sub"}),
        ({"recursive": True, "kind": "file"}, {"a.csv", "B.CSV", "[1].txt", "c.csv"}),
        ({"file_pattern": "*.csv"}, {"a.csv", "B.CSV"}),
        ({"file_pattern": "[1]*"}, {"[1].txt"}),
        ({"file_pattern": "*.pdf"}, set()),
        ({"max_items": 4}, {"a.csv", "B.CSV", "[1].txt", "sub"}),
    ],
)
def test_list(listed: Emulator, task_context: Context, kwargs: dict[str, Any], names: set[str]) -> None:
    """List returns item dicts, filtered by name and kind."""
    found = run(OneDriveListOperator, task_context(), location="myfiles/in", **kwargs)
    assert {item["name"] for item in found} == names


def test_list_is_never_cut(listed: Emulator, task_context: Context) -> None:
    """More than ``max_items`` is an error that says what to do."""
    with pytest.raises(AirflowFailException, match=r"More than 3 items of myfiles/in match.*raise max_items"):
        run(OneDriveListOperator, task_context(), location="myfiles/in", max_items=3)


def test_list_goes_through_all_pages(onedrive_emulator: Emulator, task_context: Context) -> None:
    """Paging is invisible."""
    for number in range(250):
        onedrive_emulator.drive().put(f"in/{number}.txt", b"")
    assert len(run(OneDriveListOperator, task_context(), location="myfiles/in")) == 250


def test_download_to_a_path(onedrive_emulator: Emulator, task_context: Context, tmp_path: Path) -> None:
    """``local_path`` may be a file or a folder; the item dict says where it went."""
    onedrive_emulator.drive().put("in/a.csv", b"1,2")
    item = run(OneDriveDownloadOperator, task_context(), location="myfiles/in/a.csv", local_path=f"{tmp_path}/new/")
    assert item["local_path"] == str(tmp_path / "new/a.csv")
    item = run(OneDriveDownloadOperator, task_context(), location="myfiles/in/a.csv", local_path=tmp_path / "b.csv")
    assert Path(item["local_path"]).read_bytes() == b"1,2"


def test_download_to_the_documents_folder(onedrive_emulator: Emulator, task_context: Context, documents: Path) -> None:
    """Without ``local_path`` the file goes to the private folder of the task instance; a later try replaces it."""
    drive = onedrive_emulator.drive()
    drive.put("in/Q1 100% #3.csv", b"old")
    operator = OneDriveDownloadOperator(task_id="task", location="myfiles/in/Q1 100% #3.csv")
    operator.execute(task_context())
    drive.put("in/Q1 100% #3.csv", b"new")
    path = Path(operator.execute(task_context(2))["local_path"])
    assert path.name == "Q1 100% #3.csv"
    assert documents in path.parents
    assert path.read_bytes() == b"new"
    assert [found.name for found in path.parent.iterdir()] == ["Q1 100% #3.csv"]


def test_an_item_dict_is_a_location(onedrive_emulator: Emulator, task_context: Context, tmp_path: Path) -> None:
    """What list returns goes into download and delete, by id, whatever the path has become."""
    drive = onedrive_emulator.drive()
    drive.put("in/a.csv", b"1")
    [item] = run(OneDriveListOperator, task_context(), location="myfiles/in/")
    item = json.loads(json.dumps(item))
    got = run(OneDriveDownloadOperator, task_context(), location=item, local_path=tmp_path / "a.csv")
    assert (got["location"], got["id"]) == (item["location"], item["id"])
    run(OneDriveDeleteOperator, task_context(), location=got)
    assert drive.paths() == ["in/"]


BAD_INPUT = [
    (OneDriveUploadOperator, {"location": "myfiles/x"}, "/no/such/a.csv cannot be read: No such file.*another worker"),
    (OneDriveUploadOperator, {"local_path": __file__, "location": "Finance/x"}, "did you mean 'myfiles/Finance/x'"),
    (OneDriveUploadOperator, {"local_path": "."}, "is not a file|no name is given"),
    (OneDriveUploadOperator, {"local_path": ""}, "local_path is empty.*template"),
    (OneDriveUploadOperator, {"local_path": None}, "local_path is empty.*template"),
    (OneDriveUploadOperator, {"local_path": __file__, "location": ""}, "location is empty.*template"),
    (OneDriveUploadOperator, {"local_path": __file__, "location": None}, "location is text or an item dict"),
    (OneDriveUploadOperator, {"local_path": __file__, "file_name": " "}, "file_name is empty.*template"),
    (OneDriveUploadOperator, {"local_path": __file__, "if_exists": "maybe"}, "if_exists is 'maybe'.*rename"),
    (OneDriveUploadOperator, {"local_path": __file__, "location": "myfiles/a:b"}, "ts_nodash"),
    (OneDriveUploadOperator, {"local_path": __file__, "location": "myfiles/aux"}, "reserved name"),
    (OneDriveUploadOperator, {"local_path": __file__, "location": f"myfiles/{'a' * 401}"}, "400 characters"),
    (OneDriveUploadOperator, {"local_path": __file__, "location": "myfiles/there"}, "A folder named 'there' is there"),
    (OneDriveUpdateOperator, {"location": "myfiles/x"}, "/no/such/a.csv cannot be read: No such file.*another worker"),
    (OneDriveUpdateOperator, {"local_path": __file__, "location": "myfiles/there"}, "there.* is a folder"),
    (OneDriveSaveOperator, {"local_path": None}, "Exactly one of content= and local_path="),
    (OneDriveSaveOperator, {"local_path": __file__, "content": ""}, "Exactly one of content= and local_path="),
    (OneDriveSaveOperator, {"local_path": None, "content": {1, 2}}, "content of type set cannot be saved"),
    (OneDriveSaveOperator, {"local_path": None, "content": float("nan")}, "content of type float cannot be saved"),
    (
        OneDriveSaveOperator,
        {"local_path": None, "content": "ü", "encoding": "ascii"},
        "content cannot be encoded as ascii",
    ),
    (
        OneDriveSaveOperator,
        {"local_path": None, "content": "ü", "encoding": "klingon"},
        "content cannot be encoded as klingon",
    ),
    (OneDriveListOperator, {"location": "myfiles/there/file.txt"}, "is a file|is not a folder"),
    (OneDriveListOperator, {"location": "myfiles/there", "kind": "files"}, "kind is 'files'"),
    (OneDriveListOperator, {"location": "myfiles/there", "file_pattern": ""}, "file_pattern is empty"),
    (OneDriveDownloadOperator, {"location": "myfiles/there", "local_path": None}, "is a folder, and a file is meant"),
    (OneDriveDownloadOperator, {"location": "myfiles/there/file.txt", "local_path": ""}, "local_path is empty"),
    (OneDriveDownloadOperator, {"location": "myfiles/there/x*", "local_path": None}, "No file was chosen"),
]


@pytest.mark.parametrize(("operator", "kwargs", "message"), BAD_INPUT)
def test_bad_input(
    onedrive_emulator: Emulator, task_context: Context, operator: type, kwargs: dict[str, Any], message: str
) -> None:
    """Bad input ends the task without retries, says what to do, and leaves the drive as it was."""
    drive = onedrive_emulator.drive()
    drive.put("there/file.txt", b"1")
    defaults: dict[str, Any] = {"location": "myfiles/"}
    if operator is not OneDriveListOperator:
        defaults["local_path"] = "/no/such/a.csv"
    with pytest.raises(AirflowFailException, match=f"(?is){message}"):
        run(operator, task_context(), **(defaults | kwargs))
    assert drive.paths() == ["there/", "there/file.txt"]
    assert drive.read("there/file.txt") == b"1"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"password": "wrong-secret"}, "secret"),
        ({"tenant_id": "99999999-0000-0000-0000-000000000000"}, "tenant"),
        ({"myfiles": None}, "Put a user"),
        ({"graph_url": "https://evil.example"}, "not trusted; nothing was sent"),
    ],
)
def test_a_wrong_connection_fails_without_retries(
    onedrive_emulator: Emulator,
    connection: Callable[..., None],
    task_context: Context,
    fields: dict[str, Any],
    message: str,
) -> None:
    """What only a person can repair is not tried again, and the message holds no secret."""
    connection(**fields)
    with pytest.raises(AirflowFailException, match=message) as caught:
        run(OneDriveListOperator, task_context(), location="myfiles/")
    assert "wrong-secret" not in str(caught.value)


def test_an_expired_token_fails_without_retries(
    onedrive_emulator: Emulator, connection: Callable[..., None], task_context: Context
) -> None:
    """A token that nobody renews is not tried again, and not shown."""
    token = onedrive_emulator.token("anna@contoso.example", expired=True)
    connection(auth="access_token", access_token=token, myfiles=None)
    with pytest.raises(AirflowFailException, match="access token has expired") as caught:
        run(OneDriveListOperator, task_context(), location="myfiles/")
    assert token not in str(caught.value)


def test_a_missing_permission_fails_without_retries(onedrive_emulator: Emulator, task_context: Context) -> None:
    """403 is told with Graph's words and what to grant; Airflow's message has the whole text."""
    onedrive_emulator.faults.add(times=None, origin="graph", do=status(403))
    with pytest.raises(
        AirflowFailException, match=r"myfiles/.*Access denied.*403 accessDenied.*lacks the permission"
    ) as caught:
        run(OneDriveListOperator, task_context(), location="myfiles/")
    assert str(caught.value) == str(caught.value.__cause__)


@pytest.mark.parametrize(("code", "error"), [(429, Throttled), (503, ServiceUnavailable)])
def test_what_may_pass_is_raised_as_it_is(
    onedrive_emulator: Emulator, task_context: Context, code: int, error: type[OneDriveError]
) -> None:
    """When Graph is busy for longer than the client waits, Airflow's retries have their turn."""
    onedrive_emulator.faults.add(times=None, origin="graph", do=status(code, retry_after=400))
    with pytest.raises(error, match=r"Cannot list myfiles/"):
        run(OneDriveListOperator, task_context(), location="myfiles/")


def test_a_later_try_finds_its_own_file(onedrive_emulator: Emulator, task_context: Context, local_file: Path) -> None:
    """``try_number`` reaches the client: what an earlier try did is success, on a first try it is a conflict."""
    kwargs = {"local_path": local_file, "location": "myfiles/a.csv"}
    run(OneDriveUploadOperator, task_context(), **kwargs)
    with pytest.raises(AirflowFailException, match="409"):
        run(OneDriveUploadOperator, task_context(), **kwargs)
    assert run(OneDriveUploadOperator, task_context(2), **kwargs)["outcome"] == "already_there"


def test_the_connection_may_be_a_default_of_the_dag() -> None:
    """``default_args`` and ``partial`` know the parameter that all operators share."""
    with DAG("defaults", schedule=None, default_args={"onedrive_conn_id": "other"}) as dag:
        plain = OneDriveListOperator(task_id="plain", location="myfiles/")
        mapped = OneDriveListOperator.partial(task_id="mapped", onedrive_conn_id="third").expand(location=["myfiles/"])
    assert plain.onedrive_conn_id == "other"
    assert mapped.partial_kwargs["onedrive_conn_id"] == "third"
    assert dag.task_ids == ["plain", "mapped"]


@pytest.mark.parametrize(
    ("operator", "fields"),
    [
        (OneDriveUploadOperator, {"onedrive_conn_id", "local_path", "location", "file_name", *FILTER_FIELDS}),
        (OneDriveUpdateOperator, {"onedrive_conn_id", "local_path", "location", "file_name", "expected_etag"}),
        (OneDriveSaveOperator, {"onedrive_conn_id", "local_path", "location", "file_name", "content"}),
        (OneDriveDeleteOperator, {"onedrive_conn_id", "location", *FILTER_FIELDS}),
        (OneDriveListOperator, {"onedrive_conn_id", "location", *FILTER_FIELDS}),
        (OneDriveDownloadOperator, {"onedrive_conn_id", "location", "local_path", "expected_etag", *FILTER_FIELDS}),
    ],
)
def test_templates(operator: Any, fields: set[str]) -> None:
    """Every conn id, location, path, name and content is a template; no file is read as one, whatever its suffix."""
    assert set(operator.template_fields) == fields
    assert tuple(operator.template_ext) == ()
