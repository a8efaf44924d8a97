"""Request traces from files: text lines (`trace_forms`) and the packed binary form.

In text, empty lines and what follows a ``#`` are skipped.  Binary: little-endian uint64 address,
uint64 ``cycle << 1 | write``.  Either may be compressed by gzip.
"""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from f2fsim.errors import DataError
from f2fsim.hw.dram.timing import DramParams
from f2fsim.hw.dram.trace_forms import (
    FORMS,
    MAX_CYCLE,
    LineError,
    LineReader,
    Request,
    form_of,
)
from f2fsim.whole_file import require_regular

#: Streams that a trace may name, and bytes that it may have once it is unpacked.
MAX_STREAMS = 256
MAX_BYTES = 2**32


@dataclass(frozen=True)
class RequestTrace:
    """Requests in order: byte address, direction, earliest memory clock, number of the stream.

    ``n_aligned`` and ``n_wrapped`` count the addresses that were moved to the start of their burst
    and into the memory's capacity.
    """

    addresses: NDArray[np.int64]
    is_write: NDArray[np.bool_]
    clocks: NDArray[np.int64]
    streams: NDArray[np.int32]
    stream_names: tuple[str, ...] = ("all",)
    n_aligned: int = 0
    n_wrapped: int = 0

    def __len__(self) -> int:
        return len(self.addresses)


@dataclass(frozen=True)
class TraceOptions:
    """How a trace is read.

    Attributes
    ----------
    form : str
        One of `KINDS`; ``auto`` takes a file with a zero byte for binary, and else the form that
        the first line has.
    align, wrap : bool
        Move addresses to the start of their burst, and take them modulo the capacity, as the
        address pins of a memory do; without, such addresses are refused.
    instructions_per_clock : float or None
        Instructions that the core of a core's trace runs in a memory clock.
    """

    form: str = "auto"
    align: bool = False
    wrap: bool = False
    instructions_per_clock: float | None = None


#: Names of forms.
KINDS = ("auto", "binary", *FORMS)


def read_trace(path: Path, params: DramParams, options: TraceOptions | None = None) -> RequestTrace:
    """Read and check a request trace.

    Parameters
    ----------
    path : Path
        The file.
    params : DramParams
        The memory the trace is for: addresses are aligned to its burst and below its capacity.
    options : TraceOptions, optional
        The form of the file, and what is done with other addresses.

    Raises
    ------
    DataError
        One line ``file:line: rule, got value`` (binary: ``file: request N: ...``).
    """
    options = options or TraceOptions()
    try:
        if path.is_dir():
            raise DataError(f"{path}: is a folder, a trace file is needed")
        require_regular(path)
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise DataError(f"{path}: cannot be read: {reason}") from None
    if data[:2] == b"\x1f\x8b":
        data = _unpacked(path)
    if not data:
        raise DataError(f"{path}: the trace is empty")
    if options.form == "binary" or (options.form == "auto" and b"\0" in data[:65536]):
        return _read_binary(path, data, params, options)
    return _read_text(path, data, params, options)


def _unpacked(path: Path) -> bytes:
    try:
        with gzip.open(path) as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: is a damaged gzip file: {error}") from None
    if len(data) > MAX_BYTES:
        raise DataError(f"{path}: holds more than {MAX_BYTES} bytes when unpacked")
    return data


def _read_binary(
    path: Path, data: bytes, params: DramParams, options: TraceOptions
) -> RequestTrace:
    if len(data) % 16:
        raise DataError(
            f"{path}: a binary trace has 16 bytes a request, {len(data)} bytes leave "
            f"{len(data) % 16} over"
        )
    words = np.frombuffer(data, dtype="<u8").reshape(-1, 2)
    cycles, places = words[:, 1] >> np.uint64(1), words[:, 0]
    beyond = places >= params.capacity_bytes
    if options.wrap:
        places = places % np.uint64(params.capacity_bytes)
    else:
        _refuse(path, beyond, places, _capacity_rule(params))
    _refuse(path, cycles > MAX_CYCLE, cycles, f"cycle must be at most {MAX_CYCLE}")
    addresses, clocks = places.astype(np.int64), cycles.astype(np.int64)
    unaligned = addresses % params.burst_bytes != 0
    if options.align:
        addresses -= addresses % params.burst_bytes
    else:
        _refuse(path, unaligned, addresses, _align_rule(params))
    later = np.diff(clocks, prepend=clocks[:1]) < 0
    _refuse(path, later, clocks, "cycles must not decrease")
    return RequestTrace(
        addresses,
        (words[:, 1] & np.uint64(1)).astype(bool),
        clocks,
        np.zeros(len(clocks), np.int32),
        n_aligned=int(unaligned.sum()) if options.align else 0,
        n_wrapped=int(beyond.sum()) if options.wrap else 0,
    )


