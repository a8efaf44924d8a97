"""From a mask stream to masks of blocks: the mask unit of a front end, one class a mask code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from f2fsim.rtl.bench import Source, field_rows
from f2fsim.rtl.cycles import ONE, DeviceMachine
from f2fsim.rtl.device import Unit
from f2fsim.rtl.field_buffer import FieldBuffer
from f2fsim.rtl.fields import beats, zero_run_fields
from f2fsim.rtl.text import bits_for, channel, instance

BoolArray = NDArray[np.bool_]
MAX_RATE = 16

_RAW = """\
    f2f_mask_raw #(.N_OUT({n})) mask_unit (
        .clk(clk), .rst(rst),
        .in_valid(mask_item_valid), .in_ready(mask_item_ready), .in_data(mask_item),
        .out_valid(made_valid), .out_ready(made_ready), .out_data(made)
    );
    wire unused_size = &{{1'b0, n_used}};
"""


@dataclass(frozen=True)
class MaskPath:
    """A mask unit with the buffer before it; masks of `n` weights come out.

    Attributes
    ----------
    n : int
        Weights of a block.
    fifo : int
        Items of the stream that wait at the unit.
    """

    code: ClassVar[str]
    n: int
    fifo: int = 8

    def problems(self) -> list[str]:
        """Return one line for each size that is out of range."""
        return [] if self.fifo >= 1 else [f"mask_fifo must be at least 1, got {self.fifo}"]

    @property
    def place_bits(self) -> int:
        """Width of the port ``n_used``: weights of a block that the layer uses, 1 … n."""
        return bits_for(self.n)

    @property
    def late_cycles(self) -> int:
        """Cycles from the put of a mask until ``made`` is there."""
        return 0

    @property
    def modules(self) -> tuple[str, ...]:
        """Library modules that it instantiates."""
        raise NotImplementedError

    def ports(self) -> list[str]:
        """Return the ports that the device has for it."""
        raise NotImplementedError

    def generated(self) -> dict[str, str]:
        """Return modules that are generated for it, by file name."""
        return {}

    def text(self) -> str:
        """Return the instances between ``in_mask`` and ``made``."""
        raise NotImplementedError

    def units(self) -> tuple[Unit, ...]:
        """Return what it is made of, channels apart."""
        raise NotImplementedError

    def source(self, mask: BoolArray, n_used: int) -> Source:
        """Return what is put into ``in_mask`` for the masks ``[n_blocks, n]``."""
        raise NotImplementedError

    def add(
        self, machine: DeviceMachine, mask: BoolArray, n_used: int, made: Sequence[str]
    ) -> None:
        """Add source, buffer and unit to the device's machine; a mask goes to each of `made`."""
        raise NotImplementedError


@dataclass(frozen=True)
class RawMaskPath(MaskPath):
    """A bit a weight; a block a cycle."""

    code: ClassVar[str] = "raw"

    @property
    def modules(self) -> tuple[str, ...]:
        """A channel and a register."""
        return ("f2f_channel", "f2f_mask_raw")

    def ports(self) -> list[str]:
        """Return a port of a block's bits."""
        return [
            "input  wire in_mask_valid",
            "output wire in_mask_ready",
            f"input  wire [{self.n - 1}:0] in_mask",
            f"input  wire [{self.place_bits - 1}:0] n_used",
        ]

    def text(self) -> str:
        """Return channel and register."""
        wires = (
            f"    wire mask_item_valid, mask_item_ready;\n    wire [{self.n - 1}:0] mask_item;\n"
        )
        items = channel("mask_items", self.n, self.fifo, 1, "in_mask", "mask_item")
        return wires + items + _RAW.format(n=self.n)

    def source(self, mask: BoolArray, n_used: int) -> Source:
        """Return a put a block."""
        return Source("mask", mask)

    def add(
        self, machine: DeviceMachine, mask: BoolArray, n_used: int, made: Sequence[str]
    ) -> None:
        """Add a unit that takes a block a cycle."""
        n = mask.shape[0]
        machine.channel("mask items", self.fifo)
        machine.source("mask", {"mask items": ONE}, n)
        machine.unit("mask unit", n, {"mask items": ONE}, dict.fromkeys(made, ONE))

    def units(self) -> tuple[Unit, ...]:
        """Return the register."""
        return (Unit("mask unit", "f2f_mask_raw", (("N_OUT", self.n),)),)


@dataclass(frozen=True)
class RunMaskPath(MaskPath):
    """Zero runs of `run_bits`, up to `rate` code words a cycle."""

    code: ClassVar[str] = "zero_runs"
    run_bits: int = 4
    rate: int = 1

    def problems(self) -> list[str]:
        """Return what is out of range; a buffer of ``2 * rate - 1`` cannot deadlock."""
        found = []
        if not 1 <= self.run_bits <= 16:
            found.append(f"run_bits must be 1 to 16, got {self.run_bits}")
        if not 1 <= self.rate <= MAX_RATE:
            found.append(f"mask_rate must be 1 to {MAX_RATE}, got {self.rate}")
        if self.fifo < 2 * self.rate - 1:
            found.append(f"mask_fifo must be at least {2 * self.rate - 1}, got {self.fifo}")
        return found

    @property
    def late_cycles(self) -> int:
        """Places to one-hot."""
        return 1

    @property
    def words(self) -> FieldBuffer:
        """The buffer of code words, summed up to places."""
        return FieldBuffer(1 + self._width, self.fifo, self.rate, self.rate, latency=2)

    @property
    def _width(self) -> int:
        # No word that waits lies half of this away from the block.
        return bits_for(self.n + (self.fifo + self.rate << self.run_bits)) + 2

    @property
    def modules(self) -> tuple[str, ...]:
        """A field buffer, sums of runs and the run unit."""
        return (*self.words.modules, "f2f_prefix", "f2f_run_sums", "f2f_mask_runs")

    def ports(self) -> list[str]:
        """Return ports of code words and of the stream's end."""
        return [
            "input  wire in_mask_valid",
            "output wire in_mask_ready",
            f"input  wire [{self.words.count_bits - 1}:0] in_mask_n",
            f"input  wire [{self.rate * self.run_bits - 1}:0] in_mask",
            "input  wire mask_ended",
            f"input  wire [{self.place_bits - 1}:0] n_used",
        ]

    def _sizes(self) -> dict[str, dict[str, int]]:
        common = {"RATE": self.rate, "COUNT": self.words.count_bits, "W": self._width}
        return {
            "f2f_run_sums": {"RUN": self.run_bits, **common},
            "f2f_mask_runs": {"N_OUT": self.n, **common, "PLACE": self.place_bits},
        }

    def text(self) -> str:
        """Return field buffer, sums and run unit."""
        sizes, words = self._sizes(), self.words
        return (
            words.wires("words")
            + f"    wire [{self.rate * words.width - 1}:0] summed_words;\n"
            + "    wire words_ended = mask_ended & ~words_way[1];\n"
            + words.text("in_mask", "words", "summed_words")
            + instance(
                "f2f_run_sums",
                "run_sums",
                sizes["f2f_run_sums"],
                [
                    *("clk", "rst", "put=words_way[0]", "in_count=in_mask_n", "in_data=in_mask"),
                    "late_data=summed_words",
                ],
            )
            + instance(
                "f2f_mask_runs",
                "mask_unit",
                sizes["f2f_mask_runs"],
                [
                    *("clk", "rst", "size=n_used", "late_data=made"),
                    *(f"{e}=words_{e}" for e in ("ended", "visible", "window", "take", "fire")),
                    *(f"out_{end}=made_{end}" for end in ("valid", "ready")),
                ],
            )
        )

    def source(self, mask: BoolArray, n_used: int) -> Source:
        """Return puts of code words."""
        runs = zero_run_fields(mask[:, :n_used], self.run_bits)
        moves = beats(runs.per_block, self.rate)
        rows = field_rows(runs.values, self.run_bits, moves.per_put, self.rate)
        return Source("mask", rows, moves.per_put, self.words.count_bits, has_end=True)

    def add(
        self, machine: DeviceMachine, mask: BoolArray, n_used: int, made: Sequence[str]
    ) -> None:
        """Add a unit that takes up to `rate` code words a cycle."""
        moves = beats(zero_run_fields(mask[:, :n_used], self.run_bits).per_block, self.rate)
        machine.channel("mask items", self.fifo, self.words.latency)
        machine.source("mask", {"mask items": moves.per_put}, moves.per_put.size)
        machine.unit(
            "mask unit",
            moves.first.size,
            {"mask items": moves.per_cycle},
            dict.fromkeys(made, moves.last),
        )

    def units(self) -> tuple[Unit, ...]:
        """Return field buffer, sums and run unit."""
        return (
            self.words.unit("mask unit"),
            *(Unit("mask unit", name, tuple(s.items())) for name, s in self._sizes().items()),
        )
