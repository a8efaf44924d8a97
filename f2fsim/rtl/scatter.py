"""Verilog of the scatter of a group's sums into the banks of the accumulators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from f2fsim.rtl.bench import Bench, Sink, Source, bit_rows
from f2fsim.rtl.cycles import ONE, DeviceMachine, Gaps
from f2fsim.rtl.device import Device, Unit, check_sizes
from f2fsim.rtl.text import channel, instance, library_files, module, pipe

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_COMMENT = """\
f2f_front_end: scatter of sums; generated, do not edit.

in_step is {{{n} sums, their places, their banks, which are in use}}. An output item is a cycle:
for each of {b} banks {{sum, place, added}}."""


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums of groups, ``[n_groups, n]``: which are in use, their rows, what they are."""

    used: BoolArray
    rows: IntArray
    values: IntArray


@dataclass(frozen=True)
class ScatterDevice(Device[Sums]):
    """Scatter of groups of `n_sums` into `n_banks`, both powers of two; row r in bank r mod banks.

    Attributes
    ----------
    place_bits, sum_bits : int
        Of a row's place in its bank; of a sum, all activation columns.
    group_fifo, out_fifo : int
        Groups before it, cycles behind it.
    """

    top: ClassVar[str] = "f2f_front_end"
    n_sums: int
    n_banks: int
    place_bits: int = 6
    sum_bits: int = 32
    group_fifo: int = 2
    out_fifo: int = 2

    def __post_init__(self) -> None:
        sizes = {"sums": self.n_sums, "banks": self.n_banks}
        bad = [name for name, n in sizes.items() if n < 2 or n & (n - 1)]
        check_sizes(
            "scatter", [f"{name} must be a power of two from 2, got {sizes[name]}" for name in bad]
        )

    def parameters(self) -> dict[str, int]:
        """Return the parameters of f2f_scatter and f2f_scatter_bank."""
        logs = (n.bit_length() - 1 for n in (self.n_sums, self.n_banks))
        found = dict(zip(("LOG_N", "LOG_B"), logs, strict=True))
        return found | {"ADDRESS": self.place_bits, "WIDTH": self.sum_bits}

    @property
    def _widths(self) -> tuple[int, ...]:
        log_banks = self.parameters()["LOG_B"]
        return tuple(self.n_sums * w for w in (1, log_banks, self.place_bits, self.sum_bits))

    def files(self) -> dict[str, str]:
        """Return the generated top module and the library's."""
        sizes, b = self.parameters(), self.n_banks
        each, width = self.sum_bits + self.place_bits + 1, sum(self._widths)
        names = ("used", "banks", "places", "sums")
        starts = np.cumsum((0, *self._widths)).tolist()
        given = [
            f"in_{n}=group[{a} +: {w}]"
            for n, a, w in zip(names, starts, self._widths, strict=False)
        ]
        body = (
            "    wire group_valid, group_ready, made_valid, made_ready;\n"
            f"    wire [{width - 1}:0] group;\n    wire [{b * each - 1}:0] made;\n"
            + "".join(
                f"    wire [{w - 1}:0] {'served' if name == 'used' else name};\n"
                for name, w in zip(names, self._widths, strict=True)
            )
            + channel("groups", width, self.group_fifo, 1, "in_step", "group")
            + instance(
                "f2f_scatter",
                "scatter",
                sizes,
                [
                    *("clk", "rst", *given),
                    *(f"in_{end}=group_{end}" for end in ("valid", "ready")),
                    *(f"out_{end}=made_{end}" for end in ("valid", "ready")),
                    *("served", "banks", "places", "sums"),
                ],
            )
        )
        ports_of_all = ("served", "banks", "places", "sums")
        for number in range(b):
            at = number * each
            parts = [f"added=made[{at}]", f"place=made[{at + 1} +: {self.place_bits}]"]
            parts.append(f"sum=made[{at + 1 + self.place_bits} +: {self.sum_bits}]")
            own = f"number={sizes['LOG_B']}'d{number}"
            body += instance(
                "f2f_scatter_bank", f"bank_{number}", sizes, [own, *ports_of_all, *parts]
            )
        body += pipe("results", b * each, self.out_fifo, 1, "made", "made", "out")
        ports = [
            *("input  wire in_step_valid", "output wire in_step_ready"),
            f"input  wire [{width - 1}:0] in_step",
            *("output wire out_valid", "input  wire out_ready"),
            f"output wire [{b * each - 1}:0] out",
        ]
        comment = _COMMENT.format(n=self.n_sums, b=b)
        return {
            f"{self.top}.v": module(self.top, comment, ports, body),
            **library_files(("f2f_scatter", "f2f_scatter_bank", "f2f_channel")),
        }

    def served(self, vectors: Sums) -> tuple[IntArray, IntArray]:
        """Return the cycle of its group in which each sum is served, and the cycles of groups."""
        bank = vectors.rows % self.n_banks
        same = (bank[:, :, None] == bank[:, None, :]) & vectors.used[:, None, :]
        before = np.tril(np.ones((self.n_sums, self.n_sums), dtype=np.bool_), -1)
        turn: IntArray = (same & before).sum(axis=2)
        cycles: IntArray = np.where(vectors.used, turn + 1, 1).max(axis=1)
        return turn, cycles

    def bench(self, vectors: Sums, gaps: Gaps) -> Bench:
        """Return the bench: what each bank gets, cycle by cycle."""
        n_groups = vectors.used.shape[0]
        turn, cycles = self.served(vectors)
        ends = np.cumsum(cycles)
        n = int(ends[-1])
        first, last = np.zeros((2, n), dtype=np.int64)
        first[ends - cycles], last[ends - 1] = 1, 1
        machine = DeviceMachine(gaps)
        machine.channel("groups", self.group_fifo)
        machine.source("step", {"groups": ONE}, n_groups)
        machine.channel("results", self.out_fifo)
        machine.unit("scatter", n, {"groups": (first, last)}, {"results": ONE})
        machine.sink("out", {"results": ONE}, n)
        bank, place = vectors.rows % self.n_banks, vectors.rows // self.n_banks
        group, number = np.nonzero(vectors.used)
        at = (ends - cycles)[group] + turn[group, number]
        got = np.zeros((3, n, self.n_banks), dtype=np.int64)
        where = at, bank[group, number]
        for i, values in enumerate((1, place[group, number], vectors.values[group, number])):
            got[i][where] = values
        widths = 1, self.place_bits, self.sum_bits
        bits = [bit_rows(one, w).reshape(n, -1, w) for one, w in zip(got, widths, strict=True)]
        log_banks = self.parameters()["LOG_B"]
        given = [
            vectors.used,
            bit_rows(bank, log_banks),
            bit_rows(place, self.place_bits),
            bit_rows(vectors.values, self.sum_bits),
        ]
        return Bench(
            self.top,
            self.files(),
            {},
            (Source("step", np.hstack(given)),),
            (Sink("out", np.concatenate(bits, axis=2).reshape(n, -1)),),
            machine.build(),
            items="cycles of banks",
        )

    def units(self) -> tuple[Unit, ...]:
        """Return the arbiter with its registers, and a multiplexer a bank."""
        sizes = tuple(self.parameters().items())
        return (
            Unit("sum scatter", "f2f_scatter", sizes),
            Unit("sum scatter", "f2f_scatter_bank", sizes, self.n_banks),
        )
