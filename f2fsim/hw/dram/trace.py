"""Request traces from files: text lines and the packed binary form.

Text: ``0xADDR R|W CYCLE [STREAM]`` a line, also DRAMsim3's ``READ``/``WRITE``; empty lines and what
follows a ``#`` are skipped.  Binary: little-endian uint64 address, uint64 ``cycle << 1 | write``.
Either may be compressed by gzip.
"""

from __future__ import annotations

import gzip
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from f2fsim.errors import DataError, near_miss
from f2fsim.hw.dram.timing import DramParams

MAX_CYCLE = 2**60
OPERATIONS = {"R": 0, "W": 1, "READ": 0, "WRITE": 1}
_ADDRESS = re.compile(r"0[xX][0-9a-fA-F]{1,16}\Z")
_CYCLE = re.compile(r"[0-9]{1,19}\Z")
_STREAM = re.compile(r"[A-Za-z0-9_.-]{1,40}\Z")
#: Streams that a trace may name, and bytes that it may have once it is unpacked.
MAX_STREAMS = 256
MAX_BYTES = 2**32


@dataclass(frozen=True)
class RequestTrace:
    """Requests in order: byte address, direction, earliest memory clock, number of the stream."""

    addresses: NDArray[np.int64]
    is_write: NDArray[np.bool_]
    clocks: NDArray[np.int64]
    streams: NDArray[np.int32]
    stream_names: tuple[str, ...] = ("all",)

    def __len__(self) -> int:
        return len(self.addresses)


def read_trace(path: Path, params: DramParams, kind: str = "auto") -> RequestTrace:
    """Read and check a request trace.

    Parameters
    ----------
    path : Path
        The file.
    params : DramParams
        The memory the trace is for: addresses are aligned to its burst and below its capacity.
    kind : {"auto", "text", "binary"}
        Form of the file; ``auto`` takes a file with a zero byte for binary.

    Raises
    ------
    DataError
        One line ``file:line: rule, got value`` (binary: ``file: request N: ...``).
    """
    try:
        if path.is_dir():
            raise DataError(f"{path}: is a folder, a trace file is needed")
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise DataError(f"{path}: cannot be read: {reason}") from None
    if data[:2] == b"\x1f\x8b":
        data = _unpacked(path)
    if not data:
        raise DataError(f"{path}: the trace is empty")
    if kind == "binary" or (kind == "auto" and b"\0" in data[:65536]):
        return _read_binary(path, data, params)
    return _read_text(path, data, params)


def _unpacked(path: Path) -> bytes:
    try:
        with gzip.open(path) as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: is a damaged gzip file: {error}") from None
    if len(data) > MAX_BYTES:
        raise DataError(f"{path}: holds more than {MAX_BYTES} bytes when unpacked")
    return data


def _read_binary(path: Path, data: bytes, params: DramParams) -> RequestTrace:
    if len(data) % 16:
        raise DataError(
            f"{path}: a binary trace has 16 bytes a request, {len(data)} bytes leave "
            f"{len(data) % 16} over"
        )
    words = np.frombuffer(data, dtype="<u8").reshape(-1, 2)
    cycles = words[:, 1] >> np.uint64(1)
    _refuse(path, words[:, 0] >= params.capacity_bytes, words[:, 0], _capacity_rule(params), "")
    _refuse(path, cycles > MAX_CYCLE, cycles, f"cycle must be at most {MAX_CYCLE}", "")
    addresses, clocks = words[:, 0].astype(np.int64), cycles.astype(np.int64)
    _refuse(path, addresses % params.burst_bytes != 0, addresses, _align_rule(params), "")
    later = np.diff(clocks, prepend=clocks[:1]) < 0
    _refuse(path, later, clocks, "cycles must not decrease", "")
    is_write = (words[:, 1] & np.uint64(1)).astype(bool)
    return RequestTrace(addresses, is_write, clocks, np.zeros(len(clocks), np.int32))


def _refuse(
    path: Path, bad: NDArray[np.bool_], values: NDArray[np.generic], rule: str, unit: str
) -> None:
    if bad.any():
        first = int(bad.argmax())
        raise DataError(f"{path}: request {first}: {rule}, got {int(values[first])}{unit}")


def _capacity_rule(params: DramParams) -> str:
    return f"address must be below the capacity of {params.name} ({params.capacity_bytes:#x})"


def _align_rule(params: DramParams) -> str:
    return f"address must be a multiple of the burst ({params.burst_bytes} bytes)"


def _read_text(path: Path, data: bytes, params: DramParams) -> RequestTrace:
    try:
        # Some editors put a byte order mark before plain text.
        lines = data.removeprefix(b"\xef\xbb\xbf").decode("ascii").splitlines()
    except UnicodeDecodeError as error:
        place = data[: error.start].count(b"\n") + 1
        raise DataError(f"{path}:{place}: is neither ASCII text nor a binary trace") from None
    addresses: list[int] = []
    writes: list[int] = []
    clocks: list[int] = []
    streams: list[int] = []
    names: dict[str, int] = {}
    last = n_words = 0
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        n_words = n_words or len(words)
        problem = _line_problem(words, params, last) or _stream_problem(words, n_words, names)
        if problem:
            raise DataError(f"{path}:{number}: {problem}")
        last = int(words[2])
        addresses.append(int(words[0], 16))
        writes.append(OPERATIONS[words[1].upper()])
        clocks.append(last)
        streams.append(names.setdefault(words[3] if len(words) == 4 else "all", len(names)))
    if not addresses:
        raise DataError(f"{path}: the trace holds no request")
    return RequestTrace(
        np.array(addresses, np.int64),
        np.array(writes, bool),
        np.array(clocks, np.int64),
        np.array(streams, np.int32),
        tuple(names),
    )


def _line_problem(words: list[str], params: DramParams, last: int) -> str:
    """Return what is wrong with a line, or an empty string."""
    if len(words) not in (3, 4):
        return f"a line must read '0xADDRESS R|W CYCLE [STREAM]', got {' '.join(words)[:60]!r}"
    address, operation, cycle = words[:3]
    if not _ADDRESS.match(address):
        return f"address must be hexadecimal with 0x, got {address[:40]!r}"
    if operation.upper() not in OPERATIONS:
        hint = near_miss(operation.upper(), OPERATIONS)
        return f"operation must be R, W, READ or WRITE{hint}, got {operation[:40]!r}"
    if not _CYCLE.match(cycle) or int(cycle) > MAX_CYCLE:
        return f"cycle must be a whole number from 0 to {MAX_CYCLE}, got {cycle[:40]!r}"
    if int(address, 16) >= params.capacity_bytes:
        return f"{_capacity_rule(params)}, got {address}"
    if int(address, 16) % params.burst_bytes:
        return f"{_align_rule(params)}, got {address}"
    if int(cycle) < last:
        return f"cycles must not decrease, got {cycle} after {last}"
    return ""


def _stream_problem(words: list[str], n_words: int, names: dict[str, int]) -> str:
    """Return what is wrong with a line's stream, or an empty string."""
    if len(words) != n_words:
        return "either all lines or none must name a stream"
    if len(words) == 4 and not _STREAM.match(words[3]):
        return f"stream must be up to 40 letters, digits, '_', '.' or '-', got {words[3][:60]!r}"
    if len(words) == 4 and words[3] not in names and len(names) == MAX_STREAMS:
        return f"at most {MAX_STREAMS} streams, got another: {words[3]!r}"
    return ""
