"""Verilog of the loader of Huffman tables: lengths counted, symbols brought to their places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec.huffman_code import CanonicalCode, pack_table
from f2fsim.cost.front_end_units import huffman_half_sizes, huffman_table_sizes
from f2fsim.hw.front_ends.huffman_table import TABLE_COPIES, table_groups
from f2fsim.rtl.bench import Bench, Sink, Source, bit_rows
from f2fsim.rtl.cycles import DeviceMachine, Gaps
from f2fsim.rtl.device import Device, Unit, check_sizes
from f2fsim.rtl.fields import puts
from f2fsim.rtl.huffman import code_table
from f2fsim.rtl.text import instance, library_files, module, pipe

IntArray = NDArray[np.int64]

MODULES = (
    *("f2f_huffman_table", "f2f_huffman_half", "f2f_row_memory", "f2f_prefix", "f2f_select"),
    *("f2f_any", "f2f_pipe"),
)
#: Memories that symbols wait in with their lengths.
N_MEMORIES = 4
#: Latency of a write, cycles from its put; places of writes that wait in the bench.
WRITE_CYCLES, WRITE_FIFO = 2, 3

_COMMENT = """\
f2f_front_end: loader of Huffman tables for {n} decoders; generated, do not edit.

in_bits is the stream of tables. `write` is {{half, place, what stands for the symbol}}, table_d
{{offsets, limits}} of the table that decoder d uses until it is taken."""

_MEMORIES = """\
    genvar m;
    generate
        for (m = 0; m < 4; m = m + 1) begin : memory
            f2f_row_memory #(.ROW({row}), .WIDTH({item})) of_turn (
                .clk(clk), .write(store[m]), .write_row(store_row[m*{row} +: {row}]),
                .write_data(store_data[m*{item} +: {item}]), .read(fetch[m]), .read_row(fetch_row),
                .read_data(fetch_data[m*{item} +: {item}])
            );
        end
    endgenerate
