"""The options of the client's methods: one frozen value for each kind of job, and the choices that are typed once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError

IfExists = Literal["fail", "replace", "rename", "skip", "skip_if_same"]
"""What happens when the name of an upload or a download is taken."""
IfExistsSave = Literal["replace", "skip_if_same"]
"""What happens when the name of a file that is saved is taken: its content is there afterwards in any case."""
IfExistsRelocate = Literal["fail", "replace", "rename", "skip"]
"""What happens when the name is taken where something is moved or copied to."""
CrossDrive = Literal["copy", "move"]
"""How something gets to another drive: copied, compared and deleted, or moved by Graph itself."""
IfNone = Literal["fail", "skip"]
"""What happens when no file is chosen."""
OpenMode = Literal["r", "w", "rb", "wb"]
"""How a file is opened: for reading or writing, text or bytes."""
OnLocked = Literal["wait", "fail"]
"""What happens when a file is checked out, or open in Office."""
IfOnHold = Literal["fail", "delete_contents"]
"""What happens when a retention policy keeps a folder because something is in it."""

UNIT_BYTES = 320 * 1024
"""Every fragment but the last is a multiple of it.

https://learn.microsoft.com/en-us/graph/api/driveitem-createuploadsession#upload-bytes-to-the-upload-session
"""
MAX_FRAGMENT_BYTES = 191 * UNIT_BYTES  # the last multiple below 60 MiB
SINGLE_PUT_BYTES = 32 * UNIT_BYTES
"""10 MiB, the size of a session's first fragment: measured, one request is faster than two up to there."""
# https://learn.microsoft.com/en-us/graph/api/driveitem-put-content; older copies of that page say 4 MB.
MAX_SINGLE_PUT_BYTES = 250_000_000
_MAX_CONCURRENT = 64  # Graph throttles more


def check_choice(name: str, value: object, choices: Any) -> None:
    """Refuse a value that is not one of the choices.

    :param choices: the ``Literal`` of the parameter.
    :raises ConfigurationError: naming the parameter.
    """
    allowed = get_args(choices)
    if value not in allowed:
        raise ConfigurationError(f"{name} is {value!r}.", advice=f"Use one of {', '.join(allowed)}.")


@dataclass(frozen=True)
class UploadOptions:
    """How the bytes of a file are sent.

    :param verify: compare the hash of what was transferred with Graph's.
    :param preserve_mtime: let a small file keep its modification time too; a larger one keeps it anyway.
    :param on_locked: ``wait`` some seconds for a file that is checked out or open in Office, or ``fail`` at once.
    :param single_put_bytes: up to this size a file is sent in one request, beyond it by an upload session.
    :param fragment_bytes: the size of an upload session's requests, a multiple of 327680; None begins with 10 MiB and
        lets them grow on a fast line.
    """

    verify: bool = True
    preserve_mtime: bool = False
    on_locked: OnLocked = "wait"
    single_put_bytes: int = SINGLE_PUT_BYTES
    fragment_bytes: int | None = None

    def check(self) -> None:
        """Refuse values that Graph would refuse.

        :raises ConfigurationError: naming the parameter.
        """
        check_choice("on_locked", self.on_locked, OnLocked)
        if not 0 <= self.single_put_bytes <= MAX_SINGLE_PUT_BYTES:
            raise ConfigurationError(
                f"single_put_bytes is {self.single_put_bytes}.", advice=f"Give 0 to {MAX_SINGLE_PUT_BYTES}."
            )
        size = UNIT_BYTES if self.fragment_bytes is None else self.fragment_bytes
        # Graph accepts other sizes, and then fails at the very end, when all bytes have been sent.
        if size % UNIT_BYTES or not 0 < size <= MAX_FRAGMENT_BYTES:
            raise ConfigurationError(
                f"fragment_bytes is {size}.",
                advice=f"Give a multiple of {UNIT_BYTES} (320 KiB) up to {MAX_FRAGMENT_BYTES}.",
            )


