"""Nothing gone that was not asked for, nothing claimed that is not there, whatever the service says.

Random operations of a client, while the service lies; after each the drives and the disk are compared with what was
asked for, without a request.
"""

from __future__ import annotations

import json
import logging
import shutil
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from asked import Asked, CreateFolder, Delete, Download, Relocate, Scope, Upload
from asked_of_folders import DOWN, UP, DeletePattern, DownloadFolder, Listing, Poll, Sync, UploadFolder
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from lies import ItemLie, Lie, lies_about, lying
from true_state import State, joined

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.graph.client import Client
from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.flows.session_state import TaskAttempt
from airflow_provider_onedrive.graph.protocol.errors import OneDriveError
from airflow_provider_onedrive.graph.protocol.options import UNIT_BYTES
from airflow_provider_onedrive.graph.protocol.retry import RetryPolicy

QUICK = RetryPolicy(first_wait_seconds=0.0001, max_backoff_seconds=0.0002, locked_waits_seconds=(0.0001,) * 3)
CONSUMER = "pat@outlook.example"
NFC, NFD = (unicodedata.normalize(form, "Ä.csv") for form in ("NFC", "NFD"))
NAMES = st.sampled_from([NFC, NFD, "ä.CSV", "100% #1 (ä)+.csv", "b.csv", "B.csv"])
FOLDERS = st.sampled_from(["", "x", "X", "x/ö", unicodedata.normalize("NFD", "X/Ö"), "y"])
PATHS = st.builds(joined, FOLDERS, NAMES | NAMES | FOLDERS.filter(bool))
STORES = st.sampled_from(["business", "business", "business", "personal"])
TEXTS = {"": b"", "1": b"1", "22": b"22", "33": b"33", "zeros": bytes(3000), "two fragments": b"ab" * UNIT_BYTES}
CONTENTS = st.sampled_from(list(TEXTS))
IF_EXISTS = st.sampled_from(["fail", "replace", "rename", "skip", "skip_if_same"])
IF_EXISTS_RELOCATE = st.sampled_from(["fail", "replace", "rename", "skip"])
OPTIONS = st.sampled_from(["", "delete_extra", "move"])
YES = st.booleans()
MOSTLY = st.sampled_from([True, True, True, False])
ITEMS = st.integers(0, 999) | st.integers(0, 999) | PATHS | FOLDERS.filter(bool)
"""A path, or which of the items that are there and how its path is written."""
SENDING = lies_about("get", "create_folder", "upload", "create_session", "fragment", "session_status")
RELOCATING = lies_about("get", "create_folder", "update", "copy", "monitor", "delete")
VARIANTS: list[Callable[[str], str]] = [
    str.swapcase,
    lambda text: unicodedata.normalize("NFD", text),
    lambda text: unicodedata.normalize("NFC", text),
]
INITIAL = {"x/Ä.csv": b"1", "x/ö/b.csv": b"22", "100% #1 (ä)+.csv": bytes(3000), "y/": None, "x/100% #1 (ä)+.csv": b""}


