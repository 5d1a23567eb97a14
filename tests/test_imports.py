"""Who may import whom: the architecture, read from the code."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import airflow_provider_onedrive

PACKAGE = "airflow_provider_onedrive"
ROOT = Path(airflow_provider_onedrive.__file__).parent

# Each module of graph/ and the modules of graph/ it may import. `errors` is the common ground.
GRAPH = {
    "__init__": {"client"},
    "errors": set(),
    "messages": {"errors"},
    "models": set(),
    "names": {"errors"},
    "locations": {"errors", "names", "webaddresses"},
    "webaddresses": {"errors"},
    "quickxor": set(),
    "redaction": set(),
    "fields": {"errors"},
    "certificates": {"fields"},
    "settings": {"certificates", "errors", "fields", "locations"},
    "retry": {"errors", "messages"},
    "paths": {"errors"},
    "sources": {"errors", "paths"},
    "hashing": {"models", "quickxor", "sources"},
    "resume": {"errors", "models"},
    "places": {"errors", "items", "locations", "messages", "settings", "webaddresses"},
    "limits": {"errors", "items", "locations", "messages", "models", "places", "settings"},
    "plans": {"errors", "hashing", "locations", "resume", "sources"},
    "items": {"errors", "locations", "messages", "models"},
    "siblings": {"items", "locations", "messages"},
    "recognition": {"errors", "hashing", "items", "locations", "messages", "models", "plans"},
    "sessions": {"errors", "items", "messages", "models", "plans", "recognition"},
    "uploads": {
        *("errors", "hashing", "items", "locations", "messages", "models", "plans", "recognition", "resume"),
        *("sessions", "sources"),
    },
    "sinks": {"errors", "paths", "quickxor", "sources"},
    "partfile": {"errors", "paths", "quickxor", "sinks"},
    "downloads": {"errors", "items", "locations", "messages", "models", "sinks"},
    "localcopy": {
        *("downloads", "errors", "hashing", "locations", "messages", "models", "partfile", "paths", "plans", "sinks"),
        *("progress", "sources"),
    },
    "progress": set(),
    "filters": {"errors"},
    "folders": {"errors", "filters", "models"},
    "localtree": {"errors", "folders", "paths", "sources"},
    "batches": {"errors", "locations", "messages", "models"},
    "changes": {"errors", "items", "locations", "messages", "models"},
    "many": {
        *("batches", "downloads", "errors", "filters", "folders", "localcopy", "locations", "messages", "models"),
        *("paths", "resume", "sinks", "sources", "wire"),
    },
    "folderupload": {
        *("errors", "folders", "hashing", "items", "localtree", "locations", "many", "messages", "models", "plans"),
        *("resume", "sources", "uploads", "wire"),
    },
    "folderdownload": {
        *("downloads", "errors", "folders", "items", "localcopy", "localtree", "locations", "many", "models"),
        *("partfile", "sources"),
    },
    "cooldown": {"settings"},
    "placing": {"errors", "hashing", "items", "locations", "messages", "models"},
    "copies": {"errors", "items", "locations", "messages", "models", "placing"},
    "moves": {"copies", "errors", "hashing", "items", "locations", "messages", "models", "placing"},
    "wire": {"errors", "messages", "retry"},
    "stopping": set(),
    "pace": set(),
    "polls": {"errors", "messages"},
    "slots": {"stopping"},
    "transport": {"errors", "slots", "stopping"},
    "aadsts": set(),
    "shelves": set(),
    "permissions": set(),
    "foldersync": {"models"},
    "parquet": {"errors"},
    "manifests": {"errors", "models", "parquet", "sinks", "sources"},
    "syncing": {
        *("changes", "errors", "foldersync", "items", "locations", "manifests", "messages", "models", "settings"),
        "sources",
    },
    "feeds": {"changes"},
    "watching": {"changes", "errors", "foldersync", "items", "locations", "messages", "models", "settings", "syncing"},
    "selection": {"errors", "filters", "foldersync", "models", "watching"},
    "doctor": {
        *("aadsts", "client", "downloads", "errors", "identities", "items", "permissions", "retry", "settings"),
    },
    "entra": {"aadsts", "errors", "retry", "settings"},
    "https": {"errors", "settings", "stopping", "transport"},
    "identities": {"entra", "errors", "https", "settings", "shelves", "stopping"},
    "auth": {"entra", "errors", "https", "identities", "settings", "shelves", "stopping"},
    "addresses": {
        *("errors", "items", "limits", "locations", "messages", "models", "permissions", "places", "placing"),
        *("settings", "uploads"),
    },
    "asyncoperations": {
        *("addresses", "copies", "errors", "items", "locations", "messages", "models", "moves", "placing"),
    },
    "operations": {
        *("addresses", "changes", "copies", "downloads", "errors", "filters", "folderdownload", "folders"),
        *(
            "folderupload",
            "items",
            "localcopy",
            "locations",
            "many",
            "messages",
            "models",
            "moves",
            "places",
            "placing",
        ),
        *("plans", "progress", "resume", "sessions", "settings", "siblings", "sinks", "sources", "syncing", "uploads"),
        "wire",
    },
    "client": {
        *("addresses", "asyncoperations", "auth", "changes", "cooldown", "errors", "feeds", "https", "limits"),
        *("locations", "messages", "operations", "pace", "polls", "redaction", "retry", "settings", "shelves"),
        *("stopping", "transport", "wire"),
    },
}


def imported(path: Path) -> set[str]:
    """Return every module that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def below(path: Path, prefix: str) -> set[str]:
    """Return the parts of ``prefix`` that a file imports."""
    found = {name.removeprefix(f"{prefix}.").split(".")[0] for name in imported(path) if name.startswith(f"{prefix}.")}
    return {name for name in found if (ROOT / prefix.removeprefix(f"{PACKAGE}.") / f"{name}.py").exists()}


