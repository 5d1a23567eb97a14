"""Certificates and keys as people have them: they are read, or the error says what they are and how to convert them."""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
import sys
import textwrap
from importlib.util import find_spec
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openssl import OpenSsl
from patience import HANG_SECONDS

from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.config.small_files import MAX_BYTES
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError

APP = {"auth": "certificate", "client_id": "id", "tenant_id": "contoso.example"}
BLANK_PASS = "pass phrase "


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    return OpenSsl(tmp_path_factory.mktemp("openssl"))


def read(key=None, certificate=None, passphrase=None):
    fields = {
        "certificate_private_key": key,
        "certificate": certificate,
        "certificate_private_key_passphrase": passphrase,
    }
    return Settings.from_fields({**APP, **fields}).certificate


def refused(*arguments, **fields):
    with pytest.raises(ConfigurationError) as caught:
        read(*arguments, **fields)
    return str(caught.value)


def check(pair, made, expected="cert.pem"):
    """Check that a pair is the one that openssl made, in the form that msal reads."""
    key = load_pem_private_key(pair.private_key.encode(), None)
    assert key.private_numbers() == load_pem_private_key(made.text("key.pem").encode(), None).private_numbers()
    certificate = load_pem_x509_certificate(pair.certificate.encode())
    assert certificate == load_pem_x509_certificate(made.text(expected).encode())
    assert pair.certificate.count("BEGIN") == 1
    assert pair.expires_at == certificate.not_valid_after_utc


# --- PEM text

WRITINGS = {
    "as it is": lambda text: text,
    "without its last line break": str.strip,
    "written out": lambda text: text.replace("\n", "\\n"),
    "written out twice": lambda text: text.replace("\n", "\\\\n"),
    "written out as on Windows": lambda text: text.replace("\n", "\\r\\n"),
    "lines of Windows": lambda text: text.replace("\n", "\r\n"),
    "in one line": lambda text: text.replace("\n", " "),
    "indented": lambda text: textwrap.indent(text, "    "),
    "with blanks at the ends": lambda text: text.replace("\n", "  \n"),
    "in quotes": lambda text: f'"{text}"',
    "with a mark": lambda text: f"\ufeff{text}",
    "with a comment": lambda text: f"# der Schlüssel für Übertragungen\n{text}\n# Ende\n",
    "with attributes": lambda text: (
        f"Bag Attributes\n    friendlyName: Schlüssel\nKey Attributes: <No Attributes>\n{text}"
    ),
    "with marks of no width": lambda text: text.replace("\n", "\u200b\n\u00a0"),
    "with empty lines": lambda text: text.replace("\n", "\n\n"),
    "base64 of all": lambda text: base64.b64encode(text.encode()).decode(),
}


@pytest.mark.parametrize("writing", WRITINGS)
def test_pem_text_is_read_in_every_writing(made, writing):
    """Forms, JSON, shells, YAML and .env files change line breaks; nothing of that changes the certificate."""
    write = WRITINGS[writing]
    check(read(write(made.text("key.pem")), write(made.text("cert.pem"))), made)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.parametrize("writing", ["as it is", "with a comment", "lines of Windows"])
def test_pem_files_are_read_in_every_encoding(made, tmp_path, encoding, writing):
    """Editors of Windows write a mark, or UTF-16; comments hold anything."""
    paths = []
    for name in ("key.pem", "cert.pem"):
        paths.append(tmp_path / name)
        paths[-1].write_text(WRITINGS[writing](made.text(name)), encoding=encoding, newline="")
    check(read(*map(str, paths)), made)


@pytest.mark.parametrize(
    "command",
    [
        "rsa -in key.pem -traditional -out {out}",
        "rsa -in key.pem -traditional -aes256 -passout pass:word -out {out}",
        "rsa -in key.pem -traditional -des3 -passout pass:word -out {out}",
        "pkcs8 -topk8 -in key.pem -passout pass:word -out {out}",
        "pkcs8 -topk8 -in key.pem -passout pass:word -v1 PBE-SHA1-3DES -out {out}",
    ],
)
@pytest.mark.parametrize("writing", ["as it is", "written out", "in one line"])
def test_keys_of_every_kind_are_read(made, command, writing):
    """The old form of openssl and PKCS #8, encrypted or not; the old encryption has lines of its own."""
    made(command.format(out="other.pem"))
    key = WRITINGS[writing](made.text("other.pem"))
    check(read(key, made.text("cert.pem"), "word" if "pass:" in command else None), made)


