"""The container ``.f2f.safetensors``: encoded tensors in one checked file (``docs/format.md``).

A valid safetensors file: each stream is a tensor of bytes, parameters and checksums stand in the
metadata.  `write_container` writes it whole or not at all; `Container` reads one tensor at a time.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim._version import __version__
from f2fsim.codec.base import BitStream, EncodedTensor, WorkUnits
from f2fsim.codec.container_header import Header, read_header, write_header
from f2fsim.codec.registry import decode
from f2fsim.codec.tensor import WEIGHT_TYPES, PrunedTensor
from f2fsim.errors import DataError, InputError, near_miss
from f2fsim.whole_file import whole_file

#: Version of the container that this program writes and reads.
VERSION = 1
#: Ending of a container's file name.
SUFFIX = ".f2f.safetensors"
_STREAMS = ("codebook", "indices", "mask", "patches", "pointers", "weights")
_SCALE = "scale"


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
    content_sha256 : str
        `content_sha256` of the tensor that was encoded.
    """

    encoded: EncodedTensor
    source_shape: tuple[int, ...]
    scale: NDArray[np.float32] | None
    content_sha256: str

    def decode(self) -> PrunedTensor:
        """Return the exact tensor.

        Raises
        ------
        DataError
            If what the streams decode to is not what was encoded.
        """
        try:
            tensor = decode(self.encoded)
        except MemoryError:
            raise DataError(
                f"tensor {self.encoded.name!r} of shape {self.encoded.shape} does not fit memory"
            ) from None
        if content_sha256(tensor) != self.content_sha256:
            raise DataError(f"tensor {tensor.name!r} does not decode to what was encoded")
        return tensor


def content_sha256(tensor: PrunedTensor) -> str:
    """Return the SHA-256 of a tensor's exact content.

    It covers the patterns, row by row, little endian, then the mask, row by row, a bit a weight,
    least significant first.
    """
    digest = hashlib.sha256()
    little = tensor.patterns.dtype.newbyteorder("<")
    digest.update(np.ascontiguousarray(tensor.patterns, dtype=little).tobytes())
    digest.update(np.packbits(tensor.mask, bitorder="little").tobytes())
    return digest.hexdigest()


def store(
    tensor: PrunedTensor,
    encoded: EncodedTensor,
    source_shape: tuple[int, ...] | None = None,
    scale: NDArray[np.float32] | None = None,
) -> StoredTensor:
    """Return what a container stores of a tensor and its encoding."""
    shape = tensor.shape if source_shape is None else tuple(int(n) for n in source_shape)
    if math.prod(shape) != tensor.n_weights:
        raise InputError(
            f"tensor {tensor.name!r}: shape {shape} has not {tensor.n_weights} weights"
        )
    return StoredTensor(encoded, shape, scale, content_sha256(tensor))


def write_container(path: Path, tensors: Iterable[StoredTensor]) -> int:
    """Write a container whole or not at all and return its bytes.

    Parameters
    ----------
    path : Path
        Target; a neighbour is written first and then renamed.
    tensors : iterable of StoredTensor
        Names must differ.

    Raises
    ------
    InputError
        If two tensors have one name or a stream has an unknown name.
    """
    entries: dict[str, Any] = {}
    scales: dict[str, NDArray[Any]] = {}
    streams: dict[str, NDArray[Any]] = {}
    for item in tensors:
        name = item.encoded.name
        if name in entries:
            raise InputError(f"two tensors are called {name!r}")
        entries[name] = _describe(item)
        for stream_name, stream in item.encoded.streams.items():
            streams[f"{name}/{stream_name}"] = stream.data
        if item.scale is not None:
            scales[f"{name}/{_SCALE}"] = item.scale.astype("<f4")
    manifest = _canonical({"made_by": f"f2fsim {__version__}", "tensors": entries})
    metadata = {
        "f2fsim.version": str(VERSION),
        "f2fsim.manifest": manifest,
        "f2fsim.sha256": hashlib.sha256(manifest.encode()).hexdigest(),
    }
    # Scales first: they are the only ones that need alignment.
    arrays = {**scales, **streams}
    header = write_header(arrays, metadata)
    with whole_file(path, durable=True) as partial, partial.open("wb") as file:
        file.write(header)
        for array in arrays.values():
            file.write(np.ascontiguousarray(array).tobytes())
    return len(header) + sum(array.nbytes for array in arrays.values())


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _sha256(data: NDArray[Any]) -> str:
    return hashlib.sha256(np.ascontiguousarray(data).tobytes()).hexdigest()


