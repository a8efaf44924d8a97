"""Zip archives of untrusted origin: opened once all that a few bytes can claim is checked."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

from f2fsim.errors import DataError, in_a_line

#: A member of this size is no harm, however well it is packed.
_FREE_BYTES = 48 * 2**20
#: Inflated bytes for each packed one: pruned weights reach some tens, a bomb a thousand.
_MAX_RATIO = 200
#: More members than any model has tensors.
_MAX_MEMBERS = 200_000


def open_archive(path: Path) -> zipfile.ZipFile:
    """Open a zip archive for reading; it closes itself when nobody holds it any more.

    Raises
    ------
    DataError
        If it is encrypted, has two members of one name, or claims to hold far more than a file of
        its size can.
    zipfile.BadZipFile
        If it is damaged.
    """
    archive = zipfile.ZipFile(path)
    try:
        _check(path, archive.infolist())
    except DataError:
        archive.close()
        raise
    return archive


def _check(path: Path, members: Sequence[zipfile.ZipInfo]) -> None:
    if len(members) > _MAX_MEMBERS:
        raise DataError(f"{path}: has {len(members)} members, at most {_MAX_MEMBERS} are read")
    seen = set[str]()
    for member in members:
        name = f"its member {in_a_line(member.filename)}"
        if member.flag_bits & 1:
            raise DataError(f"{path}: {name} is encrypted")
        if member.filename in seen:
            raise DataError(f"{path}: {name} is there twice")
        seen.add(member.filename)
        _check_ratio(path, name, member.file_size, member.compress_size)
    packed = sum(member.compress_size for member in members)
    unpacked = sum(member.file_size for member in members)
    _check_ratio(path, "it", unpacked, min(packed, path.stat().st_size))


def _check_ratio(path: Path, what: str, unpacked: int, packed: int) -> None:
    if unpacked > _FREE_BYTES and unpacked > _MAX_RATIO * packed:
        raise DataError(
            f"{path}: {what} claims {unpacked} bytes in {packed}: more than {_MAX_RATIO} for each "
            f"is taken for a zip bomb; what is not packed is read"
        )
