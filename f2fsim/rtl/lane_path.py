"""Verilog of what lies between activations, lanes and accumulators: wide reads, sums of rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from f2fsim.rtl.bench import Bench, Sink, Source, bit_rows
from f2fsim.rtl.cycles import ONE, DeviceMachine, Gaps
from f2fsim.rtl.device import Device, Unit, check_sizes
from f2fsim.rtl.text import instance, library_files, module, pipe

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
TOP = "f2f_front_end"


def staged_device(
    comment: str, in_bits: int, out_bits: int, made: str, shape: tuple[int, int]
) -> str:
    """Return a top module: step, logic of `shape` registers and places, channel of results.

    `made` is the logic from ``in_step`` to ``late``, which is late by its registers.
    """
    stages, depth = shape
    ports = [
        *("input  wire in_step_valid", "output wire in_step_ready"),
        f"input  wire [{in_bits - 1}:0] in_step",
        *("output wire out_valid", "input  wire out_ready"),
        f"output wire [{out_bits - 1}:0] out",
    ]
    body = f"    wire [{out_bits - 1}:0] late;\n{made}"
    body += pipe("results", out_bits, depth, stages + 1, "in_step", "late", "out")
    return module(TOP, comment, ports, body)


def staged_bench(
    device: Device[Step], rows: tuple[BoolArray, BoolArray], shape: tuple[int, int], gaps: Gaps
) -> Bench:
    """Return the bench of a device that gives an item a step, `shape` registers and places."""
    stages, depth = shape
    machine = DeviceMachine(gaps)
    machine.channel("results", depth, stages + 1)
    machine.source("step", {"results": ONE}, rows[0].shape[0])
    machine.sink("out", {"results": ONE}, rows[1].shape[0])
    sources, sinks = (Source("step", rows[0]),), (Sink("out", rows[1]),)
    return Bench(device.top, device.files(), {}, sources, sinks, machine.build(), items="steps")


@dataclass(frozen=True, eq=False)
class Step:
    """What goes in and what comes out, bits of each step."""

    given: BoolArray
    made: BoolArray


@dataclass(frozen=True)
class RowSumsDevice(Device[Step]):
    """Adder tree of `lanes` (a power of two) products in row order.

    Attributes
    ----------
    product_bits, sum_bits : int
        Of a signed product and of a sum.
    levels_a_stage : int
        Levels of adders between two registers.
    out_fifo : int
        Steps under way and behind it.
    """

    top: ClassVar[str] = TOP
    lanes: int
    product_bits: int = 16
    sum_bits: int = 32
    levels_a_stage: int = 1
    out_fifo: int = 8

    def __post_init__(self) -> None:
        problems = []
        if self.lanes < 2 or self.lanes & (self.lanes - 1):
            problems.append(f"lanes must be a power of two from 2, got {self.lanes}")
        elif self.sum_bits < self.product_bits + self.log_lanes:
            least = self.product_bits + self.log_lanes
            problems.append(f"sum_bits must be at least {least}, got {self.sum_bits}")
        if self.levels_a_stage < 1:
            problems.append(f"levels_a_stage must be at least 1, got {self.levels_a_stage}")
        check_sizes("row sums", problems)

    @property
    def log_lanes(self) -> int:
        """Levels of adders."""
        return self.lanes.bit_length() - 1

    @property
    def stages(self) -> int:
        """Registers between levels."""
        return -(-self.log_lanes // self.levels_a_stage) - 1

    def parameters(self) -> dict[str, int]:
        """Return the parameters of f2f_row_sums."""
        return {
            "LOG_N": self.log_lanes,
            "PRODUCT": self.product_bits,
            "SUM": self.sum_bits,
            "PER": self.levels_a_stage,
            "STAGES": self.stages,
        }

    def files(self) -> dict[str, str]:
        """Return the top module and the library's."""
        n, p, s = self.lanes, self.product_bits, self.sum_bits
        out = (n - 1) * (s + 1) + 2 * s + 1
        wires = (
            f"    wire [{n - 1}:1] valid;\n    wire [{n * s - 1}:{s}] sums;\n"
            f"    wire begins;\n    wire [{s - 1}:0] before, behind;\n"
            "    assign late = {begins, behind, before, valid, sums};\n"
        )
        ports = [f"first=in_step[{n * p} +: {n}]", f"products=in_step[{n * p - 1}:0]"]
        ports += ["clk", "valid", "sums", "begins", "before", "behind"]
        made = wires + instance("f2f_row_sums", "tree", self.parameters(), ports)
        comment = (
            "f2f_front_end: sums of rows; generated, do not edit.\n\n"
            f"in_step is {{{n} flags, {n} products}},\n"
            "out is {begins, behind, before, valid, sums}."
        )
        text = staged_device(comment, n * (p + 1), out, made, (self.stages, self.out_fifo))
        return {f"{TOP}.v": text, **library_files(("f2f_row_sums", "f2f_pipe"))}

    def step(self, first: BoolArray, products: IntArray) -> Step:
        """Return the bits of steps ``[n_steps, lanes]``: rows that begin, and signed products.

        A node's adder gives the products from the last beginning in its left half (or its first
        lane) up to the first one in its right half (or its end).
        """
        n_steps, n = products.shape
        total = np.concatenate([np.zeros((n_steps, 1), dtype=np.int64), products.cumsum(1)], 1)
        each = np.arange(n_steps)
        sums = np.zeros((n_steps, n), dtype=np.int64)
        valid = np.zeros((n_steps, n), dtype=np.bool_)
        for node in range(1, n):
            width = n >> (node.bit_length() - 1)
            left = node * width % n
            middle, right = left + width // 2, left + width
            halves: list[BoolArray] = [first[:, left:middle], first[:, middle:right]]
            low = np.where(halves[0].any(1), middle - 1 - halves[0][:, ::-1].argmax(1), left)
            high = np.where(halves[1].any(1), middle + halves[1].argmax(1), right)
            sums[:, node] = total[each, high] - total[each, low]
            valid[:, node] = halves[0].any(1) & halves[1].any(1)
        begins: BoolArray = np.any(first, axis=1)
        before = total[each, np.where(begins, first.argmax(1), n)]
        behind = total[:, n] - total[each, np.where(begins, n - 1 - first[:, ::-1].argmax(1), 0)]
        modulo = (1 << self.sum_bits) - 1
        narrow = products & ((1 << self.product_bits) - 1)
        ends = bit_rows(np.stack([before, behind], axis=1) & modulo, self.sum_bits)
        rows = [bit_rows(sums[:, 1:] & modulo, self.sum_bits), valid[:, 1:], ends]
        given = np.hstack([bit_rows(narrow, self.product_bits), first])
        return Step(given, np.hstack([*rows, begins[:, None]]))

    def bench(self, vectors: Step, gaps: Gaps) -> Bench:
        """Return the bench."""
        rows = vectors.given, vectors.made
        return staged_bench(self, rows, (self.stages, self.out_fifo), gaps)

    def units(self) -> tuple[Unit, ...]:
        """Return the tree."""
        return (Unit("adder tree", "f2f_row_sums", tuple(self.parameters().items())),)


