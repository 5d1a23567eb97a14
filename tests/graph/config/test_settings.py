"""What a connection says."""

from __future__ import annotations

import dataclasses

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_onedrive.graph.config.settings import AUTH_KINDS, CLOUDS, DEFAULT_USER_AGENT, Settings
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError
from airflow_provider_onedrive.graph.protocol.locations import Location

APP = {"client_id": "id", "client_secret": "SECRET", "tenant_id": "contoso.example"}
CA = trustme.CA().cert_pem.bytes().decode()


LINK = "https://contoso.sharepoint.com/:f:/s/SECRET"


def read(trusted_hosts=(), **fields):
    return Settings.from_fields({**APP, **fields}, trusted_hosts=trusted_hosts)


def signed_pair() -> tuple[str, str]:
    """Make a private key and its certificate."""
    made = trustme.CA().issue_cert("app.example", key_type=trustme.KeyType.RSA)
    return made.private_key_pem.bytes().decode(), made.cert_chain_pems[0].bytes().decode()


def refused(**fields) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read(**fields)
    return str(caught.value)


def test_the_shortest_connection():
    """Client id, secret and tenant are enough; the rest has defaults."""
    settings = read()
    assert (settings.auth, settings.client_id, settings.client_secret) == ("client_secret", "id", "SECRET")
    assert settings.authority == "https://login.microsoftonline.com/contoso.example"
    assert settings.graph_url == "https://graph.microsoft.com"
    assert settings.scopes == ("https://graph.microsoft.com/.default",)
    assert settings.timeout_seconds == 60
    assert settings.user_agent == DEFAULT_USER_AGENT
    assert (settings.myfiles, settings.ca_certificate, settings.proxy) == (None, None, None)
    assert settings.is_app


def test_a_token_from_elsewhere():
    """With auth access_token nothing else is needed, and whose token it is nobody knows."""
    settings = Settings.from_fields({"auth": "access_token", "access_token": " TOKEN\n"})
    assert settings.access_token == "TOKEN"
    assert not settings.is_app


@pytest.mark.parametrize(
    ("field", "value", "attribute", "read_as"),
    [
        ("auth", " client_secret ", "auth", "client_secret"),
        ("client_id", " id2 ", "client_id", "id2"),
        ("client_secret", "s\n", "client_secret", "s"),
        ("tenant_id", "t", "tenant_id", "t"),
        ("myfiles", "anna@contoso.example", "myfiles", Location("users", ("anna@contoso.example",))),
        ("myfiles", "drives/d/Team/", "myfiles", Location("drives", ("d",), ("Team",), is_folder=True)),
        ("scopes", "a b,c", "scopes", ("a", "b", "c")),
        ("scopes", ["a", "b"], "scopes", ("a", "b")),
        ("scopes", ("a",), "scopes", ("a",)),
        ("graph_url", "https://graph.microsoft.us/", "graph_url", "https://graph.microsoft.us"),
        ("authority_url", "https://login.microsoftonline.us", "authority_url", "https://login.microsoftonline.us"),
        ("ca_certificate", CA, "ca_certificate", CA.strip()),
        ("proxy", "http://proxy.example:3128", "proxy", "http://proxy.example:3128"),
        ("proxy", "https://anna:pw@proxy.example", "proxy", "https://anna:pw@proxy.example"),
        ("timeout_seconds", 5, "timeout_seconds", 5.0),
        ("timeout_seconds", 0.5, "timeout_seconds", 0.5),
        ("timeout_seconds", "3600", "timeout_seconds", 3600.0),
        ("user_agent", "ISV|Contoso|App/1.0", "user_agent", "ISV|Contoso|App/1.0"),
        ("shared", '{"a": "drives/d/x"}', "shared", {"a": Location("drives", ("d",), ("x",))}),
        ("shared", {"a": "b!d/01X"}, "shared", {"a": Location("items", ("b!d", "01X"))}),
        ("allowed_locations", ["drives/d/x"], "allowed_locations", (Location("drives", ("d",), ("x",)),)),
        ("allowed_locations", '["drives/d"]', "allowed_locations", (Location("drives", ("d",)),)),
        (
            "allowed_locations",
            "drives/d\n drives/e \n",
            "allowed_locations",
            tuple(Location("drives", (i,)) for i in "de"),
        ),
        ("read_only", "true", "read_only", True),
        ("read_only", False, "read_only", False),
        ("max_concurrent", "4", "max_concurrent", 4),
        ("requests_per_second", "2.5", "requests_per_second", 2.5),
        ("name_policy", "replace", "name_policy", "replace"),
    ],
)
def test_each_field(field, value, attribute, read_as):
    """Every field is read as text, as a connection URI makes it, and as its own type."""
    assert getattr(read(**{field: value}), attribute) == read_as


