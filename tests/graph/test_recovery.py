"""The client against an emulator that fails: what it survives, and what it says where nobody could."""

from __future__ import annotations

import hashlib
import socket
import threading
import time
from contextlib import closing

import pytest
import trustme

from airflow_provider_onedrive.emulator.faults import (
    cut_request,
    cut_response,
    delay,
    drop_after,
    drop_before,
    expire_token,
    status,
)
from airflow_provider_onedrive.graph.errors import (
    AccessDenied,
    BadRequest,
    ConfigurationError,
    DriveNotFound,
    GraphError,
    ItemNotFound,
    Locked,
    NameAlreadyExists,
    OneDriveError,
    PreconditionFailed,
    QuotaExceeded,
    ServiceUnavailable,
    SignInFailed,
    SourceChanged,
    Stopped,
    Throttled,
    Unauthenticated,
    VerificationFailed,
)
from airflow_provider_onedrive.graph.messages import Request
from airflow_provider_onedrive.graph.retry import RetryPolicy
from airflow_provider_onedrive.graph.uploads import FRAGMENT_BYTES, SINGLE_PUT_BYTES

# Each kind of request, as a rule of the emulator finds it.
TOKEN = {"method": "POST", "origin": "login", "path": "/token$"}
STAT = {"method": "GET", "origin": "graph", "path": r"root:/x/a\.bin$"}
CHILDREN = {"method": "GET", "origin": "graph", "path": "children$"}
FOLDER = {"method": "POST", "origin": "graph", "path": "children$"}
PUT = {"method": "PUT", "origin": "graph", "path": "content$"}
SESSION = {"method": "POST", "origin": "graph", "path": "createUploadSession$"}
FRAGMENT = {"method": "PUT", "origin": "store"}
DOWNLOAD = {"method": "GET", "origin": "store"}
DELETE = {"method": "DELETE", "origin": "graph"}
REPEATABLE = [STAT, CHILDREN, SESSION, FRAGMENT, DOWNLOAD, DELETE, TOKEN]
EVERY = [*REPEATABLE, FOLDER, PUT]
LARGE = hashlib.shake_128(b"large").digest(SINGLE_PUT_BYTES + 1)
SMALL = b"a,b\n1,2\n"


def name_of(kind):
    names = {"TOKEN": TOKEN, "STAT": STAT, "CHILDREN": CHILDREN, "FOLDER": FOLDER, "PUT": PUT, "SESSION": SESSION}
    names |= {"FRAGMENT": FRAGMENT, "DOWNLOAD": DOWNLOAD, "DELETE": DELETE}
    return next((name for name, value in names.items() if value is kind), None)


@pytest.fixture
def drive(onedrive_emulator):
    return onedrive_emulator.drive()


@pytest.fixture
def faults(onedrive_emulator):
    return onedrive_emulator.faults


def listed(folder):
    return sorted(path.name for path in folder.iterdir())


