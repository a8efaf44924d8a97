"""Verilog of the compaction before lanes that skip pruned weights, behind any decoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from f2fsim.rtl.bench import Bench, Source, bit_rows
from f2fsim.rtl.bitmap import dealt_items
from f2fsim.rtl.compaction import emit_compact, emit_count
from f2fsim.rtl.cycles import ONE, DeviceMachine, Gaps
from f2fsim.rtl.device import Device, Unit, check_sizes
from f2fsim.rtl.fields import beats
from f2fsim.rtl.text import bits_for, channel, instance, library_files, module

IntArray = NDArray[np.int64]

_COMMENT = """\
f2f_front_end: compaction of kept weights; generated, do not edit.

in_step is {{mask, {n} weights}}. An output item is {{last of the step, weights in use,
{lanes} pairs}}, a pair is {{place in the step, weight}}."""


@dataclass(frozen=True, eq=False)
class StepVectors:
    """Masks and weights of steps, ``[n_steps, n]``."""

    mask: NDArray[np.bool_]
    weights: IntArray


@dataclass(frozen=True)
class CompactorDevice(Device[StepVectors]):
    """Compaction of steps of `n` weights to `lanes` (a power of two) a cycle.

    Attributes
    ----------
    step_fifo, out_fifo : int
        Steps before, and results behind it (pipeline included).
    pipeline_cycles : int
        Latency of the results.
    """

    top: ClassVar[str] = "f2f_front_end"
    n: int
    lanes: int
    weight_bits: int = 8
    step_fifo: int = 2
    out_fifo: int = 3
    pipeline_cycles: int = 2

    def __post_init__(self) -> None:
        if self.lanes < 2 or self.lanes & (self.lanes - 1) or self.lanes >= 2 * self.n:
            problem = f"lanes must be a power of two from 2 to the step, got {self.lanes}"
            check_sizes("compaction", [problem])

    def parameters(self) -> dict[str, int]:
        """Return the parameters of f2f_compactor."""
        return {
            "N": self.n,
            "LANES": self.lanes,
            "LOG_L": bits_for(self.lanes - 1),
            "PLACE": bits_for(self.n - 1),
            "BEAT": bits_for(-(-self.n // self.lanes) - 1),
            "KEPT": bits_for(self.n),
            "WEIGHT": self.weight_bits,
        }

    def files(self) -> dict[str, str]:
        """Return the generated modules and the library's."""
        sizes, n, w = self.parameters(), self.n, self.weight_bits
        item = self.lanes * (sizes["PLACE"] + w) + sizes["LOG_L"] + 2
        step = sizes["KEPT"] + n * (w + 1)
        ports = [
            *("input  wire in_step_valid", "output wire in_step_ready"),
            f"input  wire [{n * (w + 1) - 1}:0] in_step",
            *("output wire out_valid", "input  wire out_ready"),
            f"output wire [{item - 1}:0] out",
        ]
        body = (
            f"    wire counted_valid = in_step_valid;\n    wire counted_ready;\n"
            f"    assign in_step_ready = counted_ready;\n    wire [{step - 1}:0] counted, step;\n"
            f"    f2f_count count (.bits(in_step[{n * w} +: {n}]), "
            f".total(counted[{n * (w + 1)} +: {sizes['KEPT']}]));\n"
            f"    assign counted[{n * (w + 1) - 1}:0] = in_step;\n"
            f"    wire step_valid, step_ready, made_valid, made_ready;\n"
            f"    wire [{item - 1}:0] made;\n"
            + channel("steps", step, self.step_fifo, 1, "counted", "step")
            + instance(
                "f2f_compactor",
                "compactor",
                sizes,
                [
                    *("clk", "rst", "in_valid=step_valid", "in_ready=step_ready"),
                    f"in_kept=step[{n * (w + 1)} +: {sizes['KEPT']}]",
                    f"in_mask=step[{n * w} +: {n}]",
                    f"in_weights=step[{n * w - 1}:0]",
                    *("out_valid=made_valid", "out_ready=made_ready", "out_data=made"),
                ],
            )
            + channel("results", item, self.out_fifo, self.pipeline_cycles, "made", "out")
        )
        comment = _COMMENT.format(n=n, lanes=self.lanes)
        return {
            f"{self.top}.v": module(self.top, comment, ports, body),
            "f2f_count.v": emit_count(n),
            "f2f_compact.v": emit_compact(n, self.lanes, w),
            **library_files(("f2f_channel", "f2f_compactor")),
        }

    def bench(self, vectors: StepVectors, gaps: Gaps) -> Bench:
        """Return the bench: kept weights with their places, beat by beat."""
        n_steps = vectors.mask.shape[0]
        moves = beats(vectors.mask.sum(axis=1), self.lanes)
        machine = DeviceMachine(gaps)
        machine.channel("steps", self.step_fifo)
        machine.source("step", {"steps": ONE}, n_steps)
        machine.channel("results", self.out_fifo, self.pipeline_cycles)
        n_beats = moves.first.size
        machine.unit("compactor", n_beats, {"steps": (moves.first, moves.last)}, {"results": ONE})
        machine.sink("out", {"results": ONE}, n_beats)
        rows = np.hstack([bit_rows(vectors.weights, self.weight_bits), vectors.mask])
        values = vectors.weights[vectors.mask]
        return Bench(
            self.top,
            self.files(),
            {},
            (Source("step", rows),),
            (dealt_items("out", vectors.mask, values, self.lanes, self.weight_bits),),
            machine.build(),
            items="beats",
        )

    def units(self) -> tuple[Unit, ...]:
        """Return count and compactor."""
        return (
            Unit("compaction", "f2f_count", ()),
            Unit("compaction", "f2f_compactor", tuple(self.parameters().items())),
        )
