"""A device under test between sources and consumers: the one harness of all front ends.

A `Bench` says what goes in, what must come out, and which machine description the device is.
`f2fsim.rtl.bench_text.bench_files` writes it as a self-checking Verilog test bench with its vectors
as hex files: it plays sources and consumers with given gaps, compares every item bit for bit and
its cycle with the one that the engines give (`f2fsim.rtl.cycles`), and ends with a line ``PASS`` or
``FAIL``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from f2fsim.rtl.cycles import Timed

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Source:
    """What is put into an input ``in_<name>`` of the device.

    Attributes
    ----------
    name : str
    rows : ndarray of bool, shape (n_puts, width)
        Bits of each put, bit 0 first.
    counts : ndarray of int64, shape (n_puts,), or None
        Fields of each put (port ``in_<name>_n``), for inputs that take several.
    count_bits : int
        Width of that port.
    has_end : bool
        Whether a port ``<name>_ended`` tells that the last put was taken.
    """

    name: str
    rows: BoolArray
    counts: IntArray | None = None
    count_bits: int = 0
    has_end: bool = False


@dataclass(frozen=True, eq=False)
class Sink:
    """What must come out of an output of the device: ports ``<name>``, ``<name>_valid``, ….

    Attributes
    ----------
    name : str
    rows : ndarray of bool, shape (n_items, width)
        Bits of each item, bit 0 first.
    care : ndarray of bool, shape (n_items, width), or None
        Bits that matter; None if all do.
    """

    name: str
    rows: BoolArray
    care: BoolArray | None = None


@dataclass(frozen=True, eq=False)
class Bench:
    """A device, its inputs, its outputs, and its timing.

    Attributes
    ----------
    top : str
        Module under test.
    files : mapping of str to str
        Its Verilog by file name.
    parameters : mapping of str to int
        Parameters of the top module.
    sources, sinks : sequences
        Every handshake of the device.
    timed : Timed
        The machine description with the gaps of sources and consumers in it.
    constants : mapping of str to (int, int)
        Width and value of inputs that never change.
    items : str
        What the items are called in the verdict.
    """

    top: str
    files: Mapping[str, str]
    parameters: Mapping[str, int]
    sources: Sequence[Source]
    sinks: Sequence[Sink]
    timed: Timed
    constants: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    items: str = "items"

    @property
    def n_items(self) -> int:
        """Items of all outputs."""
        return sum(sink.rows.shape[0] for sink in self.sinks)


def hex_rows(bits: BoolArray) -> str:
    """Return rows of bits, bit 0 first in the array and lowest in the number, as hex lines."""
    n, width = bits.shape
    padded = np.zeros((n, -(-width // 8) * 8), dtype=np.bool_)
    padded[:, :width] = bits
    rows = np.packbits(padded, axis=1, bitorder="little")[:, ::-1]
    digits = -(-width // 4)
    return "".join(f"{row.tobytes().hex()[-digits:]}\n" for row in rows) or "0\n"


def hex_numbers(values: IntArray) -> str:
    """Return numbers as hex lines."""
    return "".join(f"{value:x}\n" for value in values.tolist()) or "0\n"


def bit_rows(values: IntArray, width: int) -> BoolArray:
    """Return numbers ``[n, k]`` as rows of ``k * width`` bits, the first number lowest."""
    numbers = values.reshape(values.shape[0], -1)
    bits = (numbers[..., None] >> np.arange(width)) & 1
    return bits.reshape(numbers.shape[0], -1).astype(np.bool_)


def field_rows(values: IntArray, width: int, per_put: IntArray, rate: int) -> BoolArray:
    """Return puts of up to `rate` fields of `width` bits, the first field lowest."""
    slots = np.zeros((per_put.size, rate), dtype=np.int64)
    slots[np.arange(rate) < per_put[:, None]] = values
    return bit_rows(slots, width)
