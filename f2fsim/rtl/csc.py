"""Verilog of the relative CSC front end (EIE): a queue and a walker through column slices a PE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from f2fsim.rtl.bench import Bench, Sink, Source, bit_rows, hex_rows
from f2fsim.rtl.cycles import DeviceMachine, Gaps
from f2fsim.rtl.device import Device, Unit, check_sizes
from f2fsim.rtl.fields import beats
from f2fsim.rtl.text import channel, instance, library_files, module

IntArray = NDArray[np.int64]

_COMMENT = """\
f2f_front_end: relative CSC front end of {n} PEs; generated, do not edit.

A broadcast is {{activation, {n} x {{first entry, entries of the slice}}}}: pointers are read from
each PE's pointer memory as the column is broadcast. An item of out_p is a cycle of PE p:
{{there is an entry, last cycle of the slice, row of the PE, value, activation}}. f2f_entries stands
for a PE's sparse-matrix memory."""


@dataclass(frozen=True, eq=False)
class CscVectors:
    """Broadcast columns with their activations, and the entries of each PE.

    Attributes
    ----------
    columns, activations : ndarray of int64, shape (n_broadcasts,)
    counts : ndarray of int64, shape (n_columns, n_pes)
        Entries of each slice, padding included.
    runs, values : tuple of ndarray of int64
        Entries of each PE, column after column.
    """

    columns: IntArray
    activations: IntArray
    counts: IntArray
    runs: tuple[IntArray, ...]
    values: tuple[IntArray, ...]


