"""Writing a file whole or not at all: the only way that this package writes results.

And what may be read as a file: nothing that waits for somebody to write.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from f2fsim.errors import InputError

#: Characters of a neighbour's name from the file's own: names have 255 bytes.
_STEM = 40

#: The system's reasons that lie in a path as it was given; a full or broken disk is none of them.
BAD_PATH = frozenset(
    {
        errno.EACCES,
        errno.EEXIST,
        errno.EINVAL,
        errno.EISDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EPERM,
        errno.EROFS,
    }
)


@contextmanager
def whole_file(path: Path, *, durable: bool = False, follow: bool = True) -> Iterator[Path]:
    """Give a neighbour of `path` to write to, which takes its place once all is written.

    Folders on the way are made.  The neighbour is new, with a name that cannot be foreseen.  A pipe
    or a device cannot be replaced: it is given itself.

    Parameters
    ----------
    path : Path
        The file to make or replace.
    durable : bool
        Whether the content is forced to the disk before the old file goes.
    follow : bool
        Whether a link at `path` is followed, and a pipe or device written to; otherwise what lies
        there is replaced, whatever it is.

    Raises
    ------
    InputError
        If there can be no such file: `path` is a folder, or a part of it is none or is read-only.
    OSError
        If the disk is full; nothing is left behind.
    """
    try:
        is_folder, is_special = path.is_dir(), path.exists() and not path.is_file()
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
    if is_folder:
        raise InputError(f"{path}: is a folder, a file is needed")
    if is_special and follow:
        try:
            yield path
        except OSError as error:
            error.filename = error.filename or str(path)
            raise
        return
    target = path.resolve() if follow and path.is_symlink() else path
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if error.errno not in BAD_PATH:  # a full disk is no fault of the path
            raise
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
    made = f".{target.stem[:_STEM]}.{os.getpid()}-{secrets.token_hex(8)}.part{target.suffix}"
    partial = target.with_name(made)
    try:
        # Where others may write too, a link may lie at any name: a new file is no link.
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        yield partial
        if durable:
            with partial.open("rb") as file:
                os.fsync(file.fileno())
        partial.replace(target)
    except OSError as error:
        # A full disk names no file, a neighbour's name says nothing to the user.
        if error.filename in (None, str(partial)):
            error.filename = str(path)
            if error.errno in BAD_PATH:
                raise InputError(f"{path}: cannot be written: {error.strerror}") from None
        raise
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def refuse_pipe(path: Path) -> None:
    """Refuse a pipe or socket in place of a file: reading it could wait for ever.

    Raises
    ------
    InputError
        If `path` is one; what is missing is left to the reader to tell.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
        raise InputError(f"{path}: is a pipe or socket, a file is needed")


def require_regular(path: Path) -> None:
    """Refuse anything but a file in place of a file that is read to its end.

    Raises
    ------
    InputError
        If `path` is a pipe, a socket or a device; what is missing is left to the reader to tell.
    """
    refuse_pipe(path)
    if path.exists() and not path.is_file() and not path.is_dir():
        raise InputError(f"{path}: is a device, a file is needed")


def check_file(path: Path, what: str) -> None:
    """Refuse a file that cannot be made or replaced, before any work is done for it.

    Parameters
    ----------
    path : Path
        The file; it and its folders need not exist.
    what : str
        The option that names it, to begin the message.

    Raises
    ------
    InputError
        If it is a folder, or its folder cannot be made or written.
    """
    try:
        if path.is_dir():
            raise InputError(f"{what}: {path} is a folder, a file is needed")
        if not path.exists() or path.is_file():
            check_folder((path.resolve() if path.is_symlink() else path).parent, what)
    except OSError as error:
        raise InputError(f"{what}: {path}: {error.strerror}") from None


def check_folder(folder: Path, what: str) -> None:
    """Refuse a folder that cannot be made or written, before any work is done for it.

    Parameters
    ----------
    folder : Path
        Where files shall go; it need not exist.
    what : str
        The option that names it, to begin the message.

    Raises
    ------
    InputError
        If it, or a part of its path, is a file, or may not be written to.
    """
    at = folder
    while not os.path.lexists(at) and at != at.parent:
        at = at.parent
    if not at.is_dir():
        kind = "a file" if at.exists() else "a broken link"
        raise InputError(f"{what}: {at} is {kind}, a folder is needed")
    if not os.access(at, os.W_OK | os.X_OK):
        raise InputError(f"{what}: {at} cannot be written to")
