"""Verilog that deals kept weights to lanes: for packed values beside a mask, and for whole steps.

::

    masks ─▶ count ─▶ masks with their counts ─┐
                                               ├─▶ dealer ─▶ beats of weights and places
    weights: packed, or one at every place ────┘
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from f2fsim.cost.front_end_units import COUNT_CYCLES
from f2fsim.rtl.bench import Sink, bit_rows
from f2fsim.rtl.compaction import emit_compact, emit_count
from f2fsim.rtl.device import Unit
from f2fsim.rtl.fields import beats
from f2fsim.rtl.text import bits_for, instance, library_files, pipe

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Dealing:
    """A dealer and the channels around it.

    Attributes
    ----------
    n, lanes, weight_bits : int
        Places of a mask; weights a cycle; bits of a weight.
    packed : bool
        Whether kept weights come packed; else every place brings its own.
    mask_fifo, out_fifo : int
        Masks before it, results behind it, those in the pipeline included.
    latency : int
        Latency of the results.
    weight_fifo : int
        Packed weights that wait before it.
    late_cycles : int
        Cycles from the put of a mask until ``made`` is there.
    """

    n: int
    lanes: int
    weight_bits: int
    packed: bool
    mask_fifo: int
    out_fifo: int
    latency: int
    weight_fifo: int = 0
    late_cycles: int = 0

    @property
    def mask_cycles(self) -> int:
        """Latency of masks."""
        return COUNT_CYCLES + self.late_cycles

    def problems(self) -> list[str]:
        """Return what is out of range."""
        if self.lanes < 2 or self.lanes & (self.lanes - 1) or self.lanes >= 2 * self.n:
            return [f"lanes must be a power of two from 2 to the block, got {self.lanes}"]
        return []

    @property
    def place_bits(self) -> int:
        """Bits of a place in the block."""
        return bits_for(self.n - 1)

    @property
    def item_bits(self) -> int:
        """Bits of a result."""
        return self.lanes * (self.place_bits + self.weight_bits) + bits_for(self.lanes - 1) + 2

    @property
    def count_bits(self) -> int:
        """Bits of the counts of packed weights."""
        return bits_for(max(self.weight_fifo, self.lanes) + self.lanes)

    def parameters(self) -> dict[str, int]:
        """Return the parameters of f2f_dealer."""
        return {
            "N": self.n,
            "LANES": self.lanes,
            "LOG_L": bits_for(self.lanes - 1),
            "RANK": self.place_bits,
            "BEAT": bits_for(-(-self.n // self.lanes) - 1),
            "KEPT": bits_for(self.n),
            "WEIGHT": self.weight_bits,
            "COUNT": self.count_bits,
            "PACKED": int(self.packed),
        }

    def files(self) -> dict[str, str]:
        """Return the modules that it needs."""
        head = bits_for(self.lanes - 1) + 2
        payload, beside = self.weight_bits, head
        if self.packed:
            payload, beside = 1, head + self.lanes * self.weight_bits
        return {
            "f2f_count.v": emit_count(self.n, COUNT_CYCLES, 1),
            "f2f_compact.v": emit_compact(self.n, self.lanes, payload, beside, self.latency + 1),
            **library_files(("f2f_pipe", "f2f_dealer")),
        }

    def text(self, weights: str, buffer: str = "") -> str:
        """Return the instances between ``made`` (masks) and ``out``.

        Parameters
        ----------
        weights : str
            Signal of the weights, taken with the mask.
        buffer : str
            Name of the wires of the buffer of packed weights; empty if every place brings its own.
        """
        n, kept = self.n, bits_for(self.n)
        handshake = [f"out_{end}=dealt_{end}" for end in ("valid", "ready")]
        own = ""
        if not buffer:
            buffer = "always"
            width = self.count_bits
            own = (
                f"    wire [{width - 1}:0] always_take;\n    wire always_fire;\n"
                f"    wire [{width - 1}:0] always_visible = {{{width}{{1'b1}}}};\n"
                "    wire unused_always = &{1'b0, always_take, always_fire};\n"
            )
        return (
            f"    wire [{kept - 1}:0] less_made;\n    wire [{n - 1}:0] counted;\n"
            "    f2f_count count (.clk(clk), .bits(made), .total(less_made), .late(counted));\n"
            "    wire mask_valid, mask_ready, dealt_valid, dealt_ready;\n"
            f"    wire [{kept + n - 1}:0] mask;\n    wire [{self.item_bits - 1}:0] dealt;\n"
            f"{own}"
            + pipe(
                "masks",
                kept + n,
                self.mask_fifo,
                self.mask_cycles,
                "made",
                "{less_made, counted}",
                "mask",
            )
            + instance(
                "f2f_dealer",
                "dealer",
                self.parameters(),
                [
                    *("clk", "rst", "in_valid=mask_valid", "in_ready=mask_ready"),
                    *(f"in_mask=mask[{n - 1}:0]", f"in_less=mask[{n} +: {kept}]"),
                    *(f"in_weights={weights}", *handshake, "late_data=dealt"),
                    *(f"{end}={buffer}_{end}" for end in ("visible", "take", "fire")),
                ],
            )
            + pipe("results", self.item_bits, self.out_fifo, self.latency, "dealt", "dealt", "out")
        )

    def sink(self, mask: NDArray[np.bool_], values: IntArray) -> Sink:
        """Return the items: kept weights of each block, `lanes` at a time."""
        lanes, moves = self.lanes, beats(mask.sum(axis=1), self.lanes)
        n_beats = moves.first.size
        place = np.nonzero(mask)[1]
        used = np.arange(lanes) < moves.per_cycle[:, None]
        pairs = np.zeros((n_beats, lanes), dtype=np.int64)
        pairs[used] = (place << self.weight_bits) | values
        width = self.place_bits + self.weight_bits
        heads = np.stack([moves.per_cycle, moves.last], axis=1)
        count_bits = bits_for(lanes - 1) + 1
        head = np.hstack([bit_rows(heads[:, :1], count_bits), bit_rows(heads[:, 1:], 1)])
        rows = np.hstack([bit_rows(pairs, width), head])
        return Sink("out", rows, np.hstack([np.repeat(used, width, axis=1), np.ones_like(head)]))

    def units(self, name: str) -> tuple[Unit, ...]:
        """Return count and dealer as units of the component `name`."""
        return (
            Unit(name, "f2f_count", (), 1, (("N", self.n), ("STAGES", COUNT_CYCLES))),
            Unit(
                name,
                "f2f_dealer",
                tuple(self.parameters().items()),
                1,
                (("STAGES", self.latency + 1),),
            ),
        )