@dataclass(frozen=True)
class CscDevice(Device[CscVectors]):
    """PEs of a broadcast array.

    Attributes
    ----------
    n_pes, fifo_depth : int
        PEs, and places of each one's queue.
    address_bits, length_bits, run_bits, row_bits, weight_bits, activation_bits : int
        Widths of an entry's address, a slice's length, a run, a row of a PE, a value, an
        activation.
    out_fifo, pipeline_cycles : int
        Results of a PE that wait, and their latency.
    """

    top: ClassVar[str] = "f2f_front_end"
    n_pes: int
    fifo_depth: int
    address_bits: int
    length_bits: int
    row_bits: int
    run_bits: int = 4
    weight_bits: int = 8
    activation_bits: int = 8
    out_fifo: int = 3
    pipeline_cycles: int = 2

    def __post_init__(self) -> None:
        problems = []
        if self.n_pes < 1 or self.fifo_depth < 1:
            problems.append("PEs and fifo_depth must be at least 1")
        if self.address_bits <= self.length_bits:
            problems.append("an address must be wider than a slice's length")
        check_sizes("csc_relative", problems)

    def pe_parameters(self) -> dict[str, int]:
        """Return the parameters of f2f_csc_pe."""
        return {
            "ADDRESS": self.address_bits,
            "LENGTH": self.length_bits,
            "RUN": self.run_bits,
            "ROW": self.row_bits,
            "WEIGHT": self.weight_bits,
            "ACT": self.activation_bits,
        }

    @property
    def _slice_bits(self) -> int:
        return self.address_bits + self.length_bits

    @property
    def _item_bits(self) -> int:
        return 2 + self.row_bits + self.weight_bits + self.activation_bits

    def files(self) -> dict[str, str]:
        """Return the generated top module and the library's modules."""
        a, s, n = self.activation_bits, self._slice_bits, self.n_pes
        ports = [
            "input  wire in_column_valid",
            "output wire in_column_ready",
            f"input  wire [{a + n * s - 1}:0] in_column",
        ]
        body = f"    wire [{n - 1}:0] room;\n    assign in_column_ready = &room;\n"
        for p in range(n):
            ports += [f"output wire out_{p}_valid", f"input  wire out_{p}_ready"]
            ports.append(f"output wire [{self._item_bits - 1}:0] out_{p}")
            body += self._pe(p)
        names = ("f2f_channel", "f2f_csc_pe", "f2f_entries")
        return {
            f"{self.top}.v": module(self.top, _COMMENT.format(n=n), ports, body),
            **library_files(names),
        }

    def _pe(self, p: int) -> str:
        a, s, n = self.activation_bits, self._slice_bits, self.n_pes
        entry = self.run_bits + self.weight_bits
        # A put waits for room in all queues, and then goes to all of them.
        text = f"""\
    wire put_{p}_valid = in_column_valid & in_column_ready;
    wire put_{p}_ready;
    assign room[{p}] = put_{p}_ready;
    wire [{a + s - 1}:0] put_{p} = {{in_column[{n * s} +: {a}], in_column[{p * s} +: {s}]}};
    wire slice_{p}_valid, slice_{p}_ready, made_{p}_valid, made_{p}_ready;
    wire [{a + s - 1}:0] slice_{p};
    wire [{self._item_bits - 1}:0] made_{p};
    wire [{self.address_bits - 1}:0] address_{p};
    wire [{entry - 1}:0] entry_{p};
"""
        text += channel(f"queue_{p}", a + s, self.fifo_depth, 1, f"put_{p}", f"slice_{p}")
        text += instance(
            "f2f_csc_pe",
            f"pe_{p}",
            self.pe_parameters(),
            [
                *("clk", "rst", f"slice_data=slice_{p}", f"out_data=made_{p}"),
                *(f"entry_address=address_{p}", f"entry=entry_{p}"),
                *(f"slice_{end}=slice_{p}_{end}" for end in ("valid", "ready")),
                *(f"out_{end}=made_{p}_{end}" for end in ("valid", "ready")),
            ],
        )
        text += (
            f'    f2f_entries #(.FILE("entries_{p}.hex"), .ADDRESS({self.address_bits}), '
            f".WIDTH({entry})) entries_{p} (\n        .address(address_{p}), .entry(entry_{p})\n"
            "    );\n"
        )
        return text + channel(
            f"results_{p}",
            self._item_bits,
            self.out_fifo,
            self.pipeline_cycles,
            f"made_{p}",
            f"out_{p}",
        )

    def bench(self, vectors: CscVectors, gaps: Gaps) -> Bench:
        """Return the bench: every PE's cycles."""
        counts = vectors.counts
        first = np.cumsum(counts, axis=0) - counts
        of_column = np.stack([first, counts], axis=2)[vectors.columns]
        slices = (of_column[..., 0] << self.length_bits) | of_column[..., 1]
        rows = np.hstack(
            [
                bit_rows(slices, self._slice_bits),
                bit_rows(vectors.activations, self.activation_bits),
            ]
        )
        machine = DeviceMachine(gaps)
        one = np.ones(vectors.columns.size, dtype=np.int64)
        queues = {machine.channel(f"queue {p}", self.fifo_depth): one for p in range(self.n_pes)}
        machine.source("column", queues, one.size)
        sinks, files = [], self.files()
        for p in range(self.n_pes):
            sinks.append(self._walk(vectors, p, first[:, p]))
            moves = beats(counts[vectors.columns, p], 1)
            each = np.ones(moves.first.size, dtype=np.int64)
            machine.channel(f"results {p}", self.out_fifo, self.pipeline_cycles)
            machine.unit(
                f"pe {p}",
                each.size,
                {f"queue {p}": (moves.first, moves.last)},
                {f"results {p}": each},
            )
            machine.sink(f"out_{p}", {f"results {p}": each}, each.size)
            entries = (vectors.values[p] << self.run_bits) | vectors.runs[p]
            padded = np.zeros(1 << self.address_bits, dtype=np.int64)
            padded[: entries.size] = entries
            files[f"entries_{p}.hex"] = hex_rows(bit_rows(padded, self.run_bits + self.weight_bits))
        return Bench(
            self.top,
            files,
            {},
            (Source("column", rows),),
            tuple(sinks),
            machine.build(),
            items="cycles of PEs",
        )

    def _walk(self, vectors: CscVectors, p: int, first: IntArray) -> Sink:
        """Return the cycles of PE p: its entries with their rows, slice by slice."""
        counts = vectors.counts[vectors.columns, p]
        moves = beats(counts, 1)
        each = np.repeat(np.arange(counts.size), np.maximum(counts, 1))
        step = np.arange(each.size) - np.flatnonzero(moves.first)[each]
        has = counts[each] > 0
        at = np.where(has, first[vectors.columns[each]] + step, 0)
        ends = np.concatenate([[0], np.cumsum(vectors.runs[p] + 1)])
        rows = ends[at + has] - 1 - ends[first[vectors.columns[each]]]
        values = np.concatenate([vectors.values[p], [0]])[at]
        fields = [
            (vectors.activations[each], self.activation_bits),
            (values, self.weight_bits),
            (rows, self.row_bits),
            (moves.last, 1),
            (has.astype(np.int64), 1),
        ]
        bits = np.hstack([bit_rows(value, width) for value, width in fields])
        care = np.repeat(has[:, None], bits.shape[1], axis=1)
        care[:, -2:] = True
        return Sink(f"out_{p}", bits, care)

    def units(self) -> tuple[Unit, ...]:
        """Return the PEs."""
        return (Unit("pe", "f2f_csc_pe", tuple(self.pe_parameters().items()), self.n_pes),)