class Warnings(logging.Handler):
    """Keeps the warnings of the package."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())

    @contextmanager
    def kept(self) -> Iterator[None]:
        logger = logging.getLogger("airflow_provider_onedrive")
        self.texts.clear()
        logger.addHandler(self)
        try:
            yield
        finally:
            logger.removeHandler(self)


class LyingService(RuleBasedStateMachine):
    """:ivar snapshots: of the watched folder, by drive."""

    def __init__(self, emulator: Emulator, folder: Path, max_concurrent: int = 1) -> None:
        super().__init__()
        self.emulator = emulator
        emulator.reset()
        emulator.add_user(CONSUMER, personality="personal")
        self.drives = {"business": emulator.drive(), "personal": emulator.drive(CONSUMER)}
        self.scope = Scope({"business": "myfiles", "personal": f"users/{CONSUMER}"}, folder / "disk")
        shutil.rmtree(folder, ignore_errors=True)
        for name in (UP, DOWN):
            (self.scope.disk / name).mkdir(parents=True)
        self.client = _client(emulator, max_concurrent)
        self.warnings = Warnings()
        self.snapshots: dict[str, Any] = {}

    @initialize()
    def fill(self) -> None:
        for drive in self.drives.values():
            drive.put_all(INITIAL)
        for name in ("Ä.csv", "x/b.csv", "n/100% #1 (ä)+.csv"):
            self.write(UP, name, "22")

    def teardown(self) -> None:
        self.client.close()
        assert self.emulator.leaks == []

    @property
    def state(self) -> State:
        return State(self.drives, self.scope.disk)

    def path(self, store: str, item: int | str) -> str:
        """Return the path of an item that is there, perhaps in another case or normal form."""
        if isinstance(item, str):
            return item
        if not self.drives[store].paths():
            self.drives[store].put_all(INITIAL)
        paths = self.state.paths(store)
        number, written = divmod(item, 5)
        path = paths[number % len(paths)]
        return VARIANTS[written](path) if written < len(VARIANTS) else path

    def do(self, asked: Asked, lies: list[Lie | ItemLie]) -> None:
        """Do it, once more if a later attempt may help, and compare each time."""
        note(f"{asked!r} while {lies}")
        before = self.state
        with lying(self.emulator, lies):
            result, error = self.attempt(asked, TaskAttempt())
        begin = self.compare(asked, result, error, before, before, is_honest=not lies)
        if error is not None and error.is_retryable:
            result, error = self.attempt(asked, TaskAttempt(retrying=True))
            self.compare(asked, result, error, before, begin, is_honest=True)

    def attempt(self, asked: Asked, attempt: TaskAttempt) -> tuple[Any, OneDriveError | None]:
        with self.warnings.kept():
            try:
                return asked.run(self.client, self.scope, attempt), None
            except OneDriveError as error:
                note(f"raised {error!r}")
                return None, error

    def compare(
        self, asked: Asked, result: Any, error: OneDriveError | None, before: State, begin: State, *, is_honest: bool
    ) -> State:
        """Compare the state now with the one before all attempts, and return it.

        :param begin: the state in which the last attempt began.
        """
        after = self.state
        asked.check_nothing_else(before, after)
        if error is None:
            asked.check(result, before, after, self.warnings.texts)
        elif is_honest:
            assert isinstance(error, tuple(asked.refusals(begin))), f"no reason for {error!r}"
        if error is None and is_honest:
            asked.check_truthful(result, begin)
        return after

    # One file or folder

    @rule(store=STORES, path=ITEMS, content=CONTENTS, if_exists=IF_EXISTS, by_session=YES, creates=MOSTLY, lies=SENDING)
    def upload(self, *, store, path, content, if_exists, by_session, creates, lies):
        self.do(Upload(store, self.path(store, path), TEXTS[content], "upload", if_exists, by_session, creates), lies)

    @rule(store=STORES, path=ITEMS, content=CONTENTS, by_session=YES, lies=SENDING)
    def update(self, store, path, content, by_session, lies):
        self.do(Upload(store, self.path(store, path), TEXTS[content], "update", by_session=by_session), lies)

    @rule(store=STORES, path=ITEMS, content=CONTENTS, is_compared=YES, lies=SENDING)
    def save(self, store, path, content, is_compared, lies):
        if_exists = "skip_if_same" if is_compared else "replace"
        self.do(Upload(store, self.path(store, path), TEXTS[content], "save", if_exists), lies)

    @rule(store=STORES, path=PATHS, exist_ok=YES, creates=MOSTLY, lies=lies_about("get", "create_folder"))
    def create_folder(self, store, path, exist_ok, creates, lies):
        self.do(CreateFolder(store, path, exist_ok, creates), lies)

    @rule(
        store=STORES,
        path=ITEMS,
        recursive=YES,
        ignore=YES,
        permanent=YES,
        dry_run=YES,
        lies=lies_about("get", "children", "delete", "permanent_delete"),
    )
    def delete(self, *, store, path, recursive, ignore, permanent, dry_run, lies):
        self.do(Delete(store, self.path(store, path), recursive, ignore, permanent, dry_run and recursive), lies)

    @rule(store=STORES, path=ITEMS, name=NAMES, if_exists=IF_EXISTS, lies=lies_about("get", "content", "download"))
    def download(self, store, path, name, if_exists, lies):
        self.do(Download(store, self.path(store, path), f"{DOWN}/{name}", if_exists), lies)

    @rule(
        store=STORES,
        to_store=STORES,
        path=ITEMS,
        folder=FOLDERS,
        name=NAMES | st.none(),
        if_exists=IF_EXISTS_RELOCATE,
        creates=MOSTLY,
        lies=RELOCATING,
    )
    def move(self, *, store, to_store, path, folder, name, if_exists, creates, lies):
        self.do(Relocate("move", store, self.path(store, path), to_store, folder, name, if_exists, creates), lies)

    @rule(store=STORES, item=st.integers(0, 999), written=st.integers(0, 2), lies=lies_about("get", "update"))
    def rename(self, store, item, written, lies):
        """Only the case or the normal form changes."""
        above, _, old = self.path(store, item).rpartition("/")
        self.do(Relocate("move", store, joined(above, old), store, above, VARIANTS[written](old)), lies)

    @rule(
        store=STORES,
        to_store=STORES,
        path=ITEMS,
        folder=FOLDERS,
        name=NAMES | st.none(),
        if_exists=IF_EXISTS_RELOCATE,
        creates=MOSTLY,
        lies=RELOCATING,
    )
    def copy(self, *, store, to_store, path, folder, name, if_exists, creates, lies):
        self.do(Relocate("copy", store, self.path(store, path), to_store, folder, name, if_exists, creates), lies)

    # Folders

    @rule(
        method=st.sampled_from(["children", "walk", "find"]),
        store=STORES,
        path=FOLDERS,
        lies=lies_about("get", "children", "delta"),
    )
    def read(self, method, store, path, lies):
        self.do(Listing(method, store, path), lies)

    @rule(
        store=STORES,
        path=FOLDERS,
        pattern=st.sampled_from(["*.csv", "b*", "100*"]),
        lies=lies_about("get", "children", "batch", "delete", "delta"),
    )
    def delete_pattern(self, store, path, pattern, lies):
        self.do(DeletePattern(store, path, pattern), lies)

    @rule(
        store=STORES,
        path=FOLDERS,
        if_exists=IF_EXISTS,
        option=OPTIONS,
        lies=lies_about("get", "children", "create_folder", "upload", "batch", "delete"),
    )
    def upload_folder(self, store, path, if_exists, option, lies):
        self.do(UploadFolder(store, path, if_exists, option), lies)

    @rule(
        store=STORES,
        path=FOLDERS,
        if_exists=IF_EXISTS,
        option=OPTIONS,
        lies=lies_about("get", "children", "content", "download", "batch", "delete"),
    )
    def download_folder(self, store, path, if_exists, option, lies):
        self.do(DownloadFolder(store, path, if_exists, option), lies)

    @rule(store=STORES, path=st.sampled_from(["", "x"]), lies=lies_about("get", "children", "delta"))
    def sync(self, store, path, lies):
        """After the lies one more sync makes the manifest equal to the drive."""
        self.do(Sync(store, path), lies)
        self.do(Sync(store, path, is_honest=True), [])

    @rule(store=STORES, lies=lies_about("get", "children", "delta"))
    def watch(self, store, lies):
        self.do(Poll(store, "x", self.snapshots), lies)
        self.do(Poll(store, "x", self.snapshots, is_honest=True), [])

    # What others do meanwhile

    @rule(store=STORES, path=PATHS, content=CONTENTS)
    def somebody_writes(self, store, path, content):
        with suppress(OSError):  # a folder is a file there, or the other way round
            self.drives[store].put(path, TEXTS[content])

    @rule(store=STORES, number=st.integers(0, 50))
    def somebody_deletes(self, store, number):
        paths = self.state.paths(store)
        if len(paths) > 4:
            self.drives[store].delete(paths[number % len(paths)])

    @rule(store=STORES)
    def cursors_are_lost(self, store):
        self.drives[store].expire_delta_tokens()

    @rule(folder=st.sampled_from([UP, DOWN]), path=PATHS, content=CONTENTS)
    def write(self, folder, path, content):
        target = self.scope.disk / folder / path
        if not target.is_dir() and not any(above.is_file() for above in target.parents):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(TEXTS[content])


def _client(emulator: Emulator, max_concurrent: int) -> Client:
    known = json.loads(emulator.connection)
    fields = {
        "client_id": known["login"],
        "client_secret": known["password"],
        "max_concurrent": max_concurrent,
        **known["extra"],
    }
    client = Client(Settings.from_fields(fields, trusted_hosts=["localhost"]))
    client.retry_policy = QUICK
    return client


def chosen(examples: int, **more: Any) -> settings:
    """Return the settings of a run. A failure is not reduced to few steps, which takes minutes: add Phase.shrink."""
    checks = list(HealthCheck)
    usual = {"stateful_step_count": 20, "database": None, "deadline": None, "suppress_health_check": checks}
    return settings(max_examples=examples, phases=[Phase.generate], **usual, **more)


def test_nothing_gone_and_nothing_claimed(onedrive_emulator_server: Emulator, tmp_path: Path) -> None:
    """The same sequences in every run."""
    run_state_machine_as_test(
        lambda: LyingService(onedrive_emulator_server, tmp_path / "here"), settings=chosen(70, derandomize=True)
    )


@pytest.mark.full
@pytest.mark.parametrize("max_concurrent", [1, 8])
def test_nothing_gone_and_nothing_claimed_at_random(
    onedrive_emulator_server: Emulator, tmp_path: Path, max_concurrent: int
) -> None:
    """Other sequences in every run."""
    run_state_machine_as_test(
        lambda: LyingService(onedrive_emulator_server, tmp_path / "here", max_concurrent), settings=chosen(500)
    )
