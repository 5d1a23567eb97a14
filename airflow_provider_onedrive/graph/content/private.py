"""Files and folders for their owner only: how they are made, and how those of other local users are refused.

Another user of the machine may make a file or a folder before this process does, wherever both may write. Then he
could read what is put there, or change it after it was verified.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from contextlib import suppress
from io import FileIO
from itertools import zip_longest
from pathlib import Path

_FOR_OWNER, _FOR_ALL, _FOLDER_FOR_OWNER = 0o600, 0o666, 0o700
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
# No link is followed, a pipe does not block, and a terminal does not become this process's own.
_SAFE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
# Each time another process may make or remove the file between two looks.
_OPENINGS = 10
_KINDS = {
    stat.S_IFBLK: "a device",
    stat.S_IFCHR: "a device",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a directory",
}


class Untrusted(PermissionError):
    """A file or a folder that another user may have made, read or changed; ``strerror`` is the reason."""

    def __init__(self, reason: str, path: Path | str) -> None:
        super().__init__(errno.EPERM, reason, str(path))


def open_private(path: Path, flag: int = 0) -> FileIO:
    """Open a file of our own for reading and writing, and make it if it is missing; nobody else may read it.

    :param flag: ``os.O_EXCL`` refuses a file that is there.
    :raises Untrusted: if it is another user's, or not a plain file with one name.
    :raises OSError: if it cannot be opened.
    """
    for _ in range(_OPENINGS):
        try:
            return _opened(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _SAFE, _FOR_OWNER))
        except FileExistsError:
            if flag & os.O_EXCL:
                raise
        with suppress(FileNotFoundError):  # it was removed meanwhile
            return open_own(path)
    raise Untrusted("somebody makes and removes it all the time", path)


def open_own(path: Path) -> FileIO:
    """Open a file that is there for reading and writing, if it is our own.

    :raises Untrusted: if it is another user's, or not a plain file with one name.
    :raises OSError: if it cannot be opened.
    """
    check_own(path, path.lstat())  # before it is opened, which alone can change the state of a device
    file = _opened(os.open(path, os.O_RDWR | _SAFE))
    try:
        check_own(path, os.fstat(file.fileno()))
    except Untrusted:
        file.close()
        raise
    return file


def take_from_others(file: FileIO) -> bool:
    """Let only its owner read a file, and return whether others could; they may have it open still."""
    if not os.fstat(file.fileno()).st_mode & _OTHERS:
        return False
    with suppress(OSError):
        os.fchmod(file.fileno(), _FOR_OWNER)
    # A file system without modes shows the same ones as before, of each new file too.
    return not os.fstat(file.fileno()).st_mode & _OTHERS


def check_own(path: Path, status: os.stat_result) -> None:
    """Refuse a file that is not our own, or has several names.

    :raises Untrusted: naming the reason.
    """
    if stat.S_ISLNK(status.st_mode):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    if not stat.S_ISREG(status.st_mode):
        raise Untrusted(f"it is {_kind(status)}", path)
    if status.st_nlink > 1:
        raise Untrusted("it has another name as well", path)
    check_owner(path, status)


def check_owner(path: Path, status: os.stat_result) -> None:
    """Refuse what belongs to another user.

    :raises Untrusted: naming the user.
    """
    if not _is_ours(status, path.parent):
        raise Untrusted(f"it belongs to another user (uid {status.st_uid})", path)


def check_replaceable(path: Path) -> None:
    """Refuse to replace what is no file: as root, that would remove ``/dev/null`` for all users of the machine.

    :raises Untrusted: naming its kind.
    """
    try:
        status = path.stat()  # what a link leads to counts: /dev/stdout is one
    except OSError:  # it is missing, or another call says why it cannot be written
        return
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):  # a directory has an error of its own
        raise Untrusted(f"it is {_kind(status)}", path)


def make_named_folder(folder: Path) -> None:
    """Make a folder that a deployment has named, for its owner only, or check the one that is there.

    It may belong to root, or to a group whose members write to it, as volumes of Kubernetes do. Refused is what all
    users of the machine could have made or can replace.

    :raises Untrusted: naming the folder and the reason.
    :raises OSError: if it cannot be made.
    """
    for each in (*reversed(folder.parents), folder):
        with suppress(FileExistsError):
            each.mkdir(_FOLDER_FOR_OWNER)
    _check_way(folder)
    _check_way(folder.resolve())


def make_private_folder(folder: Path) -> None:
    """Make a folder for its owner only, in one that is trusted, or take the one that is there from others.

    :raises Untrusted: if it is another user's, or not a folder.
    :raises OSError: if it cannot be made.
    """
    try:
        folder.mkdir(_FOLDER_FOR_OWNER)
    except FileExistsError:
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode):
            raise Untrusted("it is not a folder", folder) from None
        check_owner(folder, status)
        if status.st_mode & _OTHERS:  # an older release made it, or Kubernetes has changed it for the group of a volume
            folder.chmod(_FOLDER_FOR_OWNER)


def mode_of_new_file(folder: Path) -> int:
    """Return the mode that a new file gets in a folder, by the umask and by the access list of the folder."""
    # A file that is made tells it; the umask itself can only be read by changing it, for all threads.
    path, file = _probe(folder, _FOR_ALL)
    with file:
        path.unlink()
        return stat.S_IMODE(os.fstat(file.fileno()).st_mode)


def _opened(descriptor: int) -> FileIO:
    # Not the bare descriptor: a late thread would write to another file that has got its number meanwhile.
    return FileIO(descriptor, "r+")


def _check_way(folder: Path) -> None:
    """Refuse a folder if all users can replace it, or anything on the way to it."""
    way = [*reversed(folder.parents), folder]
    for above, entry in zip_longest(way, way[1:]):
        status = above.stat()
        if not status.st_mode & stat.S_IWOTH:
            continue
        if not status.st_mode & stat.S_ISVTX:
            raise Untrusted("everybody may replace what is in it", above)
        # In such a folder (/tmp) everybody may make an entry, and only its owner can replace it.
        if entry is not None and (status := entry.lstat()).st_uid and not _is_ours(status, above):
            raise Untrusted(f"it belongs to another user (uid {status.st_uid})", entry)


def _is_ours(status: os.stat_result, folder: Path) -> bool:
    # The second question needs a new file, and so is asked only where the first one does not decide.
    return status.st_uid == os.geteuid() or status.st_uid == _owner_of_new_file(folder)


def _owner_of_new_file(folder: Path) -> int:
    """Return the user that a file system shows as the owner of what this process makes.

    Network file systems may show another one than this process has: that of the mount, or ``nobody``.
    """
    try:
        path, file = _probe(folder, _FOR_OWNER)
    except OSError:
        return os.geteuid()
    with file:
        path.unlink()
        return os.fstat(file.fileno()).st_uid


def _probe(folder: Path, mode: int) -> tuple[Path, FileIO]:
    path = folder / f".{secrets.token_hex(8)}.probe"
    return path, _opened(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _SAFE, mode))


def _kind(status: os.stat_result) -> str:
    return _KINDS.get(stat.S_IFMT(status.st_mode), "no file")
