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

from f2fsim.rtl.bench import Bench, Sink, Source, bit_rows, field_rows
from f2fsim.rtl.compaction import emit_compact, emit_count
from f2fsim.rtl.cycles import DeviceMachine, Gaps
from f2fsim.rtl.device import Device, Unit, check_sizes
from f2fsim.rtl.fields import beats
from f2fsim.rtl.mask_path import MaskPath
from f2fsim.rtl.text import bits_for, instance, library_files, module

IntArray = NDArray[np.int64]

MODULES = ("f2f_channel", "f2f_fields", "f2f_bitmap", "f2f_aligner")

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
        problems = self.mask_path.problems()
        if self.lanes < 2 or self.lanes & (self.lanes - 1) or self.lanes >= 2 * self.mask_path.n:
            problems.append(f"lanes must be a power of two from 2 to the block, got {self.lanes}")
        if self.value_fifo < 2 * self.lanes - 1:
            problems.append(f"value_fifo must be at least {2 * self.lanes - 1}")
        check_sizes("bitmap", problems)

    @property
    def place_bits(self) -> int:
        """Bits of a place in the block."""
        return bits_for(self.mask_path.n - 1)

    def aligner_parameters(self) -> dict[str, int]:
        """Return the parameters of f2f_aligner."""
        n = self.mask_path.n
        return {
            "N": n,
            "LANES": self.lanes,
            "LOG_L": bits_for(self.lanes - 1),
            "RANK": self.place_bits,
            "BEAT": bits_for(-(-n // self.lanes) - 1),
            "KEPT": bits_for(n),
            "WEIGHT": self.weight_bits,
            "COUNT": bits_for(self.value_fifo + self.lanes),
        }

    def files(self) -> dict[str, str]:
        """Return the generated top module and the library's modules."""
        path, parameters = self.mask_path, self.aligner_parameters()
        item = self.lanes * (self.place_bits + self.weight_bits) + parameters["LOG_L"] + 2
        ports = [
            *path.ports(),
            "input  wire in_weight_valid",
            "output wire in_weight_ready",
            f"input  wire [{parameters['COUNT'] - 1}:0] in_weight_n",
            f"input  wire [{self.lanes * self.weight_bits - 1}:0] in_weight",
            "output wire out_valid",
            "input  wire out_ready",
            f"output wire [{item - 1}:0] out",
        ]
        fifos = {
            "MASK_FIFO": self.mask_fifo,
            "MASK_POINTER": bits_for(self.mask_fifo - 1),
            "MASK_HELD": bits_for(self.mask_fifo),
            "VALUE_FIFO": self.value_fifo,
            "OUT_FIFO": self.out_fifo,
            "OUT_POINTER": bits_for(self.out_fifo - 1),
            "OUT_HELD": bits_for(self.out_fifo),
            "DEPTH": self.pipeline_cycles,
        }
        handshakes = ("made", "in_weight", "out")
        wired = [f"{name}{end}" for name in handshakes for end in ("_valid", "_ready", "")]
        body = (
            f"    wire made_valid, made_ready;\n    wire [{path.n - 1}:0] made;\n"
            + path.text()
            + instance(
                "f2f_bitmap",
                "bitmap",
                {**parameters, **fifos},
                ["clk", "rst", "in_weight_n", *wired],
            )
        )
        comment = _COMMENT.format(code=path.code, lanes=self.lanes)
        return {
            f"{self.top}.v": module(self.top, comment, ports, body),
            **library_files((*path.modules, *MODULES)),
            **path.generated(),
            "f2f_count.v": emit_count(path.n),
            "f2f_compact.v": emit_compact(path.n, self.lanes, 1),
        }

    def bench(self, vectors: BitmapVectors, gaps: Gaps) -> Bench:
        """Return the bench: every block's values with their places, beat by beat."""
        mask, n = vectors.mask, self.mask_path.n
        moves = beats(mask.sum(axis=1), self.lanes)
        machine = DeviceMachine(gaps)
        machine.channel("masks", self.mask_fifo)
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
        count_bits = self.aligner_parameters()["COUNT"]
        return Bench(
            self.top,
            self.files(),
            {},
            (
                self.mask_path.source(mask, n),
                Source("weight", weights, moves.per_put, count_bits),
            ),
            (dealt_items("out", mask, vectors.values, self.lanes, self.weight_bits),),
            machine.build(),
            {"n_used": (self.mask_path.place_bits, n)},
            items="beats",
        )

    def units(self) -> tuple[Unit, ...]:
        """Return mask unit, count, aligner and buffer of values."""
        aligner = self.aligner_parameters()
        fields = {"WIDTH": self.weight_bits, "DEPTH": self.value_fifo, "COUNT": aligner["COUNT"]}
        fields |= {"WRITE": self.lanes, "READ": self.lanes}
        return (
            *self.mask_path.units(),
            Unit("aligner", "f2f_count", ()),
            Unit("aligner", "f2f_aligner", tuple(aligner.items())),
            Unit("aligner", "f2f_fields", tuple(fields.items())),
        )


def dealt_items(
    name: str, mask: NDArray[np.bool_], values: IntArray, lanes: int, weight_bits: int
) -> Sink:
    """Return the items of an aligner: kept weights of each block, `lanes` at a time."""
    moves = beats(mask.sum(axis=1), lanes)
    n_beats, place_bits = moves.first.size, bits_for(mask.shape[1] - 1)
    place = np.nonzero(mask)[1]
    used = np.arange(lanes) < moves.per_cycle[:, None]
    pairs = np.zeros((n_beats, lanes), dtype=np.int64)
    pairs[used] = (place << weight_bits) | values
    width = place_bits + weight_bits
    heads = np.stack([moves.per_cycle, moves.last], axis=1)
    count_bits = bits_for(lanes - 1) + 1
    head = np.hstack([bit_rows(heads[:, :1], count_bits), bit_rows(heads[:, 1:], 1)])
    rows = np.hstack([bit_rows(pairs, width), head])
    care = np.hstack([np.repeat(used, width, axis=1), np.ones_like(head)])
    return Sink(name, rows, care)
