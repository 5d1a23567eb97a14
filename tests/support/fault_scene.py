"""Where the fault tests run an operation, and what they have to know about it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.emulator.drive import EmulatedDrive
from airflow_provider_onedrive.emulator.faults import status
from airflow_provider_onedrive.graph.auth import token_cache
from airflow_provider_onedrive.graph.client import Client
from airflow_provider_onedrive.graph.content.transfer_plan import Report
from airflow_provider_onedrive.graph.http import cooldown
from airflow_provider_onedrive.graph.protocol.errors import OneDriveError
from airflow_provider_onedrive.graph.protocol.options import UNIT_BYTES, UploadOptions

NEW = {
    "small": b"id;total\n" + b"1;23\n" * 30,
    "large": hashlib.shake_128(b"large").digest(2 * UNIT_BYTES + 1000),
    "empty": b"",
    "page": b"<html>" + b"hello " * 20 + b"</html>",
    "large_page": b"<html>" + hashlib.shake_128(b"page").hexdigest(UNIT_BYTES).encode() + b"</html>",
}
"""What is uploaded, each from a file of that name; the large ones are three fragments."""
SMALL, LARGE = NEW["small"], NEW["large"]
OLD = b"id;total\n0;0\n"
OTHER = b"id;total\n9;9\n"
"""As many bytes as OLD."""
BESIDE = b"nobody touches this"
BYSTANDERS = {"in/a.csv.bak": BESIDE, "in/b.csv": BESIDE, "other/a.csv": BESIDE}
OPTIONS = UploadOptions(single_put_bytes=64 * 1024, fragment_bytes=UNIT_BYTES)
FILE = "myfiles/in/a.csv"
TAKEN = {"in/a.csv": OLD}
ELSEWHERE = "//"
"""Paths that begin so are in the drive of another user."""
BUSY = status(503, retry_after=400)
"""Longer than anybody waits: a try ends at once."""
_TOKEN_SECONDS = 3000

Contents = Mapping[str, bytes | None]
"""Files by their paths; a path that ends in ``/`` is a folder, and has None."""
Act = Callable[["Scene", Client, bool], Any]
"""Does it; the flag says whether an earlier try may have done it."""


def is_at(path: str, start: str) -> bool:
    """:param start: of the paths of a drive."""
    return path.startswith(ELSEWHERE) == (start == ELSEWHERE)


class MemoryKeeper:
    """Keeps an upload session for the next try, as Airflow's task state store does."""

    def __init__(self) -> None:
        self.state: Mapping[str, Any] | None = None

    def load(self) -> Mapping[str, Any] | None:
        return self.state

    def save(self, state: Mapping[str, Any]) -> bool:
        self.state = state
        return True

    def forget(self) -> None:
        self.state = None


@dataclass
class Scene:
    """Where an operation runs: two drives and a local folder, all with bystanders in them.

    :param report: what a transfer of many files says about them; None before there is one.
    """

    emulator: Emulator
    folder: Path
    connect: Callable[..., Client]
    etag: str = ""
    keeper: MemoryKeeper = field(default_factory=MemoryKeeper)
    report: Report | None = None

    @property
    def drive(self) -> EmulatedDrive:
        return self.emulator.drive()

    @property
    def other_user(self) -> str:
        return self.emulator.users[1]

    def find(self, path: str) -> tuple[EmulatedDrive, str]:
        """Return the drive that a path is in, and the path in it."""
        if path.startswith(ELSEWHERE):
            return self.emulator.drive(self.other_user), path.removeprefix(ELSEWHERE)
        return self.drive, path

    @property
    def here(self) -> Path:
        """The local folder; nothing else is in it but a bystander."""
        return self.folder / "here"

    @property
    def target(self) -> Path:
        """Where a download goes."""
        return self.here / "a.csv"

    def source(self, name: str) -> Path:
        return self.folder / name

    def sign_in(self, client: Client) -> None:
        """Let a client have a token, as it has from an earlier task of its process: to get one takes long."""
        tokens = token_cache.identity_tokens(client.settings.identity_digest)
        tokens.access_token, tokens.end = self.emulator.token(), time.monotonic() + _TOKEN_SECONDS

    def break_off(self, act: Callable[[Client], Any], *rules: Mapping[str, Any]) -> None:
        """Let an earlier try end in the middle, and forget what it asked."""
        for rule in rules:
            self.emulator.faults.add(**rule)
        with pytest.raises(OneDriveError):
            act(self.connect())
        self.be_later()

    def be_later(self) -> None:
        """Let an earlier try be long over, and in another process."""
        self.emulator.faults.clear()
        cooldown.forget_all()
        token_cache.forget_all()
        self.emulator.requests.clear()