@pytest.mark.parametrize("passphrase", [None, "word"])
def test_openssh_key_is_read(made, passphrase):
    """ssh-keygen writes RSA keys in a form of its own."""
    path = Path(made.write("ssh", made.text("key.pem")))
    path.chmod(0o600)
    if not shutil.which("ssh-keygen"):
        pytest.skip("ssh-keygen is not there")
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", passphrase or "", "-f", path], check=True)
    key = made.text("ssh")
    assert "OPENSSH" in key
    if passphrase and not find_spec("bcrypt"):
        assert "ssh-keygen -p -m PEM" in refused(key, made.text("cert.pem"), passphrase)
    else:
        check(read(key, made.text("cert.pem"), passphrase), made)


# --- passphrases


def encrypted(made, passphrase, name="blank.pem"):
    key = load_pem_private_key(made.text("key.pem").encode(), None)
    made.write(
        name,
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(passphrase.encode()),
        ),
    )
    return made.path(name)


@pytest.mark.parametrize("passphrase", [BLANK_PASS, " ", "\tx", "pässword", "x\n"])
def test_passphrase_keeps_its_blanks(made, passphrase):
    """A blank at the end belongs to it."""
    check(read(encrypted(made, passphrase), made.text("cert.pem"), passphrase), made)


@pytest.mark.parametrize("copied", ["word\n", " word", "word \r\n"])
def test_blanks_that_were_copied_with_a_passphrase_are_left_out(made, copied):
    """A line break comes along where it is copied from a terminal."""
    check(read(encrypted(made, "word"), made.text("cert.pem"), copied), made)


def test_blank_passphrase_of_a_plain_key_is_none(made):
    """A form stores a blank."""
    check(read(made.path("key.pem"), made.text("cert.pem"), " "), made)


@pytest.mark.parametrize(
    ("passphrase", "words"),
    [(None, "is encrypted. Give its passphrase"), ("other", "cannot be read with this passphrase"), (7, "is not text")],
)
def test_wrong_passphrase_is_named(made, passphrase, words):
    """And not shown."""
    said = refused(encrypted(made, "word"), made.text("cert.pem"), passphrase)
    assert words in said
    assert "other" not in said


# --- other files


@pytest.mark.parametrize(
    ("passphrase", "form", "place", "option"),
    [
        ("", "path", "key", ""),
        ("", "path", "certificate", " -legacy"),
        ("word", "path", "both", ""),
        ("word", "base64", "key", " -legacy"),
        (BLANK_PASS, "base64", "certificate", ""),
        (BLANK_PASS, "path", "key", " -legacy"),
    ],
)
def test_pfx_is_read(made, *, passphrase, form, place, option):
    """It holds both parts, in whichever field its path or its base64 stands; other programs make the legacy form."""
    command = f"pkcs12 -export -inkey key.pem -in cert.pem -certfile ca.pem -out a.pfx -passout stdin{option}"
    subprocess.run(["openssl", *command.split()], cwd=made.folder, input=f"{passphrase}\n", text=True, check=True)
    value = made.path("a.pfx")
    if form == "base64":
        value = base64.b64encode((made.folder / "a.pfx").read_bytes()).decode()
    fields = {"key": value if place != "certificate" else None, "certificate": value if place != "key" else None}
    check(read(**fields, passphrase=passphrase or None), made)


def test_der_is_read(made):
    """A .cer of Windows, and keys of PKCS #8, PKCS #1, and encrypted ones."""
    made("x509 -in cert.pem -outform DER -out cert.cer")
    for command in (
        "pkcs8 -topk8 -nocrypt -in key.pem -outform DER -out key.der",
        "rsa -in key.pem -traditional -outform DER -out key.der",
        "pkcs8 -topk8 -in key.pem -passout pass:word -outform DER -out key.der",
        "pkcs8 -topk8 -in key.pem -passout pass:word -v1 PBE-SHA1-3DES -outform DER -out key.der",
    ):
        made(command)
        check(read(made.path("key.der"), made.path("cert.cer"), "word" if "pass:" in command else None), made)
    made("x509 -in issued.pem -outform DER -out issued.cer")  # of version 1, as openssl issues them
    check(read(made.text("key.pem"), made.path("issued.cer")), made, "issued.pem")
    content = base64.b64encode((made.folder / "cert.cer").read_bytes()).decode()
    check(read(made.text("key.pem"), textwrap.fill(content, 64)), made)