@pytest.mark.parametrize("cloud", CLOUDS)
def test_each_cloud(cloud):
    """A cloud names both hosts, and the scope is that of its Graph."""
    settings = read(cloud=cloud)
    assert settings.graph_url == CLOUDS[cloud].graph_url
    assert settings.authority_url == CLOUDS[cloud].authority_url
    assert settings.scopes == (f"{CLOUDS[cloud].graph_url}/.default",)


@pytest.mark.parametrize("absent", [None, "", [], {}])
@pytest.mark.parametrize(
    "field",
    [
        "auth",
        "myfiles",
        "cloud",
        "scopes",
        "graph_url",
        "authority_url",
        "ca_certificate",
        "proxy",
        "user_agent",
        "timeout_seconds",
        "certificate",
        "shared",
        "no_such_field",
    ],
)
def test_an_empty_field_is_absent(field, absent):
    """The connection form saves empty fields, so they count as not given."""
    assert read(**{field: absent}) == read()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"auth": "password"},
            [
                "field auth",
                "'password'",
                "client_secret, certificate, federated, managed_identity, refresh_token, access_token",
            ],
        ),
        ({"auth": 1}, ["field auth"]),
        ({"client_id": ""}, ["login (client id)", "needs it"]),
        ({"client_secret": None}, ["password (client secret)", "needs it"]),
        ({"tenant_id": " "}, ["tenant_id", "needs it"]),
        ({"tenant_id": 7}, ["tenant_id", "not text"]),
        ({"client_secret": 7}, ["client secret", "not text"]),
        ({"auth": "access_token"}, ["access_token", "needs it"]),
        ({"shared": "{"}, ["shared is not JSON", "at character 1"]),
        ({"shared": {"a": 1}}, ["shared is not an object of names and texts"]),
        ({"shared": ["a"]}, ["shared is not an object"]),
        ({"shared": {"a": "Finance/x/y"}}, ["shared, entry 'a'", "known root"]),
        ({"shared": {"a/b": "drives/d"}}, ["shared, entry 'a/b'"]),
        ({"shared": {"a": "shared/b"}}, ["shared, entry 'a'"]),
        ({"shared": {"a": "http://x.example/:f:/s/SECRET"}}, ["shared, entry 'a'", "not a plain https"]),
        ({"allowed_locations": "x/y"}, ["allowed_locations is wrong", "known root"]),
        ({"allowed_locations": 7}, ["allowed_locations is not a list"]),
        ({"allowed_locations": ["shared"]}, ["allowed_locations names no drive or folder"]),
        ({"read_only": "perhaps"}, ["read_only is 'perhaps'", "true or false"]),
        ({"max_concurrent": 0}, ["max_concurrent is 0", "1 to 256"]),
        ({"max_concurrent": "2.5"}, ["max_concurrent is '2.5'", "whole number"]),
        ({"max_concurrent": True}, ["max_concurrent is True"]),
        ({"requests_per_second": "x"}, ["requests_per_second is 'x'"]),
        ({"name_policy": "guess"}, ["name_policy is 'guess'", "error, replace"]),
        ({"auth": "access_token", "access_token": "a\nb"}, ["access_token"]),
        ({"auth": "access_token", "access_token": "ä"}, ["access_token"]),
        ({"myfiles": "shared/x"}, ["myfiles names shared"]),
        ({"myfiles": ["x"]}, ["myfiles", "not text"]),
        ({"cloud": "germany"}, ["field cloud", "'germany'", "global, us_gov, us_gov_dod, china"]),
        ({"scopes": 5}, ["scopes"]),
        ({"ca_certificate": "/no/such/file.pem"}, ["ca_certificate", "PEM", "FileNotFoundError"]),
        ({"ca_certificate": "-----BEGIN CERTIFICATE-----\nxx\n-----END CERTIFICATE-----"}, ["ca_certificate"]),
        ({"ca_certificate": "-----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----"}, ["ca_certificate"]),
        ({"ca_certificate": True}, ["ca_certificate", "not text"]),
        ({"proxy": "proxy.example:3128"}, ["proxy"]),
        ({"proxy": "ftp://proxy.example"}, ["proxy"]),
        ({"proxy": "http://"}, ["proxy"]),
        ({"proxy": "http://u:SECRET@proxy.example:port"}, ["proxy"]),
        ({"proxy": 3128}, ["proxy", "not text"]),
        ({"timeout_seconds": "soon"}, ["timeout_seconds", "'soon'", "1 to 3600"]),
        ({"timeout_seconds": 0}, ["timeout_seconds"]),
        ({"timeout_seconds": -1}, ["timeout_seconds"]),
        ({"timeout_seconds": 3601}, ["timeout_seconds"]),
        ({"timeout_seconds": "nan"}, ["timeout_seconds"]),
        ({"timeout_seconds": [1]}, ["timeout_seconds"]),
        ({"user_agent": "a\r\nX: y"}, ["user_agent"]),
        ({"user_agent": "Größe/1.0"}, ["user_agent"]),
        ({"verify": False}, ["verify", "unknown"]),
        ({"tenant": "t"}, ["field tenant is unknown", "Did you mean tenant_id?"]),
    ],
)
def test_a_wrong_field_is_named(fields, said):
    """The error names the field and what to write, and shows no secret."""
    text = refused(**fields)
    for words in said:
        assert words in text
    assert "SECRET" not in text


