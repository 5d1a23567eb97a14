"""What the doctor says about set-ups that are broken, word by word: see doctor_findings.txt beside this file.

``WRITE_GOLDEN=1 pytest tests/graph/test_doctor.py`` writes that file anew; read the difference before it is committed.
"""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest
import trustme

from airflow_provider_onedrive.emulator.faults import drop_before, status
from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.doctor import examine
from airflow_provider_onedrive.graph.http import cooldown
from airflow_provider_onedrive.graph.http.cooldown import SharedBackoff, identity_of

GOLDEN = Path(__file__).with_name("doctor_findings.txt")
HOST = "contoso.sharepoint.com"


class Setup:
    """A connection that can be broken."""

    def __init__(self, emulator, fields, tmp_path):
        self.emulator, self.fields, self.tmp_path = emulator, dict(fields), tmp_path
        self.trusted = ["localhost"]
        self.roots = []
        self.write = False
        self.now = time.time
        self.options = {}

    def settings(self):
        return Settings.from_fields(
            self.fields, trusted_hosts=self.trusted, token_file_roots=self.roots, environment={}
        )

    def findings(self, **options):
        return list(examine(self.settings(), write=self.write, now=self.now, **self.options | options))

    def with_certificate(self, made, **more):
        del self.fields["client_secret"]
        self.fields |= {
            "auth": "certificate",
            "certificate": made.certificate,
            "certificate_private_key": made.private_key,
            **more,
        }


def works(setup):
    setup.emulator.drive().put("a.txt", b"a")
    setup.write = True


def wrong_secret(setup):
    setup.fields["client_secret"] = "SECRET"


def expired_secret(setup):
    setup.emulator.application.secret_has_expired = True


def wrong_client(setup):
    setup.fields["client_id"] = "11111111-1111-1111-1111-111111111111"


def wrong_tenant(setup):
    setup.fields["tenant_id"] = "fabrikam.example"


def no_permissions(setup):
    setup.emulator.permissions = []


def only_reading(setup):
    setup.emulator.permissions = ["Files.Read.All"]
    setup.write = True


def only_sites_that_were_granted(setup):
    setup.emulator.permissions = ["Sites.Selected"]


def something_else_granted(setup):
    setup.emulator.permissions = ["User.Read.All"]


def no_myfiles(setup):
    del setup.fields["myfiles"]


def a_user_who_is_not_there(setup):
    setup.fields["myfiles"] = "nobody@contoso.example"


def a_user_without_onedrive(setup):
    setup.emulator.add_user("new@contoso.example", provisioned=False)
    setup.fields["myfiles"] = "new@contoso.example"


def a_library_that_is_not_there(setup):
    setup.emulator.add_site("/sites/Finance")
    setup.fields["myfiles"] = f"sites/{HOST}/sites/Finance/Nothing"


def me_with_an_app(setup):
    setup.fields = {name: setup.fields[name] for name in ("graph_url", "authority_url", "ca_certificate")}
    setup.fields |= {"auth": "access_token", "access_token": setup.emulator.token()}


def an_expired_access_token(setup):
    me_with_an_app(setup)
    setup.fields["access_token"] = setup.emulator.token(expired=True)


def an_access_token_for_something_else(setup):
    me_with_an_app(setup)
    setup.fields["access_token"] = setup.emulator.token(audience="https://vault.azure.net")


def an_authority_that_is_not_trusted(setup):
    setup.fields["ca_certificate"] = trustme.CA().cert_pem.bytes().decode()


def a_dead_proxy(setup):
    setup.fields["proxy"] = "http://user:SECRET@127.0.0.1:9"
    setup.trusted.append("127.0.0.1")


def nobody_at_the_sign_in_address(setup):
    setup.fields["authority_url"] = "https://localhost:9"


def a_clock_that_is_fast(setup):
    setup.now = lambda: time.time() + 500


def a_busy_sign_in_service(setup):
    setup.emulator.faults.add(path="/token$", times=None, do=status(429, retry_after=400))


def graph_is_away(setup):
    setup.emulator.faults.add(origin="graph", times=None, do=status(503))


def a_pause(setup):
    setup.options["cool_down_folder"] = setup.tmp_path
    SharedBackoff(identity_of(setup.settings()), setup.tmp_path).pause(3000)
    cooldown.forget_all()  # it was begun by another process


def a_pause_that_is_cleared(setup):
    a_pause(setup)
    setup.options["clear_pause"] = True


def no_pause_to_clear(setup):
    setup.options["clear_pause"] = True


def a_download_host_that_hangs_up(setup):
    setup.emulator.drive().put("a.txt", b"a")
    setup.emulator.faults.add(operation="download", times=None, do=drop_before())


def shared_folders(setup):
    drive = setup.emulator.drive()
    drive.put("Team/a.txt", b"a")
    setup.fields["shared"] = {
        "good": f"drives/{drive.id}/Team",
        "gone": f"drives/{drive.id}/Gone",
        "link": drive.link("Team"),
    }


def only_some_places(setup):
    setup.emulator.drive().put("in/a.txt", b"a")
    setup.fields["allowed_locations"] = ["myfiles/in", "myfiles/none"]
    setup.write = True


def some_places(setup):
    only_some_places(setup)
    setup.fields["allowed_locations"] = ["myfiles/in"]


def a_reader_who_shall_write(setup):
    setup.fields["read_only"] = True
    setup.write = True


def an_expired_certificate(setup):
    setup.with_certificate(setup.emulator.new_certificate(expired=True))


