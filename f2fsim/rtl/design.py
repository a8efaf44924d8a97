"""What a decoder group is, as numbers: the one source of Verilog, timing model and gate counts.

A group decodes one block of all bit planes at a time::

    words ─▶ decoder ─▶ blocks ─▶ patch unit ─▶ patched ─┐
                      counts, patches ─┘                 ├─▶ output (valid/ready)
    mask words or code words ─▶ mask unit ─▶ masks ──────┘
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from f2fsim.errors import InputError, choices, near_miss

MaskCode = Literal["raw", "zero_runs"]
MASK_CODES: tuple[MaskCode, ...] = get_args(MaskCode)

#: Largest sizes that the generator accepts.
MAX_N_IN, MAX_N_OUT, MAX_PLANES, MAX_DEPTH, MAX_RATE, MAX_FIFO = 16, 512, 32, 16, 16, 4096


@dataclass(frozen=True, eq=False)
class GroupDesign:
    """One decoder group.

    Attributes
    ----------
    matrix : ndarray of bool, shape (n_out, (n_s + 1) * n_in)
        Column ``j * n_in + i`` multiplies bit i of the word j steps back.
    n_in : int
        Bits of an encoded word of one plane.
    n_planes : int
        Bit planes decoded in lock step, ``n_w``.
    pipeline_depth : int
        Cycles from a block's entering the channel of blocks until the patch unit can take it.
    word_fifo, block_fifo, patched_fifo : int
        Capacity of the channels of words, of decoded blocks (those in the pipeline included), and
        of patched blocks and masks before the output.
    patch_rate : int
        Patches a cycle.
    patch_fifo : int
        Patches that wait at the patch unit, at least ``2 * patch_rate - 1``: with fewer, a unit
        that needs `patch_rate` and a source that puts as many could wait for each other.  As
        many block counts wait as blocks.
    max_patches : int
        Most patches of a block that the counters can hold.
    mask_code : {'raw', 'zero_runs'}
        Code of the mask stream.
    run_bits : int
        Bits of a zero-run code word.
    mask_rate : int
        Zero-run code words a cycle; a raw mask comes at one block a cycle.
    mask_fifo : int
        Mask words (raw) or code words (zero runs, at least ``2 * mask_rate - 1``) that wait at the
        mask unit.

    Raises
    ------
    InputError
        One line for each size that is out of range.
    """

    matrix: NDArray[np.bool_]
    n_in: int
    n_planes: int = 8
    pipeline_depth: int = 1
    word_fifo: int = 2
    block_fifo: int = 2
    patched_fifo: int = 2
    patch_rate: int = 1
    patch_fifo: int = 8
    max_patches: int = 255
    mask_code: MaskCode = "raw"
    run_bits: int = 4
    mask_rate: int = 1
    mask_fifo: int = 8

    def __post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            raise InputError("\n".join(f"decoder group: {problem}" for problem in problems))

    @property
    def n_out(self) -> int:
        """Weights of a block."""
        return int(self.matrix.shape[0])

    @property
    def n_s(self) -> int:
        """Words remembered beside the newest."""
        return int(self.matrix.shape[1]) // self.n_in - 1

    @property
    def mask_rows(self) -> int:
        """Mask items taken in a cycle at most: 1 for raw, `mask_rate` for zero runs."""
        return 1 if self.mask_code == "raw" else self.mask_rate

    def _problems(self) -> list[str]:
        found = []
        if self.matrix.dtype != np.bool_ or self.matrix.ndim != 2:
            return [f"matrix must be a two-dimensional bool array, got {self.matrix.dtype}"]
        limits = {
            "n_in": (self.n_in, 1, MAX_N_IN),
            "n_out": (self.matrix.shape[0], 2, MAX_N_OUT),
            "n_planes": (self.n_planes, 1, MAX_PLANES),
            "pipeline_depth": (self.pipeline_depth, 1, MAX_DEPTH),
            "word_fifo": (self.word_fifo, 1, MAX_FIFO),
            "block_fifo": (self.block_fifo, 1, MAX_FIFO),
            "patched_fifo": (self.patched_fifo, 1, MAX_FIFO),
            "patch_rate": (self.patch_rate, 1, MAX_RATE),
            "patch_fifo": (self.patch_fifo, 2 * self.patch_rate - 1, MAX_FIFO),
            "max_patches": (self.max_patches, 1, 2**20),
            "run_bits": (self.run_bits, 1, 16),
            "mask_rate": (self.mask_rate, 1, MAX_RATE),
            "mask_fifo": (self.mask_fifo, 2 * self.mask_rows - 1, MAX_FIFO),
        }
        for name, (value, low, high) in limits.items():
            if not low <= value <= high:
                found.append(f"{name} must be {low} to {high}, got {value}")
        if self.n_in > 0 and (self.matrix.shape[1] == 0 or self.matrix.shape[1] % self.n_in):
            columns = self.matrix.shape[1]
            found.append(f"matrix has {columns} columns, no multiple of n_in = {self.n_in}")
        if self.mask_code not in MASK_CODES:
            hint = near_miss(str(self.mask_code), MASK_CODES)
            found.append(
                f"no Verilog for mask code {self.mask_code!r}{hint}; known: {choices(MASK_CODES)}"
            )
        return found


def bits_for(largest: int) -> int:
    """Return the bits that hold 0 … `largest`, at least 1."""
    return max(1, largest.bit_length())
