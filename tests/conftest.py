"""Which tests need Airflow, and what all tests share; nothing here imports Airflow."""

from __future__ import annotations

import functools
import gc
import itertools
import signal
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import HealthCheck, settings
from pairwise import add_full_markers

from airflow_provider_onedrive.graph.http import cooldown
from airflow_provider_onedrive.graph.protocol.hidden_names import hidden_names

if TYPE_CHECKING:
    from object_store import ObjectStore

T = TypeVar("T")
HERE = Path(__file__).parent
HAS_AIRFLOW = find_spec("airflow") is not None

WITHOUT_AIRFLOW = (
    *("clients", "commands", "emulator", "faults/test_every_fault.py", "filesystem", "graph", "programs"),
    *("test_imports.py", "verification"),
)
"""Folders and files that `make test` runs once, in an environment without Airflow."""

EVERYWHERE = ("test_constraints.py",)

BUSY_MACHINE: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}

collect_ignore = [
    "browser",
    "clients",
    "faults",
    "programs",
    "system",
]  # each has a make target, which names its folder

pytest_plugins = ["secret_names", *(["airflow_support"] if HAS_AIRFLOW else [])]


def pytest_addoption(parser: pytest.Parser) -> None:
    text = "run only the tests that need Airflow, or only those that do not; without it all that can run here"
    parser.addoption("--airflow", choices=["only", "never"], help=text)
    parser.addoption("--full", action="store_true", help="run all of a long suite, of which a sample is run otherwise")


def pytest_configure(config: pytest.Config) -> None:
    """Drop the paths of the command line that are another environment's: pytest would import them all the same."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts what runs in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)  # else no program of a test could be interrupted
    if HAS_AIRFLOW and config.option.airflow == "never":
        raise pytest.UsageError("Airflow can be imported here, so this shows nothing.")
    # Before the modules are imported, whose tests take their number of examples from it.
    settings.register_profile("sample", max_examples=100 if config.option.full else 30, **BUSY_MACHINE)
    settings.load_profile("sample")
    paths = [config.invocation_params.dir / text.partition("::")[0] for text in config.args]
    kept = [text for text, path in zip(config.args, paths, strict=True) if not _is_elsewhere(path, config)]
    if config.args and not kept:
        pytest.exit("These tests run in another environment.", pytest.ExitCode.NO_TESTS_COLLECTED)
    config.args[:] = kept


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    return _is_elsewhere(collection_path, config) or None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    add_full_markers(items)
    left_out = [] if config.option.full else [item for item in items if item.get_closest_marker("full")]
    config.hook.pytest_deselected(items=left_out)
    left = set(left_out)  # of a list, thousands of them take seconds
    items[:] = [item for item in items if item not in left]


def pytest_collection_finish() -> None:
    """What was imported stays: Python's search for cycles need not look at it again in every test."""
    gc.freeze()


def _is_elsewhere(path: Path, config: pytest.Config) -> bool:
    """Return whether this environment leaves a file or a folder of tests to another one."""
    if not path.resolve().is_relative_to(HERE) or _is_below(path, EVERYWHERE):
        return False
    if _is_below(path, WITHOUT_AIRFLOW):
        return config.option.airflow == "only"
    return path.is_file() and not HAS_AIRFLOW


def _is_below(path: Path, names: tuple[str, ...]) -> bool:
    return any(path.resolve().is_relative_to(HERE / name) for name in names)


@pytest.fixture(scope="session", autouse=True)
def _few_keys() -> Iterator[None]:
    """An RSA key takes up to 150 ms to make, so the tests take turns with a few; the next one is always another."""
    turns, make = itertools.cycle(range(8)), rsa.generate_private_key
    keys = functools.cache(lambda _turn, **wanted: make(**wanted))
    with pytest.MonkeyPatch.context() as changes:
        changes.setattr(rsa, "generate_private_key", lambda **wanted: keys(next(turns), **wanted))
        yield


@pytest.fixture
def share(pytestconfig: pytest.Config) -> Callable[[int, Iterable[T]], list[T]]:
    """Choose which of some values one of several tests tries: a third, the next one begins with the next; or all."""
    parts = 1 if pytestconfig.option.full else 3
    return lambda number, values: list(values)[number % parts :: parts]


@pytest.fixture(autouse=True)
def _no_cool_downs() -> None:
    """What one test was asked to wait does not hold up the next."""
    cooldown.forget_all()


@pytest.fixture(autouse=True)
def _no_hidden_names() -> None:
    """What the deployment of one test hides the next one may show."""
    hidden_names.forget_all()


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """One server for each test process."""
    from object_store import s3_server  # noqa: PLC0415 - few tests need it

    with s3_server() as endpoint:
        yield endpoint


@pytest.fixture
def s3(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """An S3 with one empty bucket, for texts such as ``s3://s3_test@bucket/a.csv``."""
    from object_store import empty_store  # noqa: PLC0415 - few tests need it

    return empty_store(s3_endpoint, monkeypatch)
