"""Every kind of identity gets a token and moves a file: real msal, and an emulator that checks each signature."""

from __future__ import annotations

import asyncio
import base64
import logging
import os
import re
import threading
import time
from contextlib import nullcontext

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from openssl import OpenSsl
from patience import HANG_SECONDS

from airflow_provider_onedrive.emulator.faults import status
from airflow_provider_onedrive.graph.auth.identities import device_sign_in
from airflow_provider_onedrive.graph.auth.token_cache import CachedTokens, forget_all
from airflow_provider_onedrive.graph.client import Client
from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.http.stop_flag import StopFlag
from airflow_provider_onedrive.graph.protocol.errors import (
    ConfigurationError,
    ServiceUnavailable,
    SignInFailed,
    Stopped,
)

SIGN_IN = {"path": "/token$"}


@pytest.fixture(autouse=True)
def no_azure(monkeypatch):
    """The machine that runs the tests is no Azure machine."""
    for name in (
        *("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "MSI_ENDPOINT", "MSI_SECRET", "AZURE_POD_IDENTITY_AUTHORITY_HOST"),
        *("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_AUTHORITY_HOST"),
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def identify(fields):
    """Make clients of one kind of identity, with no field but those that it needs."""
    common = {name: fields[name] for name in ("graph_url", "authority_url", "ca_certificate", "myfiles")}
    clients = []

    def make(auth, *, roots=(), cached_tokens=None, **more):
        given = {**common, "auth": auth, **more}
        settings = Settings.from_fields(given, trusted_hosts=["localhost"], token_file_roots=roots)
        clients.append(Client(settings, cached_tokens=cached_tokens))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def app(fields):
    return {"tenant_id": fields["tenant_id"], "client_id": fields["client_id"]}


@pytest.fixture
def certificate(onedrive_emulator):
    return onedrive_emulator.new_certificate()


def moves_a_file(client):
    client.save("myfiles/a.txt", content=b"content")
    with client.open("myfiles/a.txt") as file:
        return file.read() == b"content"


def signed(emulator):
    return len(emulator.requests.matching(**SIGN_IN))


def encrypted(private_key, passphrase):
    key = load_pem_private_key(private_key.encode(), None)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase.encode())).decode()


@pytest.mark.parametrize("how", ["text", "file", "encrypted"])
def test_a_certificate(identify, app, certificate, tmp_path, how):
    """Key and certificate are PEM text or mounted files; the key may have a passphrase."""
    key, public, more = certificate.private_key, certificate.certificate, {}
    if how == "file":
        for name, text in (("key.pem", key), ("certificate.pem", public)):
            (tmp_path / name).write_text(text)
        key, public = str(tmp_path / "key.pem"), str(tmp_path / "certificate.pem")
    if how == "encrypted":
        key, more = encrypted(key, "pass"), {"certificate_private_key_passphrase": "pass"}
    client = identify("certificate", certificate_private_key=key, certificate=public, **app, **more)
    assert client.settings.is_app
    assert moves_a_file(client)


def test_a_certificate_that_entra_does_not_know(identify, app, onedrive_emulator, certificate):
    """The refusal says what to upload, and shows no key."""
    other = onedrive_emulator.new_certificate(application=onedrive_emulator.add_application())
    client = identify("certificate", certificate_private_key=other.private_key, certificate=other.certificate, **app)
    with pytest.raises(SignInFailed, match=r"AADSTS700027.*upload its public part") as caught:
        client.stat("myfiles")
    assert "PRIVATE" not in str(caught.value)


def test_a_workload_identity(identify, app, onedrive_emulator, tmp_path):
    """The token of the cluster is read anew each time that a token is asked for."""
    file = tmp_path / "token"
    file.write_text(onedrive_emulator.federated_token(expired=True))
    client = identify("federated", roots=[str(tmp_path)], federated_token_file=str(file), **app)
    with pytest.raises(SignInFailed, match="AADSTS700024"):
        client.stat("myfiles")
    file.write_text(onedrive_emulator.federated_token() + "\n")
    assert moves_a_file(client)


def test_a_workload_identity_by_the_environment(fields, onedrive_emulator, tmp_path):
    """Empty fields are what Kubernetes has put into the environment."""
    file = tmp_path / "token"
    file.write_text(onedrive_emulator.federated_token())
    environment = {
        "AZURE_CLIENT_ID": fields["client_id"],
        "AZURE_TENANT_ID": fields["tenant_id"],
        "AZURE_FEDERATED_TOKEN_FILE": str(file),
        "AZURE_AUTHORITY_HOST": fields["authority_url"] + "/",
    }
    given = {"auth": "federated", **{name: fields[name] for name in ("graph_url", "ca_certificate", "myfiles")}}
    settings = Settings.from_fields(
        given, trusted_hosts=["localhost"], token_file_roots=[str(tmp_path)], environment=environment
    )
    with Client(settings) as client:
        assert moves_a_file(client)