def everything(client, drive, tmp_path):
    """Use every kind of request, and see that each did exactly what it should."""
    assert client.upload(SMALL, "myfiles/x/s.csv", create_folders=True).size == len(SMALL)
    assert client.upload(LARGE, "myfiles/x/a.bin").size == len(LARGE)
    assert client.stat("myfiles/x/a.bin").size == len(LARGE)
    assert sorted(item.name for item in client.children("myfiles/x")) == ["a.bin", "s.csv"]
    client.download("myfiles/x/a.bin", tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == LARGE == drive.read("x/a.bin")
    assert drive.read("x/s.csv") == SMALL
    assert [item.name for item in client.delete("myfiles/x/a.bin")] == ["a.bin"]
    assert drive.paths() == ["x/", "x/s.csv"]
    assert drive.version_count("x/s.csv") == 1
    assert listed(tmp_path) == ["a.bin"]


@pytest.mark.parametrize("kind", EVERY, ids=name_of)
@pytest.mark.parametrize("fault", [status(429, retry_after=0), status(503, retry_after=0), drop_before()], ids=repr)
def test_a_refusal_is_tried_again(client, drive, faults, *, tmp_path, kind, fault):
    """429, 503 with Retry-After, and a connection that closed before anything was done, twice in a row."""
    rule = faults.add(**kind, times=2, do=fault)
    everything(client, drive, tmp_path)
    assert rule.hits == 2


@pytest.mark.parametrize("kind", EVERY, ids=name_of)
@pytest.mark.parametrize("number", [500, 503])
def test_a_failure_of_the_service_is_survived(client, drive, faults, *, tmp_path, kind, number):
    """500 and 503 say nothing about what was done; whatever it was, the end is right."""
    rule = faults.add(**kind, do=status(number))
    everything(client, drive, tmp_path)
    assert rule.hits == 1


@pytest.mark.parametrize("kind", EVERY, ids=name_of)
def test_an_answer_that_is_lost_is_survived(client, drive, faults, tmp_path, kind):
    """It was done and the answer was lost: nothing is done twice."""
    rule = faults.add(**kind, do=drop_after())
    everything(client, drive, tmp_path)
    assert rule.hits == 1


@pytest.mark.parametrize("fault", [drop_before(), drop_after(), cut_request(3), status(504)], ids=repr)
@pytest.mark.parametrize("if_exists", ["fail", "rename", "replace"])
@pytest.mark.parametrize("size", [len(SMALL), SINGLE_PUT_BYTES + 1])
@pytest.mark.parametrize("is_taken", [False, True])
def test_one_correct_file(client, drive, faults, *, fault, if_exists, size, is_taken):
    """Whatever happens to the PUT, there is one file with every byte, and what was there stays what it was."""
    content = LARGE[:size]
    if is_taken:
        drive.put("a.bin", b"old")
    rule = faults.add(method="PUT", do=fault)
    if is_taken and if_exists == "fail":
        with pytest.raises(NameAlreadyExists):
            client.upload(content, "myfiles/a.bin", if_exists=if_exists)
        assert (drive.paths(), drive.read("a.bin")) == (["a.bin"], b"old")
        return
    item = client.upload(content, "myfiles/a.bin", if_exists=if_exists)
    assert item.location == ("myfiles/a 1.bin" if is_taken and if_exists == "rename" else "myfiles/a.bin")
    assert item.size == size
    assert drive.read(item.path) == content
    assert len(drive.paths()) == (2 if is_taken and if_exists == "rename" else 1)
    assert rule.hits == 1


@pytest.mark.parametrize("fault", [drop_before(), drop_after(), status(500)], ids=repr)
@pytest.mark.parametrize("content", [SMALL, LARGE], ids=len)
def test_one_new_version_of_an_expected_one(client, drive, faults, fault, content):
    """With If-Match a lost answer is no 412, and there is one new version."""
    etag = drive.put("a.bin", b"old")["eTag"]
    faults.add(method="PUT", do=fault)
    item = client.update(content, "myfiles/a.bin", expected_etag=etag)
    assert (item.size, item.outcome in ("replaced", "already_there")) == (len(content), True)
    assert drive.read("a.bin") == content
    assert drive.version_count("a.bin") == 2


ALL_TROUBLE = [
    *(drop_before(), drop_after(), cut_request(5000), cut_request(333_333, keep=True)),
    *(status(500), status(504), status(404), status(403), status(401), status(416)),
]
MOST_TROUBLE = [drop_after(), cut_request(333_333, keep=True), status(404)]


@pytest.mark.parametrize(
    ("number", "fault"),
    [
        *((0, fault) for fault in MOST_TROUBLE),
        *((1, fault) for fault in ALL_TROUBLE),
        *((2, fault) for fault in MOST_TROUBLE),
    ],
    ids=repr,
)
def test_trouble_with_any_fragment(client, drive, faults, *, onedrive_emulator, tmp_path, number, fault):
    """A fragment is refused, lost, cut or half kept, the session is gone: the file arrives whole, and once."""
    path = tmp_path / "a.bin"
    path.write_bytes(hashlib.shake_128(b"huge").digest(2 * FRAGMENT_BYTES + 3))
    rule = faults.add(**FRAGMENT, after=number, do=fault)
    item = client.upload(path, "myfiles/a.bin")
    assert (item.outcome, item.size) == ("created", 2 * FRAGMENT_BYTES + 3)
    assert hashlib.sha256(drive.read("a.bin")).digest() == hashlib.sha256(path.read_bytes()).digest()
    assert drive.paths() == ["a.bin"]
    assert rule.hits == 1
    assert len(onedrive_emulator.leaks) == 0


def test_a_middle_fragment_that_is_cut_again_and_again(client, drive, faults, tmp_path):
    """A slow line loses connection after connection; what the session kept is not sent again."""
    path = tmp_path / "a.bin"
    path.write_bytes(hashlib.shake_128(b"huge").digest(FRAGMENT_BYTES + 3))
    rule = faults.add(**FRAGMENT, times=4, do=cut_request(2_000_000, keep=True))
    client.upload(path, "myfiles/a.bin")
    assert drive.read("a.bin") == path.read_bytes()
    assert rule.hits == 4


@pytest.mark.parametrize("fault", [status(409), status(507), status(423), status(400)], ids=repr)
def test_a_commit_that_is_refused(connect, onedrive_emulator, drive, faults, fault):
    """A refusal at the commit is raised, nothing appears, and no session is left to block the name."""
    client = connect()
    client.retry_policy = RetryPolicy(max_attempts=1)
    faults.add(**FRAGMENT, do=fault)
    kinds = {409: NameAlreadyExists, 507: QuotaExceeded, 423: Locked, 400: BadRequest}
    with pytest.raises(kinds[fault.status]):
        client.upload(LARGE, "myfiles/a.bin")
    assert drive.paths() == []
    assert len(onedrive_emulator.world.sessions) == 0
    assert len(onedrive_emulator.requests.matching(method="DELETE", origin="store")) == 1


def test_a_name_taken_during_the_upload(client, onedrive_emulator, drive, faults):
    """Somebody else takes the name while the bytes travel: an error, and theirs stays."""
    blocked = threading.Event()

    class Taking(status):
        def before(self, request, world):
            drive.put("a.bin", b"theirs")
            blocked.set()

    faults.add(**FRAGMENT, do=Taking(0))
    with pytest.raises(NameAlreadyExists):
        client.upload(LARGE, "myfiles/a.bin")
    assert blocked.is_set()
    assert drive.read("a.bin") == b"theirs"
    assert len(onedrive_emulator.world.sessions) == 0


def test_a_service_that_stays_away(client, onedrive_emulator, drive, faults):
    """When all attempts are used up the error says so, and no session is left."""
    faults.add(**FRAGMENT, times=None, do=status(503))
    with pytest.raises(
        ServiceUnavailable, match=r"Cannot upload to myfiles/a.bin: .*503 serviceNotAvailable.*Retry later"
    ):
        client.upload(LARGE, "myfiles/a.bin")
    assert len(onedrive_emulator.requests.matching(**FRAGMENT)) == client.retry_policy.max_attempts
    assert len(onedrive_emulator.world.sessions) == 0
    assert drive.paths() == []


def test_a_wait_that_is_too_long(client, onedrive_emulator, faults):
    """A Retry-After beyond the limit is not waited for: the task gives its slot back."""
    faults.add(**CHILDREN, times=None, do=status(429, retry_after=3600))
    start = time.monotonic()
    with pytest.raises(Throttled) as caught:
        list(client.children("myfiles"))
    assert time.monotonic() - start < 30
    assert caught.value.retry_after_seconds == 3600
    assert len(onedrive_emulator.requests.matching(**CHILDREN)) == 1


@pytest.mark.parametrize("kind", [STAT, PUT, FOLDER, SESSION, FRAGMENT], ids=name_of)
@pytest.mark.parametrize(("number", "error"), [(400, BadRequest), (507, QuotaExceeded), (501, GraphError)])
def test_what_cannot_pass_is_sent_once(client, faults, onedrive_emulator, *, kind, number, error):
    """400, 501 and 507 stay what they are, so they are not asked twice."""
    rule = faults.add(**kind, times=None, do=status(number))
    content = LARGE if kind in (SESSION, FRAGMENT) else SMALL
    with pytest.raises(error) as caught:
        client.stat(client.upload(content, "myfiles/x/a.bin", create_folders=True).location)
    assert (caught.value.status, caught.value.may_pass) == (number, False)
    assert rule.hits == 1
    assert caught.value.request_id


# --- later tries of the same task


@pytest.mark.parametrize("if_exists", ["fail", "rename", "replace"])
@pytest.mark.parametrize("content", [b"", SMALL, LARGE], ids=len)
def test_a_later_try_finds_what_the_earlier_did(connect, drive, if_exists, content):
    """The worker died between commit and answer: the later try ends in the one correct file."""
    connect().upload(content, "myfiles/a.bin", if_exists=if_exists)
    item = connect().upload(content, "myfiles/a.bin", if_exists=if_exists, retrying=True)
    assert item.outcome == ("replaced" if if_exists == "replace" else "already_there")
    assert drive.paths() == ["a.bin"]
    assert drive.read("a.bin") == content


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=len)
def test_a_later_try_of_a_rename_that_was_renamed(connect, drive, content):
    """The earlier try left ``a 1.bin``: the later one leaves no ``a 2.bin``."""
    drive.put("a.bin", b"theirs")
    connect().upload(content, "myfiles/a.bin", if_exists="rename")
    item = connect().upload(content, "myfiles/a.bin", if_exists="rename", retrying=True)
    assert (item.name, item.outcome) == ("a 1.bin", "already_there")
    assert drive.paths() == ["a 1.bin", "a.bin"]