@dataclass(frozen=True)
class Operation:
    """What a client can be asked for.

    :param steps: what it asks of the emulator when nothing goes wrong, besides signing in.
    :param sure: the steps that read what was just seen, or look for it twice: one or two 404s there change nothing.
    :param before: what is in the drives, besides the bystanders; ``after`` what is there once it has succeeded.
    :param numbered: what else is right: the name that it should get was refused, and it has got the next one.
    :param between: what else may be there where it has failed.
    :param is_piecemeal: of many files each may be as before or as after, where it has failed.
    :param local: what is in the local folder; ``local_after`` then, by name.
    :param raises: how it ends when nothing goes wrong; None is success.
    :param versions: how many versions there are then of a file; one where it is not said.
    :param result: what it returns then; None where that is an item, or says nothing.
    :param earlier: what an earlier try did.
    :param rules: what goes wrong in any case, so that there are steps that mend it; ``quirks`` likewise.
    :param may_be_ours: where an answer was lost, what is in the way is taken for what was made: it is alike.
    :param is_permanent: what it deletes is not in the recycle bin.
    :param check: what else is true, however it ended.
    """

    name: str
    act: Act
    steps: str
    sure: str = ""
    before: Contents = field(default_factory=dict)
    after: Contents | None = None
    numbered: Contents | None = None
    between: tuple[Contents, ...] = ()
    is_piecemeal: bool = False
    local: Contents = field(default_factory=dict)
    local_after: Contents | None = None
    raises: type[OneDriveError] | None = None
    versions: Mapping[str, int] = field(default_factory=dict)
    result: Any = None
    earlier: Callable[[Scene], None] | None = None
    rules: tuple[Mapping[str, Any], ...] = ()
    quirks: Mapping[str, Any] = field(default_factory=dict)
    may_be_ours: bool = False
    is_permanent: bool = False
    check: Callable[[Scene, Operation], None] | None = None

    @property
    def all_steps(self) -> list[str]:
        return ["discovery", "token", *self.steps.split()]

    @property
    def drive_before(self) -> Contents:
        return BYSTANDERS | dict(self.before)

    @property
    def drive_after(self) -> Contents:
        return self.drive_before if self.after is None else BYSTANDERS | dict(self.after)

    @property
    def drive_between(self) -> list[Contents]:
        return [BYSTANDERS | dict(contents) for contents in self.between]

    @property
    def folder_before(self) -> dict[str, bytes | None]:
        return {"beside.csv": BESIDE, **self.local}

    @property
    def folder_after(self) -> dict[str, bytes | None]:
        return self.folder_before if self.local_after is None else {"beside.csv": BESIDE, **self.local_after}

    def prepare(self, scene: Scene) -> None:
        """Put everything in its place."""
        for start in ("", ELSEWHERE):
            drive, _ = scene.find(start)
            own = {scene.find(path)[1]: content for path, content in self.drive_before.items() if is_at(path, start)}
            drive.put_all(own)
        for name, content in self.folder_before.items():
            (scene.here / name).parent.mkdir(parents=True, exist_ok=True)
            (scene.here / name).write_bytes(content or b"")
        for name, content in NEW.items():
            scene.source(name).write_bytes(content)
        if "in/a.csv" in self.before:
            scene.etag = scene.drive.item("in/a.csv")["eTag"]
        if self.earlier:
            self.earlier(scene)

    def let_it_happen(self, scene: Scene) -> None:
        """Set up what goes wrong in any case."""
        for name, value in self.quirks.items():
            setattr(scene.emulator.quirks, name, value)
        for rule in self.rules:
            scene.emulator.faults.add(**rule)