def a_certificate_that_entra_does_not_know(setup):
    other = setup.emulator.add_application()
    setup.with_certificate(setup.emulator.new_certificate(application=other))


def a_federated_token_of_somebody_else(setup):
    file = setup.tmp_path / "token"
    file.write_text(setup.emulator.federated_token("system:serviceaccount:other:other", trusted=False))
    del setup.fields["client_secret"]
    setup.fields |= {"auth": "federated", "federated_token_file": str(file)}
    setup.roots = [str(setup.tmp_path)]


def a_user_who_did_not_consent(setup):
    setup.fields |= {"auth": "refresh_token", "refresh_token": setup.emulator.refresh_token()}
    setup.fields["scopes"] = f"{setup.fields['graph_url']}/Sites.FullControl.All"


def a_signed_in_user(setup):
    setup.fields |= {"auth": "refresh_token", "refresh_token": setup.emulator.refresh_token()}
    del setup.fields["myfiles"]
    setup.write = True


def a_refresh_token_that_was_revoked(setup):
    a_signed_in_user(setup)
    setup.emulator.revoke_refresh_tokens()


SETUPS = [
    *(works, a_signed_in_user, wrong_secret, expired_secret, wrong_client, wrong_tenant, no_permissions, only_reading),
    *(only_sites_that_were_granted, something_else_granted, no_myfiles, a_user_who_is_not_there),
    *(a_user_without_onedrive, a_library_that_is_not_there, me_with_an_app, an_expired_access_token),
    *(an_access_token_for_something_else, an_authority_that_is_not_trusted, a_dead_proxy),
    *(nobody_at_the_sign_in_address, a_clock_that_is_fast, a_busy_sign_in_service, graph_is_away),
    *(a_download_host_that_hangs_up, shared_folders, a_reader_who_shall_write, an_expired_certificate),
    *(some_places, only_some_places),
    *(a_certificate_that_entra_does_not_know, a_federated_token_of_somebody_else, a_user_who_did_not_consent),
    *(a_refresh_token_that_was_revoked, a_pause, a_pause_that_is_cleared, no_pause_to_clear),
]


@pytest.fixture
def setup(onedrive_emulator, fields, tmp_path):
    return Setup(onedrive_emulator, fields, tmp_path)


def in_general(setup, text):
    """Replace what is another one in each run."""
    emulator = setup.emulator
    known = {
        emulator.graph_url: "https://GRAPH",
        emulator.authority_url: "https://LOGIN",
        emulator.state.store_url: "https://STORE",
        emulator.tenant_id: "TENANT",
        emulator.client_id: "CLIENT",
        str(setup.tmp_path): "/TMP",
    }
    for value, name in known.items():
        text = text.replace(value, name)
    text = re.sub(r"b![\w-]+", "DRIVE", text)
    text = re.sub(r"\b01[A-Z0-9]{32}\b", "ITEM", text)
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID", text)
    text = re.sub(r"doctor-[0-9a-f]{8}", "doctor-HEX", text)
    text = re.sub(r"\d{4}-\d\d-\d\d", "DAY", text)
    text = re.sub(r"\d\d:\d\d:\d\d UTC", "TIME UTC", text)
    text = re.sub(r"\b[0-9A-F]{64}\b", "THUMBPRINT", text)
    return re.sub(r"\b\d+ (s|days|minutes)\b", r"N \1", text)


def written(setup, findings):
    lines = [f"[{finding.state}] {finding.step}: {finding.text} {finding.advice}".strip() for finding in findings]
    return in_general(setup, "\n".join(lines))


def golden():
    text = GOLDEN.read_text(encoding="utf-8") if GOLDEN.exists() else ""
    return dict(part.strip().split("\n", 1) for part in text.split("\n## ")[1:])


@pytest.mark.parametrize("break_", SETUPS, ids=lambda break_: break_.__name__)
def test_what_is_said(setup, break_):
    """Each step in plain words, with who has to do what, and no secret in it."""
    break_(setup)
    said = written(setup, setup.findings())
    assert "SECRET" not in said
    assert setup.emulator.client_secret not in said
    if os.environ.get("WRITE_GOLDEN"):
        parts = golden() | {break_.__name__: said}
        text = "".join(f"\n## {each.__name__}\n{parts[each.__name__]}\n" for each in SETUPS if each.__name__ in parts)
        GOLDEN.write_text(f"What the doctor says.\n{text}", encoding="utf-8")
    assert said == golden()[break_.__name__]


def test_nothing_is_left_behind(setup):
    """The tiny file is gone, and without being asked the doctor writes none."""
    setup.write = True
    assert {finding.state for finding in setup.findings()} <= {"ok", "skipped"}
    assert setup.emulator.drive().paths() == []
    setup.write = False
    setup.emulator.requests.clear()
    setup.findings()
    assert {request.method for request in setup.emulator.requests.matching(origin="graph")} == {"GET"}


def test_a_pause_sends_nothing_to_graph(setup):
    """The doctor keeps it too: requests during a pause make it longer."""
    a_pause(setup)
    setup.findings()
    assert setup.emulator.requests.matching(origin="graph") == []
    setup.findings(clear_pause=True)
    assert {finding.state for finding in setup.findings()} <= {"ok", "skipped"}


def test_a_host_gets_no_token(setup):
    """The probes of the sign-in service and of the download host carry none."""
    setup.emulator.drive().put("a.txt", b"a")
    setup.findings()
    assert len(setup.emulator.leaks) == 0