def test_a_later_try_of_an_update_of_an_expected_version(connect, drive):
    """The earlier try's success moved the eTag on; the later try recognises it."""
    etag = drive.put("a.bin", b"old")["eTag"]
    connect().update(SMALL, "myfiles/a.bin", expected_etag=etag)
    item = connect().update(SMALL, "myfiles/a.bin", expected_etag=etag, retrying=True)
    assert item.outcome == "already_there"
    with pytest.raises(PreconditionFailed):
        connect().update(b"other", "myfiles/a.bin", expected_etag=etag, retrying=True)
    assert drive.version_count("a.bin") == 2


# --- downloads


@pytest.mark.parametrize("times", [1, 3])
def test_a_download_that_breaks_off(client, onedrive_emulator, drive, *, faults, tmp_path, times):
    """The rest is fetched by Range; no byte comes twice and none is missing."""
    drive.put("a.bin", LARGE)
    faults.add(**DOWNLOAD, times=times, do=cut_response(1_000_000))
    client.download("myfiles/a.bin", tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == LARGE
    assert listed(tmp_path) == ["a.bin"]
    sent = [request.sent_bytes for request in onedrive_emulator.requests.matching(**DOWNLOAD)]
    assert len(sent) == times + 1
    assert sum(sent) < len(LARGE) + times * 4_000_000


def test_a_server_that_cannot_resume(client, drive, faults, tmp_path):
    """Asked for the rest it sends the whole: the file begins again, and no byte is there twice."""
    drive.put("a.bin", LARGE)

    class WithoutRanges(status):
        def before(self, request, world):
            del request.headers["Range"]

    faults.add(**DOWNLOAD, do=cut_response(1_000_000))
    rule = faults.add(**DOWNLOAD, do=WithoutRanges(0))
    client.download("myfiles/a.bin", tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == LARGE
    assert rule.hits == 1


def test_a_download_that_always_breaks_off(client, drive, faults, tmp_path):
    """In the end it is an error, what was there stays, and no half file lies about."""
    drive.put("a.bin", LARGE)
    (tmp_path / "a.bin").write_bytes(b"old")
    faults.add(**DOWNLOAD, times=None, do=cut_response(10))
    with pytest.raises(ServiceUnavailable, match=r"Cannot download myfiles/a.bin"):
        client.download("myfiles/a.bin", tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == b"old"
    assert listed(tmp_path) == ["a.bin"]


def test_opening_what_always_breaks_off(client, drive, faults):
    """An opened file that cannot be fetched leaves nothing open."""
    drive.put("a.bin", LARGE * 3)
    faults.add(**DOWNLOAD, times=None, do=cut_response(1_500_000))
    with pytest.raises(ServiceUnavailable, match=r"Cannot read myfiles/a.bin"):
        client.open("myfiles/a.bin")


def test_a_file_that_changes_during_its_download(client, drive, faults, tmp_path):
    """After a cut the file has another eTag: the new version comes whole."""
    drive.put("a.bin", LARGE)

    class Changing(cut_response):
        def after(self, reply):
            super().after(reply)
            drive.put("a.bin", SMALL * 3)

    faults.add(**DOWNLOAD, do=Changing(1000))
    item = client.download("myfiles/a.bin", tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == SMALL * 3
    assert item.etag == drive.item("a.bin")["eTag"]


def test_a_link_that_expired(client, onedrive_emulator, drive, faults, tmp_path):
    """An expired link is fetched anew, and never helped with a token."""
    drive.put("a.bin", SMALL)
    onedrive_emulator.options.download_url_seconds = -1

    class Renewing(status):
        def before(self, request, world):
            world.options.download_url_seconds = 3600

    faults.add(**DOWNLOAD, do=Renewing(0))
    client.download("myfiles/a.bin", tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == SMALL
    assert [request.status for request in onedrive_emulator.requests.matching(**DOWNLOAD)] == [401, 200]
    assert len(onedrive_emulator.leaks) == 0


def test_links_that_always_expire(client, onedrive_emulator, drive, tmp_path):
    """A clock that is wrong ends in an error, not in a loop."""
    drive.put("a.bin", SMALL)
    onedrive_emulator.options.download_url_seconds = -1
    with pytest.raises(Unauthenticated):
        client.download("myfiles/a.bin", tmp_path / "a.bin")
    assert listed(tmp_path) == []


def test_a_size_that_is_not_true(client, drive, tmp_path, faults):
    """Fewer bytes than Graph says are no file."""
    drive.put("a.bin", SMALL)

    class Shrinking(status):
        def before(self, request, world):
            drive.put("a.bin", SMALL[:2])

    faults.add(**DOWNLOAD, do=Shrinking(0))
    with pytest.raises(VerificationFailed, match="2 bytes came"):
        client.download("myfiles/a.bin", tmp_path / "a.bin")
    assert listed(tmp_path) == []


# --- sources


@pytest.mark.parametrize("change", ["grown", "gone"])
def test_a_source_that_changes_during_the_upload(client, onedrive_emulator, drive, *, faults, tmp_path, change):
    """Half of one version and half of another is not uploaded, and no session is left."""
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(FRAGMENT_BYTES) + b"end")

    class Changing(status):
        def before(self, request, world):
            path.unlink()
            if change == "grown":
                path.write_bytes(bytes(FRAGMENT_BYTES) + b"other end")

    faults.add(**FRAGMENT, do=Changing(0))
    with pytest.raises(SourceChanged, match=r"Cannot upload to myfiles/a.bin: .*a.bin"):
        client.upload(path, "myfiles/a.bin")
    assert drive.paths() == []
    assert len(onedrive_emulator.world.sessions) == 0


# --- who asks


def test_a_token_that_expires_is_renewed_once(client, onedrive_emulator, drive, faults):
    """A refused token is replaced and the request sent again, whatever it is."""
    client.stat("myfiles")
    for kind in (PUT, SESSION, FOLDER, STAT):
        faults.add(**kind, do=expire_token())
    client.upload(SMALL, "myfiles/x/s.csv", create_folders=True)
    client.upload(LARGE, "myfiles/x/a.bin")
    client.stat("myfiles/x/a.bin")
    assert drive.paths() == ["x/", "x/a.bin", "x/s.csv"]
    assert len(onedrive_emulator.requests.matching(path="/token$")) == 5


def test_a_token_that_is_refused_again_and_again(client, onedrive_emulator, faults):
    """A new token is asked for once; then it is an error."""
    faults.add(**CHILDREN, times=None, do=status(401))
    with pytest.raises(Unauthenticated):
        list(client.children("myfiles"))
    assert len(onedrive_emulator.requests.matching(path="/token$")) == 2
    assert len(onedrive_emulator.requests.matching(**CHILDREN)) == 2


@pytest.mark.parametrize("kind", [STAT, PUT, FOLDER, SESSION, CHILDREN], ids=name_of)
def test_the_random_401_of_personal_drives(client, onedrive_emulator, drive, *, faults, tmp_path, kind):
    """``Unable to initialize RPS`` goes away by itself, without a new token."""
    rule = faults.add(**kind, times=3, do=status(401, message="Unable to initialize RPS"))
    everything(client, drive, tmp_path)
    assert rule.hits == 3
    assert len(onedrive_emulator.requests.matching(path="/token$")) == 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"client_secret": "wrong"}, ["AADSTS7000215", "invalid_client", "client secret is wrong", "not its id"]),
        ({"client_id": "11111111-1111-1111-1111-111111111111"}, ["AADSTS700016", "check login and tenant_id"]),
        ({"tenant_id": "fabrikam.example"}, ["There is no such tenant", "tenant_id"]),
        ({"tenant_id": "22222222-2222-2222-2222-222222222222"}, ["There is no such tenant", "tenant_id"]),
        ({"scopes": "https://graph.microsoft.com/Files.Read"}, ["AADSTS1002012"]),
    ],
    ids=str,
)
def test_a_wrong_identity(connect, onedrive_emulator, wrong, said):
    """Entra's refusal is told in its words and ours, once, without the secret, and not asked again."""
    client = connect(**wrong)
    for call in (lambda: client.stat("myfiles"), lambda: client.upload(SMALL, "myfiles/a.csv")):
        onedrive_emulator.requests.clear()
        with pytest.raises(SignInFailed) as caught:
            call()
        for words in said:
            assert words in str(caught.value)
        assert onedrive_emulator.client_secret not in str(caught.value)
        assert "myfiles" in str(caught.value)
        assert not caught.value.may_pass
        assert len(onedrive_emulator.requests) <= 2
        assert onedrive_emulator.requests.matching(origin="graph") == []