@pytest.mark.parametrize("path", sorted((ROOT / "graph").glob("*.py")), ids=lambda path: path.stem)
def test_graph_modules_import_only_what_the_layout_allows(path):
    """The modules of graph/ form the layers of the design."""
    assert below(path, f"{PACKAGE}.graph") <= GRAPH[path.stem]


@pytest.mark.parametrize("path", sorted((ROOT / "graph").glob("*.py")), ids=lambda path: path.stem)
def test_graph_knows_neither_airflow_nor_the_emulator(path):
    """graph/ talks to Graph and to nothing else."""
    roots = {name.split(".")[0] for name in imported(path)}
    assert "airflow" not in roots
    assert not any(name.startswith(f"{PACKAGE}.emulator") for name in imported(path))


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_http_libraries_are_imported_in_five_files_only(path):
    """Another HTTP library could take httpx's place by changing five files."""
    names = {f"graph/{name}.py" for name in ("client", "auth", "identities", "https", "transport")}
    if path.relative_to(ROOT).as_posix() not in names:
        assert not {"httpx", "httpcore", "msal", "requests"} & {name.split(".")[0] for name in imported(path)}


@pytest.mark.parametrize("path", sorted((ROOT / "emulator").rglob("*.py")), ids=lambda path: path.stem)
def test_the_emulator_shares_no_code_with_the_client(path):
    """An emulator that shared code with the client would agree with its mistakes."""
    own = {name for name in imported(path) if name.split(".")[0] == PACKAGE}
    assert all(name == PACKAGE or name.startswith(f"{PACKAGE}.emulator") for name in own)
    assert "airflow" not in {name.split(".")[0] for name in imported(path)}


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_only_compat_asks_for_airflows_version(path):
    """Differences between Airflow versions live in one file."""
    if path.name != "compat.py":
        assert "airflow.__version__" not in path.read_text(encoding="utf-8")
        assert not {"packaging.version", "airflow.version"} & imported(path)


def test_percent_encoding_happens_in_one_place():
    """Only locations.py quotes."""
    users = [p for p in (ROOT / "graph").glob("*.py") if "urllib.parse.quote" in imported(p)]
    assert [path.name for path in users] == ["locations.py"]