PAIR, OTHER = (signed_pair() for _ in range(2))


@pytest.mark.parametrize(
    ("auth", "fields", "said"),
    [
        (
            "certificate",
            {"certificate_private_key": None},
            ["certificate_private_key is empty", "needs it"],
        ),
        ("certificate", {"certificate": None}, ["field certificate is empty"]),
        ("certificate", {"certificate": "/no/such.pem"}, ["field certificate is neither PEM", "FileNotFoundError"]),
        ("certificate", {"certificate": dataclasses.__file__}, ["field certificate names a file without PEM text"]),
        ("certificate", {"certificate": OTHER[1]}, ["certificate does not belong to certificate_private_key"]),
        ("certificate", {"certificate": PAIR[0]}, ["field certificate holds no certificate"]),
        ("certificate", {"certificate_private_key": PAIR[1]}, ["certificate_private_key holds no private key"]),
        ("certificate", {"certificate_private_key_passphrase": "x"}, ["is not encrypted", "Remove"]),
        ("certificate", {"tenant_id": None}, ["tenant_id is empty"]),
        ("federated", {"federated_token_file": None}, ["federated_token_file is empty"]),
        ("federated", {"client_id": None}, ["login (client id) is empty"]),
        ("federated", {"federated_token_file": "/etc/passwd"}, ["/etc/passwd", "does not lie below /var/run/secrets"]),
        ("refresh_token", {"refresh_token": None}, ["refresh_token is empty"]),
        ("refresh_token", {"tenant_id": "a b"}, ["tenant_id is not a tenant"]),
        ("managed_identity", {"refresh_token": "SECRET"}, ["refresh_token is not used", "set auth to refresh_token"]),
        ("client_secret", {"certificate": "SECRET"}, ["certificate is not used", "set auth to certificate"]),
        ("client_secret", {"access_token": "SECRET"}, ["access_token is not used", "set auth to access_token"]),
    ],
)
def test_a_field_that_does_not_fit_the_identity(auth, fields, said):
    """Each kind needs its own fields, and a credential that would not be used is refused."""
    needed = {
        "certificate": {"certificate_private_key": PAIR[0], "certificate": PAIR[1]},
        "federated": {"federated_token_file": "/var/run/secrets/token"},
        "refresh_token": {"refresh_token": "SECRET"},
    }
    given = {**APP, "auth": auth, **needed.get(auth, {}), **fields}
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_fields(given, environment={})
    for words in said:
        assert words in str(caught.value)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("auth", AUTH_KINDS)