@pytest.mark.parametrize("number", [429, 500, 503])
def test_a_sign_in_service_that_stays_away(client, onedrive_emulator, faults, number):
    """Entra that does not work is no wrong secret: it may pass."""
    faults.add(**TOKEN, times=None, do=status(number))
    with pytest.raises((Throttled, ServiceUnavailable), match=f"Entra answered {number}") as caught:
        client.stat("myfiles")
    assert caught.value.may_pass
    assert len(onedrive_emulator.requests.matching(path="/token$")) == client.retry_policy.max_attempts


def test_an_access_token_that_expired(connect, onedrive_emulator):
    """A token from elsewhere cannot be renewed: the error says where to put a fresh one."""
    client = connect(auth="access_token", access_token=onedrive_emulator.token(expired=True))
    with pytest.raises(Unauthenticated, match=r"the token is expired.*put a fresh one into the connection"):
        client.stat("myfiles")
    assert onedrive_emulator.requests.matching(origin="login") == []
    assert len(onedrive_emulator.requests) == 1


def test_an_identity_without_permission(client, onedrive_emulator, drive):
    """403 says what to grant, and is not asked again."""
    drive.put("a.csv")
    drive.deny = True
    with pytest.raises(AccessDenied, match=r"Cannot look at myfiles/a.csv: .*lacks the permission") as caught:
        client.stat("myfiles/a.csv")
    assert not caught.value.may_pass
    with pytest.raises(AccessDenied):
        client.upload(SMALL, "myfiles/b.csv")