@pytest.mark.parametrize("order", ["cert.pem ca.pem", "ca.pem issued.pem", "ca.pem ca.pem cert.pem"])
@pytest.mark.parametrize("form", ["text", "path", "pkcs7", "pkcs7 DER"])
def test_chain_is_read_in_any_order(made, order, form):
    """The certificate of the key is taken, wherever in its chain it stands."""
    text = "".join(made.text(name) for name in order.split())
    path = made.write("chain.pem", text)
    if form.startswith("pkcs7"):
        made(f"crl2pkcs7 -nocrl -certfile chain.pem -out chain.p7b -outform {'DER' if 'DER' in form else 'PEM'}")
        path = made.path("chain.p7b")
    pair = read(made.path("key.pem"), text if form == "text" else path)
    check(pair, made, "issued.pem" if "issued" in order else "cert.pem")


@pytest.mark.parametrize("place", ["key", "certificate", "both"])
@pytest.mark.parametrize("order", ["key.pem cert.pem", "cert.pem key.pem", "ca.pem cert.pem key.pem"])
def test_both_parts_in_one_file_are_read(made, place, order):
    """As ``az ad sp create-for-rbac --create-cert`` writes them."""
    text = "".join(made.text(name) for name in order.split())
    fields = {"key": text if place != "certificate" else None, "certificate": text if place != "key" else None}
    check(read(**fields), made)


# --- what cannot be used is named


@pytest.fixture
def odd(made):
    """Make files of other kinds; return the path of one."""
    commands = {
        "ec.pem": "ecparam -genkey -name prime256v1 -out ec.pem",
        "ec-plain.pem": "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out ec-plain.pem",
        "ed.pem": "genpkey -algorithm ed25519 -out ed.pem",
        "public.pem": "pkey -in key.pem -pubout -out public.pem",
        "public.der": "pkey -in key.pem -pubout -outform DER -out public.der",
        "public-1.der": "rsa -in key.pem -RSAPublicKey_out -outform DER -out public-1.der",
        "request.der": "req -in request.pem -outform DER -out request.der",
        "trusted.pem": "x509 -in cert.pem -trustout -out trusted.pem",
        "other.pfx": "pkcs12 -export -inkey key.pem -in cert.pem -passout pass:word -out other.pfx",
        "no-key.pfx": "pkcs12 -export -nokeys -in cert.pem -passout pass: -out no-key.pfx",
    }
    contents = {
        "store.jks": b"\xfe\xed\xfe\xed" + bytes(200),
        "key.ppk": b"PuTTY-User-Key-File-3: ssh-rsa\n",
        "words.txt": b"nothing of that kind",
        "empty": b"",
        "broken.pem": b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "cut.pem": made.text("key.pem")[:-200].encode() + b"\n-----END PRIVATE KEY-----\n",
        "foreign.der": b"\x30\x05\x0c\x03abc",
        "cut.der": b"\x30\x82",
        "one.der": b"\x30",
        "endless.der": b"\x30\x80\x30\x80",
    }

    def get(name):
        if name in commands:
            made(commands[name])
        elif name in contents:
            made.write(name, contents[name])
        if name in ("ec.pem", "ec-plain.pem", "ed.pem"):
            made(f"req -x509 -key {name} -days 9 -subj /CN=x -out {name}.crt")
        return made.path(name)

    return get


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ec.pem", ["EC key (secp256r1)", "RSA", "openssl req -x509 -newkey rsa:2048"]),
        ("ec-plain.pem", ["EC key (secp384r1)", "RSA", "openssl req"]),
        ("ed.pem", ["Ed25519PrivateKey", "RSA", "openssl req"]),
        ("public.pem", ["holds no private key but a public key"]),
        ("public.der", ["holds no private key but a public key"]),
        ("public-1.der", ["holds no private key but a public key"]),
        ("request.pem", ["holds no private key but a certificate request"]),
        ("request.der", ["holds no private key but a certificate request"]),
        ("cert.pem", ["holds no private key but a certificate"]),
        ("other.pfx", ["PFX file that cannot be read without a passphrase", "openssl pkcs12 -legacy -in"]),
        ("no-key.pfx", ["PFX file without a private key"]),
        ("store.jks", ["a Java keystore", "keytool -importkeystore"]),
        ("key.ppk", ["a key of PuTTY", "puttygen"]),
        ("foreign.der", ["binary (DER) of another kind", "openssl asn1parse"]),
        ("cut.der", ["binary (DER) of another kind"]),
        ("one.der", ["binary (DER) of another kind"]),
        ("endless.der", ["binary (DER) of another kind"]),
        ("words.txt", ["without PEM text"]),
        ("empty", ["without PEM text"]),
        ("cut.pem", ["holds no private key that can be read"]),
    ],
)
def test_key_of_another_kind_is_named(made, odd, name, words):
    """The error says what it is, and what to do with it."""
    path = odd(name)
    certificate = f"{path}.crt" if name in ("ec.pem", "ec-plain.pem", "ed.pem") else made.path("cert.pem")
    said = refused(path, certificate)
    assert "field certificate_private_key " in said
    for each in words:
        assert each in said


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("request.pem", ["holds no certificate but a certificate request", "authority that signs it returns"]),
        ("key.pem", ["holds no certificate but a private key"]),
        ("public.pem", ["holds no certificate but a public key"]),
        ("trusted.pem", ["OpenSSL's trust settings", "openssl x509 -in"]),
        ("broken.pem", ["certificate that cannot be read"]),
        ("store.jks", ["a Java keystore", "keytool"]),
        ("words.txt", ["without PEM text"]),
        ("ca.pem", ["does not belong to certificate_private_key"]),
    ],
)
def test_certificate_of_another_kind_is_named(made, odd, name, words):
    """In the same way."""
    said = refused(made.path("key.pem"), odd(name))
    assert "field certificate " in said
    for each in words:
        assert each in said


