"""Encodings on disk, by content: what was encoded once is not encoded again.

An entry's key is the digest of weights, mask, format parameters and the codec's source code, so a
wrong hit cannot happen and nothing has to be invalidated.  Entries are written to a neighbour
and renamed (safe under several processes and a kill); a damaged one counts as missing.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from f2fsim import codec
from f2fsim.codec import (
    BitStream,
    EncodedTensor,
    PrunedTensor,
    WeightFormat,
    WorkUnits,
    weight_type,
)
from f2fsim.errors import InputError
from f2fsim.whole_file import whole_file

#: Environment variables: where the cache lies (``off`` for none), and how large it may become.
FOLDER_VARIABLE = "F2FSIM_CACHE_DIR"
SIZE_VARIABLE = "F2FSIM_CACHE_BYTES"
DEFAULT_MAX_BYTES = 4 * 2**30

#: Formats whose encoding costs more than reading it back.
WORTH_CACHING = ("f2f",)

#: After so long a half-written entry was left by a process that was killed.
STALE_SECONDS = 3600

#: Names of half-written entries (`f2fsim.whole_file`).
PARTIAL = ".*.part.*"

#: Ending of an entry; those of versions before are only counted and removed.
ENDING, OLD_ENDING = ".encoding", ".npz"
#: First bytes of an entry, and bytes of the length of its header.
MAGIC, LENGTH_BYTES = b"f2fsim encoding 1\n", 8

#: Bytes that this process wrote into a folder since it last made room there.
_WRITTEN_BYTES: dict[Path, int] = {}

_COUNTS = ("n_weights", "n_kept", "n_stored", "n_patches", "n_mask_symbols")


@dataclass(frozen=True)
class CacheInfo:
    """How much the cache holds."""

    folder: str
    n_entries: int
    n_bytes: int
    max_bytes: int


@dataclass(frozen=True)
class EncodingCache:
    """A folder of encodings, bounded in size: the entries unused for longest go first."""

    folder: Path
    max_bytes: int = DEFAULT_MAX_BYTES

    @classmethod
    def default(cls) -> EncodingCache | None:
        """Return the user's cache as the environment says; None if it is switched off."""
        name = os.environ.get(FOLDER_VARIABLE, "")
        if name.lower() == "off":
            return None
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        size = os.environ.get(SIZE_VARIABLE, str(DEFAULT_MAX_BYTES))
        if not size.isdecimal():
            raise InputError(f"{SIZE_VARIABLE} must be a number of bytes, got {size!r}")
        return cls(Path(name) if name else base / "f2fsim", int(size))

    def encode(self, weight_format: WeightFormat, tensor: PrunedTensor) -> EncodedTensor:
        """Return the encoding of `tensor`, from the cache where it is there."""
        if weight_format.name not in WORTH_CACHING:
            return weight_format.encode(tensor)
        path = self._path(weight_format, tensor)
        found = _load(path)
        if found is not None:
            return found
        encoded = weight_format.encode(tensor)
        # A disk that is full or cannot be written costs speed, not the result.
        with contextlib.suppress(OSError, InputError):
            self._store(path, encoded)
        return encoded

    def info(self) -> CacheInfo:
        """Return what the cache holds."""
        sizes = [size for _, size, _ in self._entries()]
        return CacheInfo(str(self.folder), len(sizes), sum(sizes), self.max_bytes)

    def clear(self) -> int:
        """Remove all entries; return how many there were."""
        entries = self._entries()
        for path, _, _ in entries:
            path.unlink(missing_ok=True)
        for path in self.folder.glob(PARTIAL):
            path.unlink(missing_ok=True)
        return len(entries)

    def _path(self, weight_format: WeightFormat, tensor: PrunedTensor) -> Path:
        digest = hashlib.sha256(code_digest().encode())
        of_tensor = f"{tensor.weight_type.name}|{tensor.shape}|{tensor.name}|"
        head = f"{_described(weight_format)}|{of_tensor}"
        digest.update(head.encode())
        digest.update(np.ascontiguousarray(tensor.patterns).data)
        digest.update(np.packbits(tensor.mask).data)
        return self.folder / f"{digest.hexdigest()}{ENDING}"

    def _entries(self) -> list[tuple[Path, int, float]]:
        entries = []
        for ending in (ENDING, OLD_ENDING):
            for path in self.folder.glob(f"[!.]*{ending}"):
                with contextlib.suppress(OSError):  # another process removed it
                    status = path.stat()
                    entries.append((path, status.st_size, status.st_mtime))
        return entries

    def _store(self, path: Path, encoded: EncodedTensor) -> None:
        arrays: dict[str, Any] = {f"stream:{n}": s.data for n, s in encoded.streams.items()}
        for name, bits in encoded.work.stream_bits.items():
            arrays[f"bits:{name}"] = _narrow(bits)
        for name in _COUNTS:
            values = getattr(encoded.work, name)
            if values is not None:
                arrays[f"work:{name}"] = _narrow(values)
        header = {
            "format": encoded.format,
            "name": encoded.name,
            "shape": list(encoded.shape),
            "weight_type": encoded.weight_type.name,
            "params": dict(encoded.params),
            "n_bits": {name: stream.n_bits for name, stream in encoded.streams.items()},
            "stats": dict(encoded.stats),
        }
        # A link at an entry's name, which can be foreseen, is not followed but replaced.
        with whole_file(path, follow=False) as partial, partial.open("wb") as file:
            for part in _packed(header, arrays):
                file.write(part)
        # Looking through a cache of tens of thousands of entries takes longer than encoding a
        # layer: it is done at a process's first entry (many short runs fill a cache too) and after
        # every 64th part of the cache's size that it writes.
        written = _WRITTEN_BYTES.get(self.folder, self.max_bytes) + path.stat().st_size
        _WRITTEN_BYTES[self.folder] = written
        if written > self.max_bytes // 64:
            self._trim()
            _WRITTEN_BYTES[self.folder] = 0

    def _trim(self) -> None:
        for path in self.folder.glob(PARTIAL):
            with contextlib.suppress(OSError):  # finished, or removed by another process
                if time.time() - path.stat().st_mtime > STALE_SECONDS:
                    path.unlink(missing_ok=True)
        entries = sorted(self._entries(), key=lambda entry: entry[2])
        total = sum(size for _, size, _ in entries)
        for path, size, _ in entries:
            if total <= self.max_bytes:
                break
            path.unlink(missing_ok=True)
            total -= size