@pytest.mark.parametrize(
    "location",
    ["users/nobody@contoso.example/a.csv", "users/nobody@contoso.example", "drives/b!none/a.csv", "items/b!none/01X"],
)
def test_a_place_that_does_not_exist(client, location):
    """A wrong user or drive is told from a missing file: no waiting can help."""
    calls = [client.stat, client.exists, lambda where: list(client.children(where)), client.open]
    calls += [client.delete] if location.endswith(("a.csv", "01X")) else []
    calls += [lambda where: client.upload(b"", where, file_name="x.csv", create_folders=True)]
    for call in calls:
        with pytest.raises(DriveNotFound, match="no such user, drive or site"):
            call(location)


def test_a_missing_drive_is_no_deleted_file(client):
    """A missing file may be ignored; a missing drive is a wrong location."""
    with pytest.raises(DriveNotFound):
        client.delete("users/nobody@contoso.example/a.csv", ignore_if_missing=True)


def test_a_user_who_never_opened_onedrive(client, onedrive_emulator):
    """A user without a drive is a missing drive, not a missing file."""
    onedrive_emulator.add_user("new@contoso.example", provisioned=False)
    with pytest.raises(DriveNotFound, match="has no OneDrive yet"):
        client.exists("users/new@contoso.example/a.csv")


