"""Packs of a container: small tensors share a checksum, large ones have their own."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

#: Bytes of the checksum of the table and of each pack: the first ones of SHA-256.
DIGEST_BYTES = 16
#: A pack is as many tensors as it takes to hold this many bytes.
PACK_BYTES = 4096


def digest(data: bytes | memoryview) -> bytes:
    """Return the checksum of the table or of a pack."""
    return hashlib.sha256(data).digest()[:DIGEST_BYTES]


@dataclass(frozen=True)
class PackSpan:
    """Where a tensor lies: small tensors share a pack, which is read and checked whole.

    Attributes
    ----------
    number : int
        Number of the pack.
    begin, n_bytes : int
        The pack's place among the streams, and its bytes.
    offset : int
        The tensor's place in the pack.
    """

    number: int
    begin: int
    n_bytes: int
    offset: int


def pack_spans(sizes: Sequence[int]) -> list[PackSpan]:
    """Return where each tensor lies.

    Parameters
    ----------
    sizes : sequence of int
        Bytes of each tensor in the order of the file.
    """
    spans: list[PackSpan] = []
    number = begin = n_bytes = 0
    offsets: list[int] = []
    for i, size in enumerate(sizes):
        offsets.append(n_bytes)
        n_bytes += size
        if n_bytes >= PACK_BYTES or i == len(sizes) - 1:
            spans += [PackSpan(number, begin, n_bytes, offset) for offset in offsets]
            number, begin, n_bytes, offsets = number + 1, begin + n_bytes, 0, []
    return spans


class PackDigests:
    """The checksums of the packs, made as tensors are added in the order of the file."""

    def __init__(self) -> None:
        self._done: list[bytes] = []
        self._pack: list[bytes] = []

    def add(self, data: bytes) -> None:
        """Add a tensor's bytes."""
        self._pack.append(data)
        if sum(map(len, self._pack)) >= PACK_BYTES:
            self._close()

    def digests(self) -> list[bytes]:
        """Return the checksums of all packs, the last one closed."""
        if self._pack:
            self._close()
        return self._done

    def _close(self) -> None:
        self._done.append(digest(b"".join(self._pack)))
        self._pack = []