def test_a_workload_identity_without_its_file(identify, app, tmp_path):
    """A file that is not there is named; nothing is sent."""
    path = str(tmp_path / "none")
    client = identify("federated", roots=[str(tmp_path)], federated_token_file=path, **app)
    with pytest.raises(ConfigurationError, match=r"federated token file .*none cannot be read \(FileNotFoundError\)"):
        client.stat("myfiles")


@pytest.mark.parametrize("link", [False, True])
def test_a_token_file_anywhere(identify, app, tmp_path, link):
    """Whoever edits a connection must not be able to send any file of the worker, by a link neither."""
    (tmp_path / "secret").write_text("SECRET")
    (tmp_path / "roots").mkdir()
    path = tmp_path / "roots/token" if link else tmp_path / "secret"
    if link:
        path.symlink_to(tmp_path / "secret")
    with pytest.raises(ConfigurationError, match=r"federated_token_file .* nothing was read.*token_file_roots"):
        identify("federated", roots=[str(tmp_path / "roots")], federated_token_file=str(path), **app)


@pytest.mark.parametrize("where", ["managed_identity_environment", "app_service_environment"])
def test_a_managed_identity(identify, onedrive_emulator, monkeypatch, where):
    """The machine's own, of a virtual machine and of App Service; nothing is in the connection."""
    for name, value in getattr(onedrive_emulator, where).items():
        monkeypatch.setenv(name, value)
    client = identify("managed_identity")
    assert client.settings.is_app
    assert moves_a_file(client)


@pytest.mark.parametrize("name", ["client_id", "resource_id"])
def test_an_assigned_identity(identify, onedrive_emulator, monkeypatch, name):
    """The login is its client id or its resource id."""
    for variable, value in onedrive_emulator.managed_identity_environment.items():
        monkeypatch.setenv(variable, value)
    assigned = onedrive_emulator.add_managed_identity()
    assert moves_a_file(identify("managed_identity", client_id=getattr(assigned, name)))


def test_a_managed_identity_where_there_is_none(identify, monkeypatch):
    """A machine that is not Azure's answers nobody: the error asks where this runs."""
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:9")
    client = identify("managed_identity")
    client.retry_policy = client.retry_policy.__class__(max_attempts=1)
    with pytest.raises(ServiceUnavailable, match=r"managed identity's endpoint did not answer.*runs on Azure"):
        client.stat("myfiles")


@pytest.mark.parametrize("public", [False, True])
def test_a_refresh_token(identify, app, fields, onedrive_emulator, public):
    """Somebody who signed in once: with a client secret, or as a public client without one."""
    token = onedrive_emulator.refresh_token(public=public)
    secret = {} if public else {"client_secret": fields["client_secret"]}
    client = identify("refresh_token", refresh_token=token, **app, **secret)
    assert not client.settings.is_app
    assert moves_a_file(client)


def test_each_token_brings_a_new_refresh_token(identify, app, onedrive_emulator):
    """The newest is used next, by every client of the process."""
    token = onedrive_emulator.refresh_token(public=True)
    first, second = (identify("refresh_token", refresh_token=token, **app) for _ in range(2))
    used = []
    for client in (first, second, first):
        client.stat("myfiles")
        client._tokens.renew(client._tokens.token())
        used.append(client._tokens._identity_tokens.refresh_token)
    assert len(set(used)) == 3
    assert token not in used


class Box:
    """A shelf in memory."""

    def __init__(self, text=None):
        self.text, self.writes = text, 0

    def alone(self, *_):
        return nullcontext()

    def read(self):
        return self.text

    def write(self, text):
        self.text, self.writes = text, self.writes + 1


def test_the_newest_refresh_token_waits_for_the_next_process(identify, app, onedrive_emulator):
    """It is kept once a day, and a process that begins later goes on with it."""
    box, token = Box(), onedrive_emulator.refresh_token(public=True)
    client = identify("refresh_token", refresh_token=token, cached_tokens=CachedTokens(refresh_token=box), **app)
    for _ in range(3):
        client.stat("myfiles")
        client._tokens.renew(client._tokens.token())
    assert box.writes == 1
    onedrive_emulator.revoke_refresh_tokens()
    fresh = onedrive_emulator.refresh_token(public=True)
    box.text = box.text.replace(client._tokens._identity._stored()["refresh_token"], fresh)
    forget_all()
    later = identify("refresh_token", refresh_token=token, cached_tokens=CachedTokens(refresh_token=box), **app)
    assert moves_a_file(later)