def test_an_application_has_no_place_of_its_own(connect, onedrive_emulator):
    """An app-only connection without myfiles is an error that says what to fill in; nothing is sent."""
    client = connect(myfiles=None)
    with pytest.raises(ConfigurationError, match=r"name@company.example.*myfiles"):
        client.upload(SMALL, "myfiles/a.csv")
    assert len(onedrive_emulator.requests) == 0
    assert client.exists("users/anna@contoso.example")


def test_an_application_with_a_token_from_elsewhere(connect, onedrive_emulator):
    """Whose token it is only Graph knows; its refusal names the way to sign in that /me needs."""
    client = connect(auth="access_token", access_token=onedrive_emulator.token(), myfiles=None)
    with pytest.raises(BadRequest, match="/me request is only valid with delegated authentication flow") as caught:
        client.stat("myfiles/a.csv")
    assert "the connection's field myfiles" in str(caught.value)


def test_a_certificate_that_is_not_trusted(connect, onedrive_emulator):
    """Another authority signed the certificate: an error that says where to put the right one, not a retry."""
    client = connect(ca_certificate=trustme.CA().cert_pem.bytes().decode())
    for call in (lambda: client.stat("myfiles"), lambda: client.upload(SMALL, "myfiles/a.csv")):
        with pytest.raises(ConfigurationError, match=r"TLS certificate of localhost is not signed.*ca_certificate"):
            call()
    assert len(onedrive_emulator.requests) == 0


