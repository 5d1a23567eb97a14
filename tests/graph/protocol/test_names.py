"""What is written under a name is listed, read and deleted under that same name, on both kinds of drives."""

from __future__ import annotations

import json

import pytest
from examples import examples
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from quick_retries import QUICK

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.graph.client import Client
from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.protocol.errors import LocationError
from airflow_provider_onedrive.graph.protocol.names import check_name, check_new_name, repaired

AWKWARD = st.one_of(
    st.characters(min_codepoint=0x20, max_codepoint=0x7E),
    st.sampled_from("%#+&'~!@$^=;,{}[]()` .-_"),
    st.characters(min_codepoint=0x80, max_codepoint=0x24F),  # Latin with its accents
    st.sampled_from("e\u0301a\u0308\u1e9b\u0323\ufb01\u00df\u0130\u0131"),  # composed, decomposed, folded in odd ways
    st.characters(min_codepoint=0x590, max_codepoint=0x8FF),  # written from right to left
    st.sampled_from("\u200b\u200d\u200e\u202e\u2066\ufeff\u00a0\u3000\u2028"),  # what nobody sees
    st.characters(min_codepoint=0x2E80, max_codepoint=0x9FFF),
    st.characters(min_codepoint=0x10000, max_codepoint=0x1FAFF),  # beyond the first plane, emoji among them
    st.characters(categories=["Co", "Cn", "Mn"], min_codepoint=0x80),
)
NAMES = st.text(AWKWARD, min_size=1, max_size=24)
FIRM = settings(max_examples=examples(60), deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module", params=["business", "personal"])
def client(request):
    with Emulator(personality=request.param, users=["anna@contoso.example"]) as emulator:
        known = json.loads(emulator.connection)
        fields = {"client_id": known["login"], "client_secret": known["password"], **known["extra"]}
        if request.param == "personal":
            fields = {key: value for key, value in fields.items() if key not in ("client_secret", "myfiles")}
            token = emulator.token(emulator.users[0])
            fields = {"auth": "access_token", "access_token": token, **fields}
        with Client(Settings.from_fields(fields, trusted_hosts=["localhost"])) as made:
            made.retry_policy = QUICK
            yield made


def is_taken(name: str) -> bool:
    try:
        check_name(name, name)
        check_new_name(name, name)
    except LocationError:
        return False
    return True


@FIRM
@given(NAMES)
def test_a_name_stays_that_name(client, name):
    """As a file, as a folder, and as what is in one."""
    assume("/" not in name and is_taken(name))
    assume(not name.startswith("~") and name.casefold() != "forms")  # of folders SharePoint refuses these too
    content = name.encode()
    item = client.save(f"myfiles/{name}/{name}", content=content, create_folders=True)
    try:
        assert item.name == name
        assert item.location == f"myfiles/{name}/{name}"
        assert [each.location for each in client.children(f"myfiles/{name}")] == [item.location]
        assert name in [each.name for each in client.children("myfiles")]
        with client.open(item.location) as file:
            assert file.read() == content
        assert client.stat(item.to_dict()).name == name
    finally:
        client.delete(f"myfiles/{name}", recursive=True)
    assert not client.exists(f"myfiles/{name}")


@FIRM
@given(NAMES)
def test_a_repaired_name_is_one_that_the_server_takes(client, name):
    """Whatever was meant."""
    assume("/" not in name and name not in (".", ".."))
    fixed = repaired(name)
    client.save(f"myfiles/{fixed}", content=b"x")
    assert client.stat(f"myfiles/{fixed}").name == fixed
    client.delete(f"myfiles/{fixed}")