def test_error_quotes_nothing_of_a_file(made, odd):
    """A connection could name any file of a worker, and a key is a secret."""
    path = made.write("passwords", "-----BEGIN SECRET-----\nSECRET\n-----END SECRET-----\n")
    for said in (
        refused(path, made.path("cert.pem")),
        refused(made.path("key.pem"), path),
        refused(odd("cut.pem"), "x"),
    ):
        assert "SECRET\n" not in said
        assert not set(re.findall(r"\S{40,}", said)) & set(made.text("key.pem").split())


FILES = ("key.pem", "cert.pem", "key.der", "cert.cer", "pair.pfx", "chain.p7b", "locked.pem")


@pytest.fixture(scope="session")
def whole(made):
    """The contents of files of every kind."""
    made("pkcs8 -topk8 -nocrypt -in key.pem -outform DER -out key.der")
    made("x509 -in cert.pem -outform DER -out cert.cer")
    made("pkcs12 -export -inkey key.pem -in cert.pem -passout pass: -out pair.pfx -keypbe NONE -certpbe NONE -nomac")
    made("crl2pkcs7 -nocrl -certfile cert.pem -out chain.p7b -outform DER")
    made("pkcs8 -topk8 -in key.pem -passout pass:word -out locked.pem")
    return {name: (made.folder / name).read_bytes() for name in FILES}


@given(
    name=st.sampled_from(FILES),
    field=st.sampled_from(["certificate_private_key", "certificate", "ca_certificate"]),
    changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=3),
    end=st.one_of(st.just(1.0), st.floats(0, 1)),
)
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_file_is_read_or_refused(made, whole, *, name, field, changes, end):
    """Whatever the content of a file, the error is ours, and names the field."""
    content = bytearray(whole[name])
    for at, value in changes:
        content[int(at * (len(content) - 1))] = value
    path = made.write("damaged", bytes(content[: int(end * len(content))]))
    try:
        Settings.from_fields(of_pair(made, field, path))
    except ConfigurationError as error:
        assert "field " in str(error)  # noqa: PT017 - either way is right


# --- paths

KINDS = ("certificate_private_key", "certificate", "ca_certificate")


def of_pair(made, name, path):
    fields = {"certificate_private_key": made.path("key.pem"), "certificate": made.path("cert.pem")}
    return {**APP, **fields, name: path}


