"""Verilog of the bitmap front end: mask unit, prefix sum and compaction, aligner of packed values.

::

    mask stream ─▶ mask unit ─▶ masks with their counts ─┐
                                                         ├─▶ aligner ─▶ beats of values and places
    values ─▶ field buffer ──────────────────────────────┘
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from f2fsim.rtl.bench import Bench, Source, field_rows
from f2fsim.rtl.cycles import DeviceMachine, Gaps
from f2fsim.rtl.dealing import Dealing
from f2fsim.rtl.device import Device, Unit, check_sizes
from f2fsim.rtl.field_buffer import FieldBuffer
from f2fsim.rtl.fields import beats
from f2fsim.rtl.mask_path import MaskPath
from f2fsim.rtl.text import library_files, module

IntArray = NDArray[np.int64]

_COMMENT = """\
f2f_front_end: bitmap front end; generated, do not edit.

Mask code {code}. An output item is {{last of the block, values in use, {lanes} pairs}}, a pair is
{{place, value}}; a place counts from the block's first weight."""


@dataclass(frozen=True, eq=False)
class BitmapVectors:
    """Masks ``[n_blocks, n]`` and packed values of a layer; `n_used` is its block's size."""

    mask: NDArray[np.bool_]
    values: IntArray


@dataclass(frozen=True)
class BitmapDevice(Device[BitmapVectors]):
    """A bitmap front end.

    Attributes
    ----------
    mask_path : MaskPath
        Mask unit; its `n` is the block.
    lanes : int
        Values a cycle, a power of two from 2 and at most the block's next power of two.
    weight_bits : int
        Bits of a value.
    mask_fifo, value_fifo, out_fifo : int
        Masks before the aligner, values before it, results behind it (pipeline included).
    pipeline_cycles : int
        Latency of the results.
    """

    top: ClassVar[str] = "f2f_front_end"
    mask_path: MaskPath
    lanes: int
    weight_bits: int = 8
    mask_fifo: int = 8
    value_fifo: int = 64
    out_fifo: int = 9
    pipeline_cycles: int = 2

    def __post_init__(self) -> None:
        problems = [*self.mask_path.problems(), *self.dealing.problems()]
        if self.value_fifo < 2 * self.lanes - 1:
            problems.append(f"value_fifo must be at least {2 * self.lanes - 1}")
        check_sizes("bitmap", problems)

    @property
    def dealing(self) -> Dealing:
        """The dealer and its channels."""
        return Dealing(
            self.mask_path.n,
            self.lanes,
            self.weight_bits,
            packed=True,
            mask_fifo=self.mask_fifo,
            out_fifo=self.out_fifo,
            latency=self.pipeline_cycles,
            weight_fifo=self.value_fifo,
            late_cycles=self.mask_path.late_cycles,
        )

    @property
    def _fields(self) -> FieldBuffer:
        return FieldBuffer(self.weight_bits, self.value_fifo, self.lanes, self.lanes)

    def files(self) -> dict[str, str]:
        """Return the generated top module and the library's modules."""
        path, dealing, values = self.mask_path, self.dealing, self._fields
        ports = [
            *path.ports(),
            *values.ports("in_weight"),
            *("output wire out_valid", "input  wire out_ready"),
            f"output wire [{dealing.item_bits - 1}:0] out",
        ]
        body = (
            f"    wire made_valid, made_ready;\n    wire [{path.n - 1}:0] made;\n"
            + path.text()
            + values.wires("value")
            + dealing.text("value_window", "value")
            + values.text("in_weight", "value")
        )
        comment = _COMMENT.format(code=path.code, lanes=self.lanes)
        return {
            f"{self.top}.v": module(self.top, comment, ports, body),
            **library_files((*path.modules, *values.modules)),
            **path.generated(),
            **dealing.files(),
        }

    def bench(self, vectors: BitmapVectors, gaps: Gaps) -> Bench:
        """Return the bench: every block's values with their places, beat by beat."""
        mask, n = vectors.mask, self.mask_path.n
        moves = beats(mask.sum(axis=1), self.lanes)
        machine = DeviceMachine(gaps)
        machine.channel("masks", self.mask_fifo, self.dealing.mask_cycles)
        self.mask_path.add(machine, mask, n, ("masks",))
        machine.channel("values", self.value_fifo)
        machine.source("weight", {"values": moves.per_put}, moves.per_put.size)
        machine.channel("results", self.out_fifo, self.pipeline_cycles)
        n_beats = moves.first.size
        one = np.ones(n_beats, dtype=np.int64)
        machine.unit(
            "aligner",
            n_beats,
            {"masks": (moves.first, moves.last), "values": moves.per_cycle},
            {"results": one},
        )
        machine.sink("out", {"results": one}, n_beats)
        weights = field_rows(vectors.values, self.weight_bits, moves.per_put, self.lanes)
        return Bench(
            self.top,
            self.files(),
            {},
            (
                self.mask_path.source(mask, n),
                Source("weight", weights, moves.per_put, self._fields.count_bits),
            ),
            (self.dealing.sink(mask, vectors.values),),
            machine.build(),
            {"n_used": (self.mask_path.place_bits, n)},
            items="beats",
        )

    def units(self) -> tuple[Unit, ...]:
        """Return mask unit, count, dealer and buffer of values."""
        return (
            *self.mask_path.units(),
            *self.dealing.units("aligner"),
            self._fields.unit("aligner"),
        )