def test_nobody_listens(connect, drive):
    """A port where nobody listens is a service that may come back."""
    with closing(socket.create_server(("localhost", 0))) as free:
        port = free.getsockname()[1]
    for field in ("graph_url", "authority_url"):
        client = connect(**{field: f"https://localhost:{port}"})
        if field == "graph_url":
            client = connect(
                graph_url=f"https://localhost:{port}", auth="access_token", access_token="x", client_secret=None
            )
        with pytest.raises(ServiceUnavailable) as caught:
            client.upload(SMALL, "myfiles/a.csv")
        assert caught.value.may_pass
        assert caught.value.status is None
    assert drive.paths() == []


# --- links that lead elsewhere


@pytest.mark.parametrize("preauthorized", [False, True])
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_link_in_the_clear_is_not_followed(client, onedrive_emulator, preauthorized, method):
    """Whatever Graph hands out, nothing goes over plain http, and no socket is opened for it."""

    def flow():
        yield Request(method, onedrive_emulator.store_url.replace("https", "http") + "/x", preauthorized=preauthorized)

    with pytest.raises(ConfigurationError, match="it was not followed"):
        client.run(flow())
    assert len(onedrive_emulator.requests) == 0


@pytest.mark.parametrize(
    "url", ["https://localhost:port/y", "https://a..b\u00e4/y", "https://localhost/" + "y" * 70000]
)
def test_a_link_that_cannot_be_read(client, onedrive_emulator, url):
    """A link that is no URL is an error of ours."""

    def flow():
        yield Request("GET", url, preauthorized=True)

    with pytest.raises(ConfigurationError, match="it was not followed"):
        client.run(flow())
    assert len(onedrive_emulator.requests) == 0


def test_a_next_page_on_another_host_gets_no_token(client, onedrive_emulator):
    """A nextLink to another origin is not followed."""

    def flow():
        yield Request("GET", f"{onedrive_emulator.store_url}/v1.0/next?page=2")

    with pytest.raises(ConfigurationError, match="leads to another host"):
        client.run(flow())
    assert len(onedrive_emulator.requests) == 0


# --- stopping


