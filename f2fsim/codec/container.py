"""The container ``.f2f.safetensors``: encoded tensors in one checked file (``docs/format.md``).

A valid safetensors file of two byte tensors: ``table`` says what the streams are
(`f2fsim.codec.container_table`), ``streams`` holds them.  `write_container` writes it whole or not
at all; `Container` reads one tensor at a time.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from f2fsim._version import __version__
from f2fsim.codec.base import BitStream, EncodedTensor, WorkUnits
from f2fsim.codec.container_header import Header, read_header, write_header
from f2fsim.codec.container_packs import PackDigests, digest, pack_spans
from f2fsim.codec.container_table import STREAMS, Entry, read_table, write_table
from f2fsim.codec.registry import decode
from f2fsim.codec.tensor import WEIGHT_TYPES, PrunedTensor
from f2fsim.errors import DataError, InputError, in_a_line, near_miss
from f2fsim.whole_file import whole_file

#: Version of the container that this program writes and reads.
VERSION = 2
#: Ending of a container's file name.
SUFFIX = ".f2f.safetensors"
_VERSION_KEY, _TABLE, _STREAMS = "f2fsim.version", "table", "streams"
#: The header of a container has two entries and one text.
_MAX_HEADER_BYTES = 1 << 12


@dataclass(frozen=True, eq=False)
class StoredTensor:
    """An encoded tensor as a container holds it.

    Attributes
    ----------
    encoded : EncodedTensor
        Streams and parameters; read from a file it has no work units.
    source_shape : tuple of int
        Shape of the tensor in its model; its product is the matrix's size.
    scale : ndarray of float32, shape (n_rows,), or None
        Value of one integer step of each row; None for floats.
    content_crc32 : int
        `content_crc32` of the tensor that was encoded.
    """

    encoded: EncodedTensor
    source_shape: tuple[int, ...]
    scale: NDArray[np.float32] | None
    content_crc32: int

    def decode(self) -> PrunedTensor:
        """Return the exact tensor.

        Raises
        ------
        DataError
            If what the streams decode to is not what was encoded.
        """
        name = in_a_line(self.encoded.name)
        try:
            tensor = decode(self.encoded)
        except MemoryError:
            raise DataError(
                f"tensor {name} of shape {self.encoded.shape} does not fit memory"
            ) from None
        if content_crc32(tensor) != self.content_crc32:
            raise DataError(f"tensor {name} does not decode to what was encoded")
        return tensor


@dataclass(frozen=True)
class FileSize:
    """What a container takes.

    Attributes
    ----------
    n_bytes : int
        The file.
    tensor_bytes : mapping of str to int
        Scale and streams of each tensor in the order of the file; the rest is header and table.
    """

    n_bytes: int
    tensor_bytes: Mapping[str, int]

    @property
    def header_bytes(self) -> int:
        """Bytes of header and table."""
        return self.n_bytes - sum(self.tensor_bytes.values())

    def shares(self) -> dict[str, int]:
        """Return the bytes of each tensor with an even share of the header's: the file's in sum."""
        even, rest = divmod(self.header_bytes, max(len(self.tensor_bytes), 1))
        return {
            name: n_bytes + even + (i < rest)
            for i, (name, n_bytes) in enumerate(self.tensor_bytes.items())
        }


def content_crc32(tensor: PrunedTensor) -> int:
    """Return the CRC-32 of a tensor's exact content.

    It covers the patterns, row by row, little endian, then the mask, row by row, a bit a weight,
    least significant first.
    """
    little = tensor.patterns.dtype.newbyteorder("<")
    patterns = np.ascontiguousarray(tensor.patterns, dtype=little)
    value = zlib.crc32(patterns.reshape(-1).view(np.uint8).data)
    return zlib.crc32(np.packbits(tensor.mask, bitorder="little").data, value)


def store(
    tensor: PrunedTensor,
    encoded: EncodedTensor,
    source_shape: tuple[int, ...] | None = None,
    scale: NDArray[np.float32] | None = None,
) -> StoredTensor:
    """Return what a container stores of a tensor and its encoding."""
    shape = tensor.shape if source_shape is None else tuple(int(n) for n in source_shape)
    if math.prod(shape) != tensor.n_weights:
        raise InputError(f"{tensor.label}: shape {shape} has not {tensor.n_weights} weights")
    return StoredTensor(encoded, shape, scale, content_crc32(tensor))


def write_container(path: Path | None, tensors: Iterable[StoredTensor]) -> FileSize:
    """Write a container whole or not at all and return what it takes.

    Parameters
    ----------
    path : Path or None
        Target; a neighbour is written first and then renamed.  None: nothing is written or kept.
    tensors : iterable of StoredTensor
        Names must differ.

    Raises
    ------
    InputError
        If two tensors have one name or a stream has an unknown name.
    """
    entries: dict[str, Entry] = {}
    stored: list[bytes] = []
    packs = PackDigests()
    for item in tensors:
        name = item.encoded.name
        if name in entries:
            raise InputError(f"two tensors are called {in_a_line(name)}")
        entries[name] = _describe(item)
        data = _stored_bytes(item)
        packs.add(data)
        if path is not None:
            stored.append(data)
    table = write_table(list(entries.values()), packs.digests(), f"f2fsim {__version__}")
    sizes = {name: entry.n_bytes for name, entry in entries.items()}
    lengths = {_TABLE: len(table), _STREAMS: sum(sizes.values())}
    u8 = np.dtype(np.uint8)
    header = write_header(
        {key: (u8, (n,)) for key, n in lengths.items()}, {_VERSION_KEY: str(VERSION)}
    )
    if path is not None:
        with whole_file(path, durable=True) as partial, partial.open("wb") as file:
            for part in (header, table, *stored):
                file.write(part)
    return FileSize(len(header) + sum(lengths.values()), sizes)


def _describe(item: StoredTensor) -> Entry:
    """Return a tensor's entry in the table."""
    encoded = item.encoded
    unknown = set(encoded.streams) - set(STREAMS)
    if unknown:
        raise InputError(f"{encoded.label}: unknown streams {sorted(unknown)}")
    return Entry(
        encoded.name,
        encoded.format,
        encoded.weight_type.name,
        item.source_shape,
        encoded.shape,
        dict(encoded.params),
        dict(encoded.stats),
        {name: encoded.streams[name].n_bits for name in STREAMS if name in encoded.streams},
        item.scale is not None,
        item.content_crc32,
    )