"""


@dataclass(frozen=True, eq=False)
class TableVectors:
    """Codes, one table after another, and what is xored to a symbol to give what stands for it."""

    codes: Sequence[CanonicalCode]
    flip: int = 0
    paired: bool = True


@dataclass(frozen=True)
class HuffmanTableDevice(Device[TableVectors]):
    """Loader of the tables of `n_decoders` decoders.

    Attributes
    ----------
    n_decoders : int
        Decoders that use tables, each until it takes the next one.
    weight_bits, exponent_bits : int
        Bits of a weight, and of what of it is coded where that is a float's exponent (else 0).
    max_length : int
        Longest codeword.
    """

    top: ClassVar[str] = "f2f_front_end"
    n_decoders: int
    weight_bits: int = 8
    exponent_bits: int = 0
    max_length: int = 12

    def __post_init__(self) -> None:
        problems = []
        if self.n_decoders < 1:
            problems.append("n_decoders must be at least 1")
        if self.sizes["SINGLE"] < 3:
            problems.append("symbols must have at least 3 bits")
        check_sizes("huffman table", problems)

    @property
    def sizes(self) -> dict[str, int]:
        """Parameters of f2f_huffman_table."""
        return huffman_table_sizes(self.max_length, self.weight_bits, self.exponent_bits)

    @property
    def half_sizes(self) -> dict[str, int]:
        """Parameters of f2f_huffman_half."""
        return huffman_half_sizes(self.max_length, self.weight_bits, self.exponent_bits)

    def files(self) -> dict[str, str]:
        """Return the generated top module and the library's modules."""
        sizes, width = self.sizes, self.half_sizes["WIDTH"]
        symbol, row, item = sizes["SYMBOL"], sizes["SYMBOL"] - 2, sizes["SYMBOL"] + sizes["LONG"]
        ports = [
            *("input  wire paired", f"input  wire [{symbol - 1}:0] flip"),
            *("input  wire in_bits_valid", "output wire in_bits_ready"),
            f"input  wire [{sizes['COUNT'] - 1}:0] in_bits_n",
            f"input  wire [{sizes['WORD'] - 1}:0] in_bits",
            *("output wire write_valid", "input  wire write_ready"),
            f"output wire [{2 * symbol}:0] write",
        ]
        memory = (
            f"    wire [3:0] store, fetch;\n    wire [{4 * row - 1}:0] store_row;\n"
            f"    wire [{row - 1}:0] fetch_row;\n"
            f"    wire [{4 * item - 1}:0] store_data, fetch_data;\n"
        )
        body = (
            memory
            + f"    wire [{2 * width - 1}:0] tables;\n    wire begins, free, put_table, half;\n"
            f"    wire made_valid, made_ready;\n    wire [{2 * symbol}:0] made;\n"
            f"    wire [{2 * self.n_decoders - 1}:0] busy;\n"
            + instance(
                "f2f_huffman_table",
                "loader",
                sizes,
                [
                    *("clk", "rst", "paired", "flip", "in_valid=in_bits_valid"),
                    *("in_ready=in_bits_ready", "in_count=in_bits_n", "in_data=in_bits"),
                    *("begin_valid=begins", "begin_ready=free", "write_valid=made_valid"),
                    *("write_ready=made_ready", "write_data=made", "put_table", "half", "tables"),
                    *("store", "store_row", "store_data", "fetch", "fetch_row", "fetch_data"),
                ],
            )
            + _MEMORIES.format(row=row, item=item)
            + pipe("writes", 2 * symbol + 1, WRITE_FIFO, WRITE_CYCLES, "made", "made", "write")
        )
        frees = []
        for d in range(self.n_decoders):
            ports += [f"output wire table_{d}_valid", f"input  wire table_{d}_ready"]
            ports.append(f"output wire [{width - 1}:0] table_{d}")
            at = f"busy[{2 * d + 1}:{2 * d}]"
            body += instance(
                "f2f_huffman_half",
                f"half_{d}",
                self.half_sizes,
                [
                    *("clk", "rst", "tables", "put=put_table", "half", f"busy={at}"),
                    *(f"out_{end}=table_{d}_{end}" for end in ("valid", "ready")),
                    f"table_out=table_{d}",
                ],
            )
            frees.append(f"(half ? ~busy[{2 * d + 1}] : ~busy[{2 * d}])")
        body += f"    assign free = {' & '.join(frees)};\n"
        body += "    wire unused_begins = &{1'b0, begins};\n"
        comment = _COMMENT.format(n=self.n_decoders)
        return {f"{self.top}.v": module(self.top, comment, ports, body), **library_files(MODULES)}

    def bench(self, vectors: TableVectors, gaps: Gaps) -> Bench:
        """Return the bench: every write, and every decoder's limits and offsets."""
        machine, sizes = DeviceMachine(gaps), self.sizes
        groups = [table_groups(code) for code in vectors.codes]
        streams = [_bits(code) for code in vectors.codes]
        stream = np.concatenate(streams)
        per_put = puts(stream.size, sizes["WORD"])
        rows = np.zeros((per_put.size, sizes["WORD"]), dtype=np.bool_)
        rows.ravel()[: stream.size] = stream
        n_used = [code.n_used for code in vectors.codes]
        n_items = [bits.size + n for bits, n in zip(groups, n_used, strict=True)]
        ends = np.cumsum(n_items)
        n = int(ends[-1])
        taken, writes, first, last = (np.zeros(n, dtype=np.int64) for _ in range(4))
        for end, bits, used in zip(ends, groups, n_used, strict=True):
            taken[end - used - bits.size : end - used] = bits
            writes[end - used : end] = 1
        first[ends - n_items], last[ends - 1] = 1, 1
        machine.channel("bits", sizes["DEPTH"])
        machine.source("bits", {"bits": per_put}, per_put.size)
        machine.channel("writes", WRITE_FIFO, WRITE_CYCLES)
        made = {"writes": writes}
        for d in range(self.n_decoders):
            # A half is taken by the first group and stands until the decoder goes on.
            machine.channel(f"halves {d}", TABLE_COPIES)
            machine.channel(f"tables {d}", TABLE_COPIES)
            made |= {f"halves {d}": first, f"tables {d}": last}
        machine.unit("code table", n, {"bits": taken}, made, at_end=("bits",))
        one = np.ones(1, dtype=np.int64)
        machine.sink("write", {"writes": one}, int(writes.sum()))
        for d in range(self.n_decoders):
            both = {f"tables {d}": one, f"halves {d}": one}
            machine.sink(f"table_{d}", both, len(vectors.codes))
        tables = self._tables(vectors.codes)
        sinks = [Sink(f"table_{d}", tables) for d in range(self.n_decoders)]
        return Bench(
            self.top,
            self.files(),
            {},
            (Source("bits", rows, per_put, sizes["COUNT"]),),
            (Sink("write", self._writes(vectors)), *sinks),
            machine.build(),
            {
                "paired": (1, int(vectors.paired)),
                "flip": (sizes["SYMBOL"], vectors.flip),
            },
            items="writes and tables",
        )

    def _writes(self, vectors: TableVectors) -> NDArray[np.bool_]:
        """Return the writes of all tables: symbols as they are listed, to places by length."""
        symbol, rows = self.sizes["SYMBOL"], []
        for number, code in enumerate(vectors.codes):
            used = np.flatnonzero(code.lengths)
            place = np.empty(used.size, dtype=np.int64)
            place[np.argsort(code.lengths[used], kind="stable")] = np.arange(used.size)
            half = np.full(used.size, number % TABLE_COPIES)
            rows.append((half << symbol | place) << symbol | (used ^ vectors.flip))
        return bit_rows(np.concatenate(rows), 2 * symbol + 1)

    def _tables(self, codes: Sequence[CanonicalCode]) -> NDArray[np.bool_]:
        """Return the bits of limits and offsets of each code."""
        symbol, found = self.sizes["SYMBOL"], []
        for code in codes:
            limits, offsets = code_table(code, self.max_length)
            parts = [
                bit_rows(np.array([limit]), length + 1)
                for length, limit in enumerate(limits, start=1)
            ]
            parts.append(bit_rows(np.array([offsets]) % (1 << symbol), symbol))
            found.append(np.hstack(parts))
        return np.vstack(found)

    def units(self) -> tuple[Unit, ...]:
        """Return loader and the decoders' choices between two tables; memories are macros."""
        loader = Unit("code table", "f2f_huffman_table", tuple(self.sizes.items()))
        half = tuple(self.half_sizes.items())
        return (loader, Unit("code table", "f2f_huffman_half", half, self.n_decoders))


def _bits(code: CanonicalCode) -> NDArray[np.bool_]:
    stream = pack_table(code)
    return np.unpackbits(stream.data, count=stream.n_bits, bitorder="little").astype(np.bool_)