@pytest.mark.parametrize("name", KINDS)
def test_links_of_kubernetes_are_followed(made, tmp_path, name):
    """It mounts a secret as a link to a file in a folder, which is a link as well."""
    (tmp_path / "..2026").mkdir()
    (tmp_path / "..2026/file.pem").write_bytes(
        (made.folder / ("key.pem" if "key" in name else "cert.pem")).read_bytes()
    )
    (tmp_path / "..data").symlink_to("..2026")
    (tmp_path / "file.pem").symlink_to("..data/file.pem")
    assert Settings.from_fields(of_pair(made, name, str(tmp_path / "file.pem"))).certificate is not None


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("pipe", "a device, a pipe or a socket"),
        ("link to a pipe", "a device, a pipe or a socket"),
        ("/dev/zero", "a device, a pipe or a socket"),
        ("link to /dev/zero", "a device, a pipe or a socket"),
        ("folder", "it is a folder"),
        ("large", "larger than 1024 KiB"),
        ("none", "FileNotFoundError"),
        ("loop", "OSError"),
        ("a\0b", "ValueError"),
    ],
)
def test_paths_of_other_things_are_refused(made, tmp_path, *, name, kind, words):
    """Nothing hangs, and nothing fills the memory."""
    path = tmp_path / "thing"
    {
        "pipe": lambda: os.mkfifo(path),
        "link to a pipe": lambda: (os.mkfifo(tmp_path / "pipe"), path.symlink_to("pipe")),
        "link to /dev/zero": lambda: path.symlink_to("/dev/zero"),
        "folder": path.mkdir,
        "large": lambda: path.write_bytes(b"-" * (MAX_BYTES + 1)),
        "loop": lambda: path.symlink_to(path),
    }.get(kind, lambda: None)()
    fields = of_pair(made, name, kind if kind in ("/dev/zero", "a\0b") else str(path))
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_fields(fields)
    assert f"field {name} " in str(caught.value)
    assert words in str(caught.value)


def test_file_of_the_largest_size_is_read(made, tmp_path):
    """A bundle with long comments."""
    path = tmp_path / "bundle.pem"
    path.write_text(made.text("ca.pem").rjust(MAX_BYTES, "#"))
    assert (
        Settings.from_fields(of_pair(made, "ca_certificate", str(path))).ca_certificate == made.text("ca.pem").strip()
    )


# --- authorities


@pytest.mark.parametrize("writing", WRITINGS)
def test_authorities_are_read_in_every_writing(made, writing):
    """The same as for certificates."""
    text = WRITINGS[writing](made.text("ca.pem"))
    assert Settings.from_fields(of_pair(made, "ca_certificate", text)).ca_certificate == made.text("ca.pem").strip()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_bundle_with_comments_is_read(made, tmp_path, encoding):
    """As the bundle of a distribution: a comment before each certificate, with the name of its owner."""
    text = f"# Főtanúsítvány\n{made.text('ca.pem')}\n# Ελλάδα Ñ\n{made.text('cert.pem')}"
    if encoding == "latin-1":
        text = f"# Autorité de certification\n{made.text('ca.pem')}\n# Español\n{made.text('cert.pem')}"
    path = tmp_path / "bundle.pem"
    path.write_text(text, encoding=encoding)
    authorities = Settings.from_fields(of_pair(made, "ca_certificate", str(path))).ca_certificate
    assert authorities == made.text("ca.pem") + made.text("cert.pem").strip()


@pytest.mark.parametrize("form", ["DER", "pkcs7", "pkcs7 DER"])
def test_authorities_of_windows_are_read(made, form):
    """Its export writes DER (.cer), or PKCS #7 (.p7b)."""
    if form == "DER":
        made("x509 -in ca.pem -outform DER -out ca.cer")
    else:
        made(f"crl2pkcs7 -nocrl -certfile ca.pem -out ca.cer -outform {'DER' if 'DER' in form else 'PEM'}")
    authorities = Settings.from_fields(of_pair(made, "ca_certificate", made.path("ca.cer"))).ca_certificate
    assert authorities.strip() == made.text("ca.pem").strip()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("key.pem", ["holds no certificate", "a private key"]),
        ("other.pfx", ["a PFX file", "openssl pkcs12 -in FILE -nokeys"]),
        ("trusted.pem", ["OpenSSL's trust settings", "openssl x509"]),
        ("store.jks", ["a Java keystore", "keytool"]),
        ("words.txt", ["neither PEM nor DER"]),
        ("broken.pem", ["cannot be read"]),
    ],
)
def test_authority_of_another_kind_is_named(made, odd, name, words):
    """With the command that converts it."""
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_fields(of_pair(made, "ca_certificate", odd(name)))
    assert "field ca_certificate " in str(caught.value)
    for each in words:
        assert each in str(caught.value)


def test_authorities_in_pem_load_no_cryptography(made):
    """It is slow to load, and most connections need none of it."""
    code = (
        "import sys\nfrom airflow_provider_onedrive.graph.config.settings import Settings\n"
        "fields = {'client_id': 'c', 'tenant_id': 't', 'client_secret': 's', 'ca_certificate': sys.argv[1]}\n"
        "Settings.from_fields(fields)\nassert 'cryptography' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, made.path("ca.pem")], check=True, timeout=HANG_SECONDS)
