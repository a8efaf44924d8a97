"""One process at a time in a folder: a lock that ends with its process, even by SIGKILL."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from f2fsim.errors import DataError


@contextmanager
def one_at_a_time(path: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the lock file `path`, which stays behind empty; wait while another process has it.

    Parameters
    ----------
    path : Path
        Made if it is missing, its folder included.  On a local disk, as SQLite's log needs too.
    on_wait : callable
        Called once if the lock is taken, before the wait.

    Raises
    ------
    DataError
        If there can be no such file.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a")
    except OSError as error:
        raise DataError(f"{path}: cannot be opened or made there: {error.strerror}") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