@pytest.mark.parametrize("kept", ["", "no json", "[]", '{"of": "another", "refresh_token": "x"}'])
def test_what_waits_is_of_no_use(identify, app, onedrive_emulator, kept):
    """Garbage, or the token of what the connection said before, is passed over."""
    token = onedrive_emulator.refresh_token(public=True)
    cached_tokens = CachedTokens(refresh_token=Box(kept))
    assert moves_a_file(identify("refresh_token", refresh_token=token, cached_tokens=cached_tokens, **app))


def test_a_stored_refresh_token_that_is_refused(identify, app, onedrive_emulator, caplog):
    """The connection's own is tried then, and the log says so."""
    token = onedrive_emulator.refresh_token(public=True)
    client = identify("refresh_token", refresh_token=token, **app)
    client._tokens._identity_tokens.refresh_token = "revoked"
    with caplog.at_level(logging.WARNING):
        assert moves_a_file(client)
    assert "trying the connection's own" in caplog.text


def test_a_refresh_token_that_is_refused(identify, app, onedrive_emulator):
    """The error says to sign in anew."""
    token = onedrive_emulator.refresh_token(public=True)
    onedrive_emulator.revoke_refresh_tokens()
    client = identify("refresh_token", refresh_token=token, **app)
    with pytest.raises(SignInFailed, match="Sign in again") as caught:
        client.stat("myfiles")
    assert token not in str(caught.value)


def test_an_access_token(identify, onedrive_emulator):
    """It is used as it is, for a short run."""
    assert moves_a_file(identify("access_token", access_token=onedrive_emulator.token()))
    assert signed(onedrive_emulator) == 0


def test_an_access_token_for_something_else(identify, onedrive_emulator):
    """Its audience is looked at before it is sent."""
    client = identify("access_token", access_token=onedrive_emulator.token(audience="https://vault.azure.net"))
    with pytest.raises(SignInFailed, match=r"is for https://vault.azure.net, and not for localhost"):
        client.stat("myfiles")
    assert len(onedrive_emulator.requests) == 0


