"""The layers of the package, read from the imports of its files."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import airflow_provider_onedrive

PACKAGE = "airflow_provider_onedrive"
ROOT = Path(airflow_provider_onedrive.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

# From the bottom to the top. A name may import names of lower lines; names of one line do not import each other.
# The files directly in graph/ are its top.
AIRFLOW = """
    compat get_provider_info graph
    state retries verification
    hooks
    commands triggers filesystem links assets
    operators fs
    sensors transfers
    decorators
    cli
"""
GRAPH = """
    protocol
    config content
    flows http
    auth transfers tracking
"""
# The emulator: the face that tests use on top, below it the server, which imports all handlers.
EMULATOR = """
    errors options
    model
    http tokens
    faults entra access
    items
    transfers changes
    store
    sites
    pages
    server
    drive
    identity emulated_sites
    facade
    control
    emulator
    plugin command_line __init__
    __main__
"""
HTTP_LIBRARIES = {"httpx", "httpcore", "msal", "requests"}


def _ranks(layers: str) -> dict[str, int]:
    lines = layers.strip().splitlines()
    return {name: rank for rank, line in enumerate(lines) for name in line.split()}


def _imported(path: Path) -> set[str]:
    """Return every module that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def _edges(folder: Path) -> set[tuple[str, str]]:
    """Return which file or sub-folder of a folder imports which, each by its name below the folder."""
    prefix = ".".join((PACKAGE, *folder.relative_to(ROOT).parts, ""))
    edges = set()
    for path in folder.rglob("*.py"):
        name = path.relative_to(folder).with_suffix("").parts[0]
        targets = {module.removeprefix(prefix).split(".")[0] for module in _imported(path) if module.startswith(prefix)}
        edges |= {(name, target) for target in targets - {name} if _is_module(folder / target)}
    return edges


def _is_module(path: Path) -> bool:
    return path.is_dir() or path.with_suffix(".py").exists()


@pytest.mark.parametrize(
    ("folder", "layers"),
    [("graph", GRAPH), ("emulator", EMULATOR), (".", AIRFLOW)],
    ids=["graph", "emulator", "package"],
)
def test_imports_point_downwards(folder, layers):
    """Nothing imports a higher layer, nor its own, except that the files directly in graph/ form one layer."""
    ranks = _ranks(layers)
    top = len(layers) if folder == "graph" else None
    ranks |= dict.fromkeys((path.stem for path in (ROOT / "graph").glob("*.py") if top), top)
    names = {path.stem for path in (ROOT / folder).iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert names - {"__init__", "emulator", "example_dags"} <= ranks.keys(), "A new file or folder needs its layer."
    apart = {"emulator"} if folder == "." else set()
    wrong = {(a, b) for a, b in _edges(ROOT / folder) if not apart & {a, b} and ranks[a] <= ranks[b]}
    assert {(a, b) for a, b in wrong if ranks[b] != top} == set()


def test_files_of_graph_import_each_other_without_cycles():
    """The files directly in graph/ have an order, too."""
    edges = {(a, b) for a, b in _edges(ROOT / "graph") if (ROOT / "graph" / f"{b}.py").exists()}
    while leaves := {b for _, b in edges} - {a for a, _ in edges}:
        edges = {(a, b) for a, b in edges if b not in leaves}
    assert edges == set()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_each_file_keeps_to_its_libraries(path):
    """graph/ imports neither Airflow nor the emulator, the emulator nothing else, and few files import httpx."""
    names = _imported(path)
    roots = {name.split(".")[0] for name in names}
    own = {name.split(".")[1] for name in names if name.startswith(f"{PACKAGE}.")}
    top = path.relative_to(ROOT).parts[0]
    if top in ("graph", "emulator", "filesystem"):
        assert "airflow" not in roots
    if top in ("graph", "emulator"):
        assert own <= {top, "__version__"}
    if not path.relative_to(ROOT).as_posix().startswith(("graph/http/", "graph/auth/", "graph/client.py")):
        assert not HTTP_LIBRARIES & roots
    if path.name != "compat.py":
        assert not {"airflow.__version__", "airflow.version", "packaging.version"} & names
        assert "airflow.__version__" not in path.read_text(encoding="utf-8")


def test_one_parser_reads_locations_of_connection():
    """A second parser could have another policy on names: only the settings and the client make one."""
    makers = {
        path.relative_to(ROOT).as_posix() for path in FILES if "LocationParser(" in path.read_text(encoding="utf-8")
    }
    assert makers == {"graph/config/settings.py", "graph/location_context.py"}


def test_percent_encoding_happens_in_one_file():
    """Only addresses.py quotes; hidden_names.py recognises what was quoted."""
    users = [path for path in (ROOT / "graph").rglob("*.py") if "urllib.parse.quote" in _imported(path)]
    assert {path.name for path in users} == {"addresses.py", "hidden_names.py"}