@dataclass(frozen=True)
class DownloadOptions:
    """How the bytes of a file are fetched.

    :param verify: compare the hash of what was transferred with Graph's.
    """

    verify: bool = True


@dataclass(frozen=True)
class TransferOptions:
    """How the files of a folder are transferred.

    :param keep_directory_structure: put a file below the target as it lies below the source; else all into one folder.
    :param max_concurrent: the number of files that are transferred at once, 1 to 64.
    :param max_items: refuse a transfer of more files.
    :param delete_extra: delete the files that the target has and the source has not, at most ``max_delete``, and only
        if no file failed.
    :param max_delete: refuse to delete more files of the target.
    :param allow_empty_source: with ``delete_extra``, also mirror a source of which no file is chosen, so that nothing
        is left of the target; otherwise that is an error, because a disk that is not mounted looks like that.
    :param dry_run: change nothing; only report what would be done.
    :param move: delete each source once its copy is verified.
    :param fail_fast: stop at the first file that fails; else the rest is transferred, and the failures are reported.
    :param if_none: what happens if no file is chosen: ``fail``, or ``skip``, which transfers nothing.
    :param follow_symlinks: also upload what symbolic links in a folder point to; else they are left out.
    :param upload: how each file is sent.
    :param download: how each file is fetched.
    """

    keep_directory_structure: bool = True
    max_concurrent: int = 8
    max_items: int = 10_000
    delete_extra: bool = False
    max_delete: int = 100
    allow_empty_source: bool = False
    dry_run: bool = False
    move: bool = False
    fail_fast: bool = False
    if_none: IfNone = "fail"
    follow_symlinks: bool = False
    upload: UploadOptions = UploadOptions()
    download: DownloadOptions = DownloadOptions()

    @property
    def mirrors_nothing(self) -> bool:
        """Whether a source without files is mirrored as well."""
        return self.delete_extra and self.allow_empty_source

    def check(self) -> None:
        """Refuse values that contradict each other or are out of range.

        :raises ConfigurationError: naming the parameter.
        """
        self.upload.check()
        check_choice("if_none", self.if_none, IfNone)
        if not 1 <= self.max_concurrent <= _MAX_CONCURRENT:
            raise ConfigurationError(
                f"max_concurrent is {self.max_concurrent!r}.", advice=f"Give 1 to {_MAX_CONCURRENT}."
            )
        if self.move and self.delete_extra:
            raise ConfigurationError(
                "move and delete_extra contradict each other: what was moved would be deleted by the next run.",
                advice="Give one of them.",
            )
        if self.move and not (self.upload.verify and self.download.verify):
            raise ConfigurationError("move deletes only what was verified.", advice="Leave out verify=False.")


@dataclass(frozen=True)
class RelocateOptions:
    """How a file or folder is moved or copied on the server.

    :param timeout_seconds: the time after which :class:`~airflow_provider_onedrive.graph.CopyUnfinished` is raised
        while Graph copies; the copy itself continues. None waits for its end.
    """

    timeout_seconds: float | None = None


@dataclass(frozen=True)
class DeleteOptions:
    """What limits a deletion.

    :param max_items: refuse to delete a folder that holds more items; None deletes it without counting them.
    :param dry_run: change nothing; only report what would be done.
    :param on_hold: what happens if a retention policy or a hold refuses to delete a folder because something is in it:
        ``fail``, which deletes nothing; or ``delete_contents``, which with ``recursive`` deletes what is in it item by
        item, the deepest first, and stops at the first that is itself refused. The deployment has to allow it
        (``delete_on_hold``).
    """

    max_items: int | None = 1000
    dry_run: bool = False
    on_hold: IfOnHold = "fail"

    def check(self, *, recursive: bool) -> None:
        """Refuse values that contradict each other.

        :raises ConfigurationError: naming the parameter.
        """
        check_choice("on_hold", self.on_hold, IfOnHold)
        if self.on_hold == "delete_contents" and not recursive:
            raise ConfigurationError(
                "on_hold='delete_contents' deletes what is in a folder.", advice="Pass recursive=True as well."
            )