def _refuse(path: Path, bad: NDArray[np.bool_], values: NDArray[np.generic], rule: str) -> None:
    if bad.any():
        first = int(bad.argmax())
        raise DataError(f"{path}: request {first}: {rule}, got {int(values[first])}")


def _capacity_rule(params: DramParams) -> str:
    capacity = f"the capacity of {params.name} ({params.capacity_bytes:#x})"
    return f"address must be below {capacity}, or be wrapped"


def _align_rule(params: DramParams) -> str:
    return f"address must be a multiple of the burst ({params.burst_bytes} bytes), or be aligned"


def _read_text(path: Path, data: bytes, params: DramParams, options: TraceOptions) -> RequestTrace:
    try:
        # Some editors put a byte order mark before plain text.
        lines = data.removeprefix(b"\xef\xbb\xbf").decode("ascii").splitlines()
    except UnicodeDecodeError as error:
        place = data[: error.start].count(b"\n") + 1
        raise DataError(f"{path}:{place}: is neither ASCII text nor a binary trace") from None
    reader = LineReader(params, options.instructions_per_clock)
    found = _Found(params, options)
    form, n_words = options.form, 0
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if form == "auto":
            form = form_of(words)
        n_words = n_words or len(words)
        try:
            if form == "text" and {len(words), n_words} == {3, 4}:
                raise LineError("either all lines or none must name a stream")
            for request in reader.read(form, words):
                found.add(request)
        except LineError as error:
            raise DataError(f"{path}:{number}: {error}") from None
    if not found.addresses:
        raise DataError(f"{path}: the trace holds no request")
    return found.trace()


class _Found:
    """The requests of a text trace, checked and moved as the options say."""

    def __init__(self, params: DramParams, options: TraceOptions) -> None:
        self._params = params
        self._options = options
        self._names: dict[str, int] = {}
        self._writes: list[int] = []
        self._clocks: list[int] = []
        self._streams: list[int] = []
        self._n_moved = [0, 0]
        self.addresses: list[int] = []

    def add(self, request: Request) -> None:
        """Take one request; `LineError` if its place, time or stream cannot be."""
        address, params = request.address, self._params
        if address >= params.capacity_bytes:
            if not self._options.wrap:
                raise LineError(f"{_capacity_rule(params)}, got {address:#x}")
            self._n_moved[1] += 1
            address %= params.capacity_bytes
        if address % params.burst_bytes:
            if not self._options.align:
                raise LineError(f"{_align_rule(params)}, got {address:#x}")
            self._n_moved[0] += 1
            address -= address % params.burst_bytes
        last = self._clocks[-1] if self._clocks else 0
        if request.clock < last:
            raise LineError(f"cycles must not decrease, got {request.clock} after {last}")
        if request.stream not in self._names and len(self._names) == MAX_STREAMS:
            raise LineError(f"at most {MAX_STREAMS} streams, got another: {request.stream!r}")
        self.addresses.append(address)
        self._writes.append(request.write)
        self._clocks.append(request.clock)
        self._streams.append(self._names.setdefault(request.stream, len(self._names)))

    def trace(self) -> RequestTrace:
        """Return all of them."""
        return RequestTrace(
            np.array(self.addresses, np.int64),
            np.array(self._writes, bool),
            np.array(self._clocks, np.int64),
            np.array(self._streams, np.int32),
            tuple(self._names),
            *self._n_moved,
        )