def _describe(item: StoredTensor) -> dict[str, Any]:
    """Return a tensor's entry in the manifest."""
    encoded = item.encoded
    unknown = set(encoded.streams) - set(_STREAMS)
    if unknown:
        raise InputError(f"tensor {encoded.name!r}: unknown streams {sorted(unknown)}")
    return {
        "format": encoded.format,
        "matrix": list(encoded.shape),
        "shape": list(item.source_shape),
        "weight_type": encoded.weight_type.name,
        "params": dict(encoded.params),
        "stats": {key: float(value) for key, value in encoded.stats.items()},
        "content_sha256": item.content_sha256,
        "scale_sha256": None if item.scale is None else _sha256(item.scale.astype("<f4")),
        "streams": {
            name: {"n_bits": stream.n_bits, "sha256": _sha256(stream.data)}
            for name, stream in encoded.streams.items()
        },
    }


class Container:
    """A container opened for reading: its manifest is checked, streams are read when asked for.

    Attributes
    ----------
    path : Path
        The file.
    made_by : str
        Program and version that wrote it.

    Raises
    ------
    DataError
        If the file is missing, damaged, no container or of a newer version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.is_dir() or not path.is_file():
            raise DataError(f"{path}: {'is a folder' if path.is_dir() else 'no such file'}")
        self._header = read_header(path)
        manifest = self._manifest(self._header)
        self.made_by = str(manifest.get("made_by"))
        tensors = manifest.get("tensors")
        if not isinstance(tensors, dict):
            raise DataError(f"{path}: damaged manifest: no table of tensors")
        self._tensors: dict[str, Any] = tensors

    def names(self) -> list[str]:
        """Return the names of the tensors, sorted."""
        return sorted(self._tensors)

    def read(self, name: str) -> StoredTensor:
        """Read and check one tensor's streams; no other is touched.

        Raises
        ------
        DataError
            If there is no such tensor or anything of it is damaged.
        """
        if name not in self._tensors:
            raise DataError(f"{self.path}: no tensor {name!r}{near_miss(name, self._tensors)}")
        try:
            return self._read(name, self._tensors[name])
        except (KeyError, TypeError, ValueError, AttributeError):
            raise DataError(f"{self.path}: tensor {name!r}: damaged manifest") from None

    def _read(self, name: str, entry: Mapping[str, Any]) -> StoredTensor:
        rows, columns = (int(n) for n in entry["matrix"])
        shape = tuple(int(n) for n in entry["shape"])
        if min(rows, columns, *shape, 0) < 0 or math.prod(shape) != rows * columns:
            raise ValueError
        streams = {}
        for key, described in entry["streams"].items():
            if key not in _STREAMS:
                raise ValueError
            data = self._bytes(f"{name}/{key}", "U8", described["sha256"])
            n_bits = int(described["n_bits"])
            if data.shape[0] != (n_bits + 7) // 8:
                raise DataError(f"{self.path}: stream {name}/{key} is not {n_bits} bits long")
            streams[key] = BitStream(data, n_bits)
        scale = None
        if entry["scale_sha256"] is not None:
            scale = self._bytes(f"{name}/{_SCALE}", "F32", entry["scale_sha256"]).view("<f4")
            if scale.shape != (rows,):
                raise DataError(f"{self.path}: {name}/{_SCALE} has not {rows} entries")
        encoded = EncodedTensor(
            str(entry["format"]),
            name,
            (rows, columns),
            WEIGHT_TYPES[entry["weight_type"]],
            dict(entry["params"]),
            streams,
            _no_work(),
            {str(key): float(value) for key, value in entry["stats"].items()},
        )
        return StoredTensor(encoded, shape, scale, str(entry["content_sha256"]))

    def _bytes(self, key: str, dtype: str, sha256: str) -> NDArray[np.uint8]:
        data = self._header.read(self.path, key, dtype)
        if _sha256(data) != sha256:
            raise DataError(f"{self.path}: {key} is damaged: its checksum differs")
        return data

    def _manifest(self, header: Header) -> dict[str, Any]:
        metadata = header.metadata
        if "f2fsim.version" not in metadata:
            raise DataError(f"{self.path}: not a container of f2fsim (or its metadata is damaged)")
        version = metadata["f2fsim.version"]
        if version != str(VERSION):
            raise DataError(
                f"{self.path}: container version {version!r}; this program reads {VERSION}"
            )
        text = metadata.get("f2fsim.manifest", "")
        if hashlib.sha256(text.encode()).hexdigest() != metadata.get("f2fsim.sha256"):
            raise DataError(f"{self.path}: the manifest is damaged: its checksum differs")
        try:
            manifest = json.loads(text)
        except (ValueError, RecursionError):
            manifest = None
        if not isinstance(manifest, dict):
            raise DataError(f"{self.path}: damaged manifest: not a JSON object")
        return manifest


def _no_work() -> WorkUnits:
    none = np.zeros(0, dtype=np.int64)
    return WorkUnits({}, none, none, none, none)