def test_no_credential_is_shown(auth):
    """Neither in the representation nor in the digests that tell clients apart."""
    of_kind = {
        "certificate": {"certificate_private_key": PAIR[0], "certificate": PAIR[1]},
        "federated": {"federated_token_file": "/var/run/secrets/token"},
        "refresh_token": {"refresh_token": "SECRET"},
        "access_token": {"access_token": "SECRET"},
    }
    settings = Settings.from_fields({**APP, "auth": auth, **of_kind.get(auth, {})})
    shown = repr(settings) + settings.digest + settings.identity_digest
    assert "SECRET" not in shown
    assert "BEGIN" not in shown
    assert settings.digest == Settings.from_fields({**APP, "auth": auth, **of_kind.get(auth, {})}).digest


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("client_secret", "x"),
        ("myfiles", "b@x"),
        ("proxy", "http://p"),
        ("read_only", True),
        ("shared", {"a": LINK + "2"}),
    ],
)
def test_another_field_is_another_digest(field, value):
    """A client that was made for one is not used for the other."""
    assert read(shared={"a": LINK}).digest != read(**{"shared": {"a": LINK}, field: value}).digest


def test_a_link_is_not_shown():
    """What the connection calls shared may be a sharing link, which is a secret."""
    assert "SECRET" not in repr(read(shared={"team": LINK}))


@pytest.mark.parametrize("field", ["graph_url", "authority_url"])
@pytest.mark.parametrize(
    "url",
    [
        "http://graph.microsoft.com",
        "graph.microsoft.com",
        "ftp://graph.microsoft.com",
        "https://",
        "https://graph.microsoft.com/v1.0",
        "https://graph.microsoft.com?x=1",
        "https://graph.microsoft.com#x",
        "https://anna@graph.microsoft.com",
        "https://anna:SECRET@graph.microsoft.com",
        "https://:SECRET@graph.microsoft.com",
        "https://@graph.microsoft.com",
        "https://graph.microsoft.com:port",
        "https://graph.microsoft.com:99999",
        "https://[graph.microsoft.com",
        "https://graph.micro\nsoft.com",
        "https://graph.microsoft.com\\@evil.example",
    ],
)
def test_an_address_that_is_not_plain(field, url):
    """graph_url and authority_url are a plain https origin: no path, no user, no other scheme."""
    text = refused(**{field: url})
    assert field in text
    assert "plain https address" in text
    assert "SECRET" not in text


@pytest.mark.parametrize("field", ["graph_url", "authority_url"])
@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost",
        "127.0.0.1",
        "graph.microsoft.com.evil.example",
        "xgraph.microsoft.com",
        "microsoft.com",
    ],
)
def test_a_host_that_is_not_trusted(field, host):
    """Whoever may edit a connection must not be able to send its secret to another host."""
    text = refused(**{field: f"https://{host}"})
    assert f"{field} is on the host '{host}', which is not trusted" in text
    assert "nothing was sent" in text
    assert "[onedrive] trusted_hosts" in text


@pytest.mark.parametrize("url", ["https://localhost:8443", "https://LOCALHOST"])
@pytest.mark.parametrize("trusted", ["localhost", "LocalHost"])
def test_a_host_that_the_deployment_trusts(url, trusted):
    """A host in trusted_hosts is fine on any port; hosts know no case."""
    assert read([trusted], graph_url=url).graph_url.lower() == url.lower()


@pytest.mark.parametrize("field", ["client_secret", "access_token", "proxy", "ca_certificate"])
def test_no_secret_is_shown(field):
    """The representation of settings goes to logs and tracebacks."""
    value = {"proxy": "http://u:SECRET@proxy.example", "ca_certificate": CA}.get(field, "SECRET")
    shown = repr(read(auth="access_token" if field == "access_token" else "client_secret", **{field: value}))
    assert "SECRET" not in shown
    assert "BEGIN" not in shown


def test_settings_cannot_change():
    """A checked address stays the address that was checked."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        read().graph_url = "https://evil.example"


@given(
    st.sampled_from(["scopes", "timeout_seconds", "graph_url", "proxy", "cloud", "myfiles", "user_agent", "tenant_id"]),
    st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.lists(st.text())),
)
def test_any_value_is_read_or_refused(field, value):
    """Whatever stands in a field, the error is ours."""
    try:
        read(**{field: value})
    except ConfigurationError as error:
        assert field in str(error) or field == "myfiles"  # noqa: PT017 - either way is right