def _stored_bytes(item: StoredTensor) -> bytes:
    """Return scale and streams as they lie in the file."""
    scale = b"" if item.scale is None else item.scale.astype("<f4").tobytes()
    streams = item.encoded.streams
    return scale + b"".join(streams[key].data.tobytes() for key in STREAMS if key in streams)


class Container:
    """A container opened for reading: its table is checked, streams are read when asked for.

    Parameters
    ----------
    path : Path
        The file.
    max_weights : int, optional
        Weights that the file may claim; by default what its bytes make credible.

    Attributes
    ----------
    path : Path
        The file.
    made_by : str
        Program and version that wrote it.

    Raises
    ------
    DataError
        If the file is missing, damaged, no container or of another version.
    """

    def __init__(self, path: Path, max_weights: int | None = None) -> None:
        self.path = path
        if path.is_dir() or not path.is_file():
            raise DataError(f"{path}: {'is a folder' if path.is_dir() else 'no such file'}")
        self._header = _container_header(path)
        table = self._header.read(path, _TABLE, "U8").tobytes()
        self._at, n_stream_bytes = self._header.span(path, _STREAMS, "U8")
        try:
            self.made_by, entries, self._digests = read_table(table, n_stream_bytes, max_weights)
        except DataError as error:
            raise DataError(f"{path}: {error}") from None
        self._entries = {entry.name: entry for entry in entries}
        spans = pack_spans([entry.n_bytes for entry in entries])
        self._spans = dict(zip(self._entries, spans, strict=True))

    def names(self) -> list[str]:
        """Return the names of the tensors in the order of the file."""
        return list(self._entries)

    def size(self) -> FileSize:
        """Return what the file takes."""
        sizes = {name: entry.n_bytes for name, entry in self._entries.items()}
        return FileSize(self._header.data_end, sizes)

    def read(self, name: str) -> StoredTensor:
        """Read and check one tensor's streams; of others only those that share its pack.

        Raises
        ------
        DataError
            If there is no such tensor or anything of it is damaged.
        """
        if name not in self._entries:
            raise DataError(
                f"{self.path}: no tensor {in_a_line(name)}{near_miss(name, self._entries)}"
            )
        entry = self._entries[name]
        data = self._bytes(entry)
        scale = None
        if entry.has_scale:
            scale = data[: entry.scale_bytes].view("<f4").astype(np.float32)
        streams, at = {}, entry.scale_bytes
        for key in STREAMS:
            if key in entry.bits:
                end = at + (entry.bits[key] + 7) // 8
                streams[key] = BitStream(data[at:end], entry.bits[key])
                at = end
        encoded = EncodedTensor(
            entry.format,
            name,
            entry.matrix,
            WEIGHT_TYPES[entry.weight_type],
            entry.params,
            streams,
            _no_work(),
            entry.stats,
        )
        return StoredTensor(encoded, entry.shape, scale, entry.content_crc32)

    def _bytes(self, entry: Entry) -> NDArray[np.uint8]:
        """Return a tensor's scale and streams; its pack is read and checked."""
        pack = self._spans[entry.name]
        with self.path.open("rb") as file:
            file.seek(self._at + pack.begin)
            data = np.fromfile(file, dtype=np.uint8, count=pack.n_bytes)
        if digest(data.data) != self._digests[pack.number]:
            raise DataError(
                f"{self.path}: the streams of tensor {in_a_line(entry.name)} are damaged "
                f"(or those of its pack): their checksum differs"
            )
        return data[pack.offset : pack.offset + entry.n_bytes]


def _container_header(path: Path) -> Header:
    """Return the header of a container of this version."""
    header = read_header(path, _MAX_HEADER_BYTES, "a container of f2fsim")
    version = header.metadata.get(_VERSION_KEY)
    if version is None:
        raise DataError(f"{path}: not a container of f2fsim (or its metadata is damaged)")
    if version != str(VERSION):
        raise DataError(
            f"{path}: container version {in_a_line(version)}; this program reads {VERSION}"
        )
    return header


def _no_work() -> WorkUnits:
    none = np.zeros(0, dtype=np.int64)
    return WorkUnits({}, none, none, none, none)