@lru_cache(maxsize=1024)
def _described(weight_format: WeightFormat) -> str:
    """Return a format as text: that of many bands is the same, with rows of a decoder."""
    return repr(weight_format)


def _narrow(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return counts in the smallest dtype that holds them."""
    return values.astype(np.min_scalar_type(int(values.max(initial=0))))


def _packed(header: dict[str, Any], arrays: dict[str, np.ndarray[Any, Any]]) -> list[bytes]:
    """Return an entry: what it is, the arrays one after another, and a checksum of all that."""
    header["arrays"] = [[name, a.dtype.str, a.size] for name, a in arrays.items()]
    text = json.dumps(header).encode()
    length = len(text).to_bytes(LENGTH_BYTES, "little")
    parts = [length, text, *(np.ascontiguousarray(a).tobytes() for a in arrays.values())]
    return [MAGIC, *parts, _checksum(parts)]


def _checksum(parts: Sequence[bytes | memoryview]) -> bytes:
    value = 0
    for part in parts:
        value = zlib.crc32(part, value)
    return value.to_bytes(4, "little")


def _load(path: Path) -> EncodedTensor | None:
    """Return an entry, None if there is none or it is damaged."""
    try:
        if not path.is_file():  # nothing, or a pipe that would be waited on
            return None
        data = memoryview(path.read_bytes())
        body, told = data[len(MAGIC) : -4], data[-4:]
        if data[: len(MAGIC)] != MAGIC or _checksum([body]) != told:
            return None
        with contextlib.suppress(OSError):  # on a read-only disk an entry's age stays as it is
            os.utime(path)
        return _restored(body)
    except (OSError, ValueError, KeyError):
        return None


def _restored(body: memoryview) -> EncodedTensor:
    """Return the encoding that `EncodingCache._store` took apart."""
    at = LENGTH_BYTES + int.from_bytes(body[:LENGTH_BYTES], "little")
    header = json.loads(bytes(body[LENGTH_BYTES:at]))
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    for name, kind, size in header["arrays"]:
        # A copy lies where numbers of its type may lie.
        arrays[name] = np.frombuffer(body, np.dtype(kind), size, at).copy()
        at += arrays[name].nbytes
    counts = {
        name: arrays[f"work:{name}"].astype(np.int64) if f"work:{name}" in arrays else None
        for name in _COUNTS
    }
    bits = {n[5:]: a.astype(np.int64) for n, a in arrays.items() if n.startswith("bits:")}
    streams = {
        name: BitStream(arrays[f"stream:{name}"], n_bits)
        for name, n_bits in header["n_bits"].items()
    }
    return EncodedTensor(
        header["format"],
        header["name"],
        (header["shape"][0], header["shape"][1]),
        weight_type(header["weight_type"]),
        header["params"],
        streams,
        WorkUnits(bits, **counts),  # type: ignore[arg-type]
        header["stats"],
    )


@cache
def code_digest() -> str:
    """Return the digest of the codec's sources: other code, other entries."""
    digest = hashlib.sha256()
    folder = Path(codec.__file__).parent
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".py", ".pyx", ".h"):
            digest.update(path.name.encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