def test_one_token_for_all_clients(connect, onedrive_emulator):
    """Clients of one identity share it, also when they all begin at once; another identity has its own."""
    clients = [connect() for _ in range(8)]
    threads = [threading.Thread(target=client.stat, args=("myfiles",)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert signed(onedrive_emulator) == 1
    other = onedrive_emulator.add_application()
    connect(client_id=other.client_id, client_secret=other.client_secret).stat("myfiles")
    assert signed(onedrive_emulator) == 2


def test_a_token_that_others_have_renewed(connect, onedrive_emulator):
    """Eight clients whose token is refused ask for one new one."""
    clients = [connect() for _ in range(8)]
    for client in clients:
        client.stat("myfiles")
    refused = clients[0]._tokens.token()
    for client in clients:
        client._tokens.renew(refused)
    clients[0].stat("myfiles")
    clients[1]._tokens.renew(refused)  # nobody has it any more
    clients[1].stat("myfiles")
    assert signed(onedrive_emulator) == 2


def test_whoever_waits_for_a_token_can_be_stopped(connect):
    """Another client asks for it and takes its time; this one ends at once."""
    client = connect()
    with client._tokens._identity_tokens.lock:
        client.stop()
        with pytest.raises(Stopped):
            client.stat("myfiles")


def test_a_token_of_another_process(connect, fields, onedrive_emulator):
    """It is taken from the shelf, and one that ends soon is not."""
    boxes = {}
    cached_tokens = CachedTokens(lambda digest: boxes.setdefault(digest, Box()))
    settings = connect().settings
    for _ in range(3):
        forget_all()  # as a process that begins
        with Client(settings, cached_tokens=cached_tokens) as client:
            client.stat("myfiles")
    assert signed(onedrive_emulator) == 1
    (box,) = boxes.values()
    box.text = box.text.replace('"ends_at": ', '"ends_at": 0.')
    forget_all()
    with Client(settings, cached_tokens=cached_tokens) as client:
        client.stat("myfiles")
    assert signed(onedrive_emulator) == 2


def test_a_token_in_the_shelf_that_is_refused(connect, onedrive_emulator, faults):
    """It is replaced there, or every process would meet it."""
    box = Box()
    settings = connect().settings
    with Client(settings, cached_tokens=CachedTokens(lambda _: box)) as client:
        client.stat("myfiles")
        faults.add(origin="graph", do=status(401))
        client.stat("myfiles")
    assert signed(onedrive_emulator) == 2
    assert box.writes == 2


def test_a_device_signs_in(fields, onedrive_emulator):
    """Somebody enters the code elsewhere; the refresh token that comes of it works."""
    common = {name: fields[name] for name in ("graph_url", "authority_url", "ca_certificate", "client_id")}
    given = {**common, "auth": "refresh_token", "refresh_token": "none yet", "tenant_id": fields["tenant_id"]}
    scope = f"{fields['graph_url']}/Files.ReadWrite"
    settings = Settings.from_fields({**given, "scopes": scope}, trusted_hosts=["localhost"])
    shown = []

    def show(message):
        shown.append(message)
        onedrive_emulator.approve_device(re.search(r"code ([A-Z]{9})", message)[1])

    token = device_sign_in(settings, show)
    assert "code" in shown[0]
    signed_in = Settings.from_fields({**given, "refresh_token": token}, trusted_hosts=["localhost"])
    with Client(signed_in) as client:
        client.save("myfiles/a.txt", content=b"x")


def test_a_sign_in_that_is_given_up(fields):
    """Nobody enters the code, and the program is told to stop."""
    given = {name: fields[name] for name in ("graph_url", "authority_url", "ca_certificate", "client_id", "tenant_id")}
    given |= {"auth": "refresh_token", "refresh_token": "none yet", "scopes": f"{fields['graph_url']}/Files.Read"}
    flag = StopFlag()
    with pytest.raises(Stopped):
        device_sign_in(Settings.from_fields(given, trusted_hosts=["localhost"]), lambda _: flag.set(), flag)


def test_tokens_are_asked_for_in_a_thread(connect_async, onedrive_emulator, faults):
    """A slow sign-in does not hold up an event loop."""
    release = threading.Event()

    async def tick():
        ticks = 0
        while not release.is_set():
            ticks += 1
            if ticks == 20:
                release.set()
            await asyncio.sleep(0.001)
        return ticks

    async def both():
        async with connect_async() as client:
            original = client._tokens._identity._acquire

            def slow():
                assert release.wait(HANG_SECONDS)
                return original()

            client._tokens._identity._acquire = slow
            ticks, _ = await asyncio.gather(tick(), client.stat("myfiles"))
            return ticks

    assert asyncio.run(both()) == 20


def test_a_token_lasts_until_five_minutes_before_its_end(connect, onedrive_emulator):
    """Until then Entra is not asked again."""
    client = connect()
    client.stat("myfiles")
    left = client._tokens._identity_tokens.end - time.monotonic()
    assert 3000 < left < 3400


@pytest.mark.parametrize("form", ["written out", "DER", "PFX", "base64 of PFX", "chain with the authority first"])
def test_certificate_signs_in_however_it_is_written(identify, app, certificate, tmp_path, form):
    """The emulator checks the signature, and the thumbprint that names the certificate."""
    made = OpenSsl(tmp_path)
    made.write("key.pem", certificate.private_key)
    made.write("cert.pem", certificate.certificate)
    made("x509 -in cert.pem -outform DER -out cert.cer")
    made("pkcs8 -topk8 -nocrypt -in key.pem -outform DER -out key.der")
    made("pkcs12 -export -inkey key.pem -in cert.pem -certfile ca.pem -passout pass:word -out pair.pfx")
    key, public, passphrase = {
        "written out": (made.text("key.pem").replace("\n", "\\n"), made.text("cert.pem").replace("\n", "\\n"), None),
        "DER": (made.path("key.der"), made.path("cert.cer"), None),
        "PFX": (made.path("pair.pfx"), None, "word"),
        "base64 of PFX": (base64.b64encode((tmp_path / "pair.pfx").read_bytes()).decode(), None, "word"),
        "chain with the authority first": (made.path("key.pem"), made.text("ca.pem") + made.text("cert.pem"), None),
    }[form]
    fields = {"certificate_private_key": key, "certificate": public, "certificate_private_key_passphrase": passphrase}
    assert moves_a_file(identify("certificate", **fields, **app))


@pytest.mark.parametrize("kind", ["pipe", "zeros", "large"])
def test_federated_token_that_is_no_small_file(identify, app, tmp_path, kind):
    """Nothing hangs, and nothing fills the memory: the path comes from a connection."""
    path = tmp_path / "token"
    {
        "pipe": lambda: os.mkfifo(path),
        "zeros": lambda: path.symlink_to("/dev/zero"),
        "large": lambda: path.write_bytes(bytes(2**20 + 1)),
    }[kind]()
    client = identify("federated", roots=[str(tmp_path), "/dev"], federated_token_file=str(path), **app)
    with pytest.raises(ConfigurationError, match=r"federated token file .* cannot be read \(it is "):
        client.stat("myfiles")