@dataclass(frozen=True)
class WideReadDevice(Device[Step]):
    """Rotators of wide reads for `lanes` (a power of two) words of `word_bits`.

    Attributes
    ----------
    out_fifo : int
        Groups that wait behind it.
    """

    top: ClassVar[str] = TOP
    lanes: int
    word_bits: int = 8
    out_fifo: int = 4

    def __post_init__(self) -> None:
        problems = []
        if self.lanes < 2 or self.lanes & (self.lanes - 1):
            problems.append(f"lanes must be a power of two from 2, got {self.lanes}")
        if self.word_bits < 1:
            problems.append(f"word_bits must be at least 1, got {self.word_bits}")
        check_sizes("wide reads", problems)

    @property
    def log_lanes(self) -> int:
        """Bits of a lane's number."""
        return self.lanes.bit_length() - 1

    def files(self) -> dict[str, str]:
        """Return the top module and the library's."""
        n, log, width = self.lanes, self.log_lanes, self.lanes * self.word_bits
        ends = [0, width, 2 * width, 2 * width + log, 2 * width + 2 * log, 2 * width + 3 * log + 1]
        names = ("piece", "other", "from", "again", "split")
        ports = [
            f"{name}=in_step[{high - 1}:{low}]"
            for name, low, high in zip(names, ends[:-1], ends[1:], strict=True)
        ]
        sizes = {"LOG_N": log, "WIDTH": self.word_bits}
        made = instance("f2f_wide_read", "reads", sizes, [*ports, "words=late"])
        comment = (
            "f2f_front_end: wide reads; generated, do not edit.\n\n"
            f"in_step is {{split, again, from, other, piece}} of {n} words; out is {n} words."
        )
        text = staged_device(comment, ends[-1], width, made, (0, self.out_fifo))
        return {f"{TOP}.v": text, **library_files(("f2f_wide_read", "f2f_rotate", "f2f_pipe"))}

    def step(self, columns: IntArray, n_columns: int, values: IntArray) -> Step:
        """Return the bits of reads of `lanes` columns from each of `columns` on.

        The matrix has `n_columns` columns, at least as many as lanes; those behind the last one
        are the first ones of the next row.  `values` are the words of all columns, column c in
        bank c mod lanes.
        """
        n, log = self.lanes, self.log_lanes
        split = np.minimum(n_columns - columns, n)
        wanted = (columns[:, None] + np.arange(n)) % n_columns
        pieces = []
        for start, count in ((columns, split), (np.zeros_like(columns), n - split)):
            bank = np.zeros((columns.size, n), dtype=np.int64)
            for row in range(columns.size):
                at = start[row] + np.arange(count[row])
                bank[row, at % n] = values[at]
            pieces.append(bit_rows(bank, self.word_bits))
        numbers = [
            bit_rows(columns % n, log),
            bit_rows(np.zeros_like(columns), log),
            bit_rows(split, log + 1),
        ]
        return Step(np.hstack([*pieces, *numbers]), bit_rows(values[wanted], self.word_bits))

    def bench(self, vectors: Step, gaps: Gaps) -> Bench:
        """Return the bench."""
        return staged_bench(self, (vectors.given, vectors.made), (0, self.out_fifo), gaps)

    def units(self) -> tuple[Unit, ...]:
        """Return the rotators."""
        sizes = {"LOG_N": self.log_lanes, "WIDTH": self.word_bits}
        return (Unit("operand rotators", "f2f_wide_read", tuple(sizes.items())),)
