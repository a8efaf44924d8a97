"""Verilog of the compaction before lanes that skip pruned weights, behind any decoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from f2fsim.cost.front_end_units import COUNT_CYCLES
from f2fsim.rtl.bench import Bench, Source, bit_rows
from f2fsim.rtl.cycles import ONE, DeviceMachine, Gaps
from f2fsim.rtl.dealing import Dealing
from f2fsim.rtl.device import Device, Unit, check_sizes
from f2fsim.rtl.fields import beats
from f2fsim.rtl.text import channel, library_files, module

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
        check_sizes("compaction", self.dealing.problems())

    @property
    def dealing(self) -> Dealing:
        """The dealer and its channels."""
        fifos = (self.step_fifo, self.out_fifo, self.pipeline_cycles)
        return Dealing(self.n, self.lanes, self.weight_bits, False, *fifos)

    def files(self) -> dict[str, str]:
        """Return the generated modules and the library's."""
        n, w, dealing = self.n, self.weight_bits, self.dealing
        ports = [
            *("input  wire in_step_valid", "output wire in_step_ready"),
            f"input  wire [{n * (w + 1) - 1}:0] in_step",
            *("output wire out_valid", "input  wire out_ready"),
            f"output wire [{dealing.item_bits - 1}:0] out",
        ]
        body = (
            "    // Weights and masks go through two channels in step.\n"
            "    wire made_ready, part_ready, weights_valid;\n"
            "    wire made_valid = in_step_valid;\n    wire part_valid = in_step_valid;\n"
            "    assign in_step_ready = made_ready;\n"
            f"    wire [{n - 1}:0] made = in_step[{n * w} +: {n}];\n"
            f"    wire [{n * w - 1}:0] weights;\n"
            f"    wire [{n * w - 1}:0] part = in_step[{n * w - 1}:0];\n"
            "    wire unused_part = &{1'b0, part_ready, weights_valid};\n"
            + dealing.text("weights")
            + "    wire weights_ready = mask_ready;\n"
            + channel("parts", n * w, self.step_fifo, COUNT_CYCLES, "part", "weights")
        )
        comment = _COMMENT.format(n=n, lanes=self.lanes)
        return {
            f"{self.top}.v": module(self.top, comment, ports, body),
            **dealing.files(),
            **library_files(("f2f_channel",)),
        }

    def bench(self, vectors: StepVectors, gaps: Gaps) -> Bench:
        """Return the bench: kept weights with their places, beat by beat."""
        n_steps = vectors.mask.shape[0]
        moves = beats(vectors.mask.sum(axis=1), self.lanes)
        machine = DeviceMachine(gaps)
        machine.channel("steps", self.step_fifo, COUNT_CYCLES)
        machine.source("step", {"steps": ONE}, n_steps)
        machine.channel("results", self.out_fifo, self.pipeline_cycles)
        n_beats = moves.first.size
        machine.unit("compactor", n_beats, {"steps": (moves.first, moves.last)}, {"results": ONE})
        machine.sink("out", {"results": ONE}, n_beats)
        rows = np.hstack([bit_rows(vectors.weights, self.weight_bits), vectors.mask])
        return Bench(
            self.top,
            self.files(),
            {},
            (Source("step", rows),),
            (self.dealing.sink(vectors.mask, vectors.weights[vectors.mask]),),
            machine.build(),
            items="beats",
        )

    def units(self) -> tuple[Unit, ...]:
        """Return count and dealer."""
        return self.dealing.units("compaction")