def test_stopping_ends_an_upload(client, onedrive_emulator, drive, faults, tmp_path):
    """A thread that is told to stop in the middle of an upload sends nothing more."""
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(2 * FRAGMENT_BYTES))

    class Stopping(status):
        def before(self, request, world):
            client.stop()

    faults.add(**FRAGMENT, do=Stopping(0))
    with pytest.raises(Stopped, match=r"Cannot upload to myfiles/a.bin"):
        client.upload(path, "myfiles/a.bin")
    assert drive.paths() == []
    assert len(onedrive_emulator.requests.matching(origin="store")) <= 1
    onedrive_emulator.requests.clear()
    for call in (lambda: client.stat("myfiles"), lambda: client.upload(SMALL, "myfiles/b.csv")):
        with pytest.raises(Stopped):
            call()
    assert len(onedrive_emulator.requests) == 0


def test_stopping_ends_a_body(client, onedrive_emulator):
    """In the middle of a request no further piece of its body is sent."""
    taken = []

    def pieces():
        for number in range(20):
            taken.append(number)
            if number == 1:
                client.stop()
            yield bytes(512 * 1024)

    def flow():
        url = f"{onedrive_emulator.store_url}/uploadSession"
        yield Request("PUT", url, body=pieces, body_bytes=20 * 512 * 1024, preauthorized=True)

    with pytest.raises(Stopped):
        client.run(flow())
    assert taken == [0, 1]


def test_stopping_ends_a_wait(client, onedrive_emulator, faults):
    """A wait of minutes ends at once."""
    client.retry_policy = RetryPolicy()
    asked = threading.Event()

    class Throttling(status):
        def before(self, request, world):
            asked.set()
            super().before(request, world)

    faults.add(**CHILDREN, times=None, do=Throttling(429, retry_after=120))
    caught: list[OneDriveError] = []

    def listing():
        try:
            list(client.children("myfiles"))
        except OneDriveError as error:
            caught.append(error)

    thread = threading.Thread(target=listing)
    thread.start()
    assert asked.wait(30)
    client.stop()
    thread.join(30)
    assert not thread.is_alive()
    assert [type(error) for error in caught] == [Stopped]
    assert len(onedrive_emulator.requests.matching(**CHILDREN)) == 1


def test_stopping_ends_a_download(client, drive, faults, tmp_path):
    """A download that is stopped leaves no half file."""
    drive.put("a.bin", LARGE)

    class Stopping(status):
        def before(self, request, world):
            client.stop()

    faults.add(**DOWNLOAD, do=Stopping(0))
    with pytest.raises(Stopped, match="Cannot download"):
        client.download("myfiles/a.bin", tmp_path / "a.bin")
    assert listed(tmp_path) == []


def test_a_server_that_says_nothing(connect, faults):
    """A server that does not answer in time is a lost answer."""
    client = connect(timeout_seconds=1)
    client.stat("myfiles")
    client.retry_policy = RetryPolicy(max_attempts=1)
    faults.add(**CHILDREN, do=delay(20))
    with pytest.raises(ServiceUnavailable, match=r"No answer came: .*timed out"):
        list(client.children("myfiles"))


def test_many_threads_share_a_client(client, onedrive_emulator, drive):
    """Threads upload at once through one client: every file arrives, and the token is fetched once."""
    problems: list[BaseException] = []

    def upload(number):
        try:
            client.upload(f"content {number}".encode(), f"myfiles/x{number % 4}/f{number}.csv", create_folders=True)
        except BaseException as error:  # noqa: BLE001 - shown below
            problems.append(error)

    threads = [threading.Thread(target=upload, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert problems == []
    assert all(drive.read(f"x{n % 4}/f{n}.csv") == f"content {n}".encode() for n in range(24))
    assert len(onedrive_emulator.requests.matching(path="/token$")) == 1


def test_two_tries_at_once(connect, drive):
    """Two tries of the same task that live at once end in one correct file."""
    outcomes: list[str] = []

    def upload():
        outcomes.append(connect().upload(LARGE, "myfiles/a.bin", retrying=True).outcome)

    threads = [threading.Thread(target=upload) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(outcomes) == ["already_there", "created"]
    assert drive.paths() == ["a.bin"]
    assert drive.read("a.bin") == LARGE


def test_a_missing_item_is_asked_for_once(client, onedrive_emulator):
    """404 of a path is an answer, not a failure: it is not asked again."""
    with pytest.raises(ItemNotFound):
        client.stat("myfiles/a.csv")
    assert len(onedrive_emulator.requests.matching(path=r"a\.csv$")) == 1
