"""Verilog of the CSR front end and its gather network: pointers, index decode, banks, crossbar.

::

    row lengths ─▶ a queue a PE ─▶ rows of a round ─┐
    indices ─▶ field buffer ────────────────────────┼─▶ index decoder ─▶ rounds
    values ─▶ field buffer ─────────────────────────┘
    rounds ─▶ windows ─▶ arbiter ─▶ banks ─▶ crossbar ─▶ answers
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from f2fsim.cost.front_end_units import WALK_CYCLES
from f2fsim.rtl.bench import Bench, Sink, Source, bit_rows, field_rows
from f2fsim.rtl.compaction import emit_count
from f2fsim.rtl.csr_rounds import Rounds, rounds_of
from f2fsim.rtl.cycles import DeviceMachine, Gaps
from f2fsim.rtl.device import Device, Unit, check_sizes, fifo_unit
from f2fsim.rtl.expansion import emit_expand
from f2fsim.rtl.field_buffer import FieldBuffer
from f2fsim.rtl.fields import puts
from f2fsim.rtl.gathers import Served, bank_words, serve
from f2fsim.rtl.text import bits_for, instance, library_files, module, pipe

IntArray = NDArray[np.int64]

MODULES = (
    *("f2f_channel", "f2f_fields", "f2f_rotate", "f2f_rows", "f2f_csr_walk", "f2f_csr_decoder"),
    *("f2f_gather", "f2f_gather_queue", "f2f_gather_grant", "f2f_gather_read", "f2f_any"),
    *("f2f_select", "f2f_bank"),
)
#: Latency of the banks' answers; rounds between walk and decoder.
ANSWER_CYCLES, WALK_FIFO = 2, WALK_CYCLES + 1

_COMMENT = """\
f2f_front_end: CSR front end with banked gathers; generated, do not edit.

An output item is a cycle of gathers: for each PE {granted, last of its row, row among the PE's
own, value, activation word}. f2f_bank stands for a bank of the scratchpad."""


@dataclass(frozen=True, eq=False)
class CsrVectors:
    """An interleaved stream: row lengths, and columns and values in stream order."""

    counts: IntArray
    columns: IntArray
    values: IntArray


def gather_units(sizes: dict[str, int]) -> tuple[Unit, ...]:
    """Return what banked gathers of these sizes (f2f_gather) are made of."""

    def chosen(*names: str) -> tuple[tuple[str, int], ...]:
        return tuple((name, sizes[name]) for name in names)

    p = sizes["P"]
    queue = chosen("WINDOW", "SLOT", "SLOTS", "LOG_B", "ADDRESS", "PAYLOAD")
    crossbar = (("SPAN", sizes["BANKS"]), ("WIDTH", sizes["ACT"]), ("SEL", sizes["LOG_B"]))
    return (
        Unit("gather", "f2f_gather_queue", queue, p),
        Unit("gather", "f2f_gather_grant", chosen("P", "LOG_B", "ADDRESS", "SHARED")),
        Unit("gather", "f2f_gather_read", chosen("P", "BANKS", "LOG_B", "ADDRESS")),
        Unit("crossbar", "f2f_select", crossbar, p),
    )


@dataclass(frozen=True)
class CsrDevice(Device[CsrVectors]):
    """A CSR front end with the gathers of its PEs.

    Attributes
    ----------
    n_pes, n_banks, window : int
        PEs; banks (a power of two); rounds that are arbitrated together.
    index_bits, weight_bits, length_bits, wave_bits : int
        Widths of a column, a value, a row's length, and of a row's number on its PE.
    activation_bits : int
        Bits of a word of a bank: all activation columns of one address.
    row_fifo, entry_fifo, round_fifo, answer_fifo : int
        Rows that wait at a PE, entries at the decoder, rounds behind it (pipeline included),
        gathers' answers.
    pipeline_cycles : int
        Latency of rounds.
    shared_reads : bool
        Whether a word that a bank gives goes to every PE whose oldest entry wants it.
    """

    top: ClassVar[str] = "f2f_front_end"
    n_pes: int
    n_banks: int
    window: int
    index_bits: int
    length_bits: int
    wave_bits: int
    weight_bits: int = 8
    activation_bits: int = 8
    row_fifo: int = 4
    entry_fifo: int = 64
    round_fifo: int = 9
    answer_fifo: int = 2
    pipeline_cycles: int = 2
    shared_reads: bool = False

    def __post_init__(self) -> None:
        problems = []
        if self.n_banks < 2 or self.n_banks & (self.n_banks - 1):
            problems.append(f"banks must be a power of two from 2, got {self.n_banks}")
        if self.n_pes < 2 or self.window < 2:
            problems.append("PEs and window must be at least 2")
        if self.entry_fifo < 2 * self.n_pes - 1:
            problems.append(f"entry_fifo must be at least {2 * self.n_pes - 1}")
        if self.index_bits <= bits_for(self.n_banks - 1):
            problems.append("an index must be wider than a bank's number")
        check_sizes("csr", problems)

    @property
    def payload_bits(self) -> int:
        """Bits that stay with an entry: last of its row, row, value."""
        return 1 + self.wave_bits + self.weight_bits

    def walk_parameters(self) -> dict[str, int]:
        """Return the parameters of f2f_csr_walk."""
        return {
            "P": self.n_pes,
            "LENGTH": self.length_bits,
            "WAVE": self.wave_bits,
            "ROW_FIFO": self.row_fifo,
            "ROW_POINTER": bits_for(self.row_fifo - 1),
            "ROW_HELD": bits_for(self.row_fifo),
        }

    def decoder_parameters(self) -> dict[str, int]:
        """Return the parameters of f2f_csr_decoder."""
        return {
            "P": self.n_pes,
            "COUNT": self.fields("index").count_bits,
            "ACTIVE": bits_for(self.n_pes),
            "INDEX": self.index_bits,
            "WEIGHT": self.weight_bits,
            "WAVE": self.wave_bits,
        }

    def fields(self, name: str) -> FieldBuffer:
        """Return the buffer of the stream `name`."""
        width = self.index_bits if name == "index" else self.weight_bits
        return FieldBuffer(width, self.entry_fifo, self.n_pes, self.n_pes)

    def gather_parameters(self) -> dict[str, int]:
        """Return the parameters of f2f_gather."""
        log_banks = bits_for(self.n_banks - 1)
        return {
            "P": self.n_pes,
            "BANKS": self.n_banks,
            "LOG_B": log_banks,
            "WINDOW": self.window,
            "SLOT": bits_for(self.window),
            "SLOTS": bits_for(2 * self.window - 1),
            "ADDRESS": self.index_bits - log_banks,
            "PAYLOAD": self.payload_bits,
            "ACT": self.activation_bits,
            "ROUNDS": self.wave_bits + self.length_bits,
            "SHARED": int(self.shared_reads),
        }

    def files(self) -> dict[str, str]:
        """Return the generated top module and the library's modules."""
        return {
            f"{self.top}.v": module(self.top, _COMMENT, self._ports(), self._body()),
            "f2f_count.v": emit_count(self.n_pes, WALK_CYCLES),
            "f2f_expand.v": emit_expand(
                self.n_pes,
                self.weight_bits + self.index_bits,
                self.n_pes * (1 + self.wave_bits),
                self.pipeline_cycles + 1,
            ),
            **library_files(MODULES),
        }

    @property
    def _walk_bits(self) -> int:
        return bits_for(self.n_pes) + self.n_pes * (2 + self.wave_bits)

    def _ports(self) -> list[str]:
        p = self.n_pes
        ports = [
            f"input  wire [{self.wave_bits}:0] n_waves",
            f"input  wire [{self.gather_parameters()['ROUNDS'] - 1}:0] n_rounds",
            *("input  wire in_pointer_valid", "output wire in_pointer_ready"),
            f"input  wire [{p * self.length_bits - 1}:0] in_pointer",
            *self.fields("index").ports("in_index"),
            *self.fields("weight").ports("in_weight"),
        ]
        item = p * (1 + self.payload_bits + self.activation_bits)
        return [
            *ports,
            *("output wire out_valid", "input  wire out_ready", f"output wire [{item - 1}:0] out"),
        ]

    def _body(self) -> str:
        return self._decode() + self._gather()

    def _decode(self) -> str:
        p, active, handshake = self.n_pes, bits_for(self.n_pes), ("valid", "ready")
        rows, ends = p * (1 + self.wave_bits), ("visible", "window")
        item = p * (1 + self.payload_bits + self.index_bits)
        text = "".join(
            self.fields(name).wires(name) + self.fields(name).text(f"in_{name}", name)
            for name in ("index", "weight")
        )
        text += (
            "    wire walked_valid, walked_ready, walk_valid, walk_ready;\n"
            "    wire made_valid, made_ready, round_valid, round_ready;\n"
            f"    wire [{rows - 1}:0] walked;\n    wire [{p - 1}:0] active, counted;\n"
            f"    wire [{active - 1}:0] n_active;\n    reg [{rows - 1}:0] walked_late;\n"
            "    always @(posedge clk) walked_late <= walked;\n"
            f"    wire [{self._walk_bits - 1}:0] walk;\n"
            f"    wire [{item - 1}:0] made, round;\n"
            "    assign weight_take = index_take;\n    assign weight_fire = index_fire;\n"
            "    f2f_count count (.clk(clk), .bits(active), .total(n_active), .late(counted));\n"
        )
        text += instance(
            "f2f_csr_walk",
            "walker",
            self.walk_parameters(),
            [
                *("clk", "rst", "n_waves", "in_pointer_valid", "in_pointer_ready", "in_pointer"),
                *(f"out_{end}=walked_{end}" for end in handshake),
                *("out_data=walked", "out_active=active"),
            ],
        )
        late = "{n_active, walked_late, counted}"
        text += pipe("walks", self._walk_bits, WALK_FIFO, WALK_CYCLES, "walked", late, "walk")
        text += instance(
            "f2f_csr_decoder",
            "decoder",
            self.decoder_parameters(),
            [
                *("clk", "rst", "round_data=walk", "late_data=made"),
                *(f"round_{end}=walk_{end}" for end in handshake),
                *(f"{name}_{end}" for name in ("index", "weight") for end in ends),
                *("take=index_take", "fire=index_fire"),
                *(f"out_{end}=made_{end}" for end in handshake),
            ],
        )
        return text + pipe(
            "rounds", item, self.round_fifo, self.pipeline_cycles, "made", "made", "round"
        )

    def _gather(self) -> str:
        gather, banks, handshake = self.gather_parameters(), self.n_banks, ("valid", "ready")
        answer = self.n_pes * (1 + self.payload_bits + self.activation_bits)
        text = (
            "    wire got_valid, got_ready;\n"
            f"    wire [{answer - 1}:0] got;\n"
            f"    wire [{banks - 1}:0] bank_read;\n"
            f"    wire [{banks * gather['ADDRESS'] - 1}:0] bank_address;\n"
            f"    wire [{banks * self.activation_bits - 1}:0] bank_data;\n"
        )
        text += instance(
            "f2f_gather",
            "gather",
            gather,
            [
                *("clk", "rst", "n_rounds", "in_data=round", "late_data=got"),
                *("bank_read", "bank_address", "bank_data"),
                *(f"in_{end}=round_{end}" for end in handshake),
                *(f"out_{end}=got_{end}" for end in handshake),
            ],
        )
        text += pipe("answers", answer, self.answer_fifo, ANSWER_CYCLES, "got", "got", "out")
        for b in range(banks):
            text += instance(
                "f2f_bank",
                f"bank_{b}",
                {
                    "BANKS": banks,
                    "NUMBER": b,
                    "ADDRESS": gather["ADDRESS"],
                    "ACT": self.activation_bits,
                },
                [
                    *("clk", f"read=bank_read[{b}]"),
                    f"address=bank_address[{b}*{gather['ADDRESS']} +: {gather['ADDRESS']}]",
                    f"word=bank_data[{b}*{self.activation_bits} +: {self.activation_bits}]",
                ],
            )
        return text

    def bench(self, vectors: CsrVectors, gaps: Gaps) -> Bench:
        """Return the bench: every PE's gathers, cycle by cycle."""
        p = self.n_pes
        rounds = rounds_of(vectors.counts, p)
        columns = np.where(rounds.active, vectors.columns[rounds.at], 0)
        served = serve(rounds.active, columns, self.n_banks, self.window, shares=self.shared_reads)
        waves = np.zeros((-(-vectors.counts.size // p), p), dtype=np.int64)
        waves.ravel()[: vectors.counts.size] = vectors.counts
        moves = puts(vectors.values.size, p)
        count_bits = self.fields("index").count_bits
        index = field_rows(vectors.columns, self.index_bits, moves, p)
        weight = field_rows(vectors.values, self.weight_bits, moves, p)
        return Bench(
            self.top,
            self.files(),
            {},
            (
                Source("pointer", bit_rows(waves, self.length_bits)),
                Source("index", index, moves, count_bits),
                Source("weight", weight, moves, count_bits),
            ),
            (self._answers(vectors, rounds, served),),
            self._machine(rounds, waves, served, moves, gaps).build(),
            {
                "n_waves": (self.wave_bits + 1, waves.shape[0]),
                "n_rounds": (self.gather_parameters()["ROUNDS"], rounds.active.shape[0]),
            },
            items="cycles of gathers",
        )

    def _machine(
        self, rounds: Rounds, waves: IntArray, served: Served, moves: IntArray, gaps: Gaps
    ) -> DeviceMachine:
        """Return the device's machine: an item is a round, then a cycle of gathers."""
        n_rounds, n_pes = rounds.active.shape
        machine = DeviceMachine(gaps)
        one = np.ones(n_rounds, dtype=np.int64)
        n_active = rounds.active.sum(axis=1)
        rows, rows_taken, taken = {}, {}, {}
        for p in range(n_pes):
            if waves[:, p].any():
                rows[machine.channel(f"rows {p}", self.row_fifo)] = np.minimum(waves[:, p], 1)
                rows_taken[f"rows {p}"] = rounds.starts[:, p].astype(np.int64)
        if (n_active < n_pes).any():
            # That a PE has no entry any more is known when the last row was put.
            ended, told = np.zeros(n_rounds, dtype=np.int64), np.zeros(len(waves), dtype=np.int64)
            ended[int((n_active < n_pes).argmax())] = told[-1] = 1
            rows[machine.channel("end of rows", 1)] = told
            rows_taken["end of rows"] = ended
        machine.source("pointer", rows, waves.shape[0])
        for name in ("index", "weight"):
            machine.channel(name, self.entry_fifo)
            machine.source(name, {name: moves}, moves.size)
            taken[name] = n_active
        machine.channel("walks", WALK_FIFO, WALK_CYCLES)
        machine.unit("rows of a round", n_rounds, rows_taken, {"walks": one})
        machine.channel("rounds", self.round_fifo, self.pipeline_cycles)
        machine.unit("index decoder", n_rounds, {"walks": one, **taken}, {"rounds": one})
        machine.channel("windows", 1)
        complete = np.zeros(n_rounds, dtype=np.int64)
        complete[self.window - 1 :: self.window] = 1
        complete[-1] = 1
        machine.unit("loader", n_rounds, {"rounds": one}, {"windows": complete})
        machine.channel("answers", self.answer_fifo, ANSWER_CYCLES)
        each = np.ones(served.first.size, dtype=np.int64)
        machine.unit(
            "gather", each.size, {"windows": (served.first, served.last)}, {"answers": each}
        )
        machine.sink("out", {"answers": each}, each.size)
        return machine

    def _answers(self, vectors: CsrVectors, rounds: Rounds, served: Served) -> Sink:
        """Return what comes out: each cycle's granted entries with their activation words."""
        granted, at = served.granted, served.round
        pe = np.broadcast_to(np.arange(self.n_pes), at.shape)
        place = rounds.at[at, pe]
        word = bank_words(vectors.columns[place], self.activation_bits)
        fields = [
            (word, self.activation_bits),
            (vectors.values[place], self.weight_bits),
            (rounds.wave[at, pe], self.wave_bits),
            (rounds.last[at, pe], 1),
            (granted.astype(np.int64), 1),
        ]
        n = at.shape[0]
        bits = [bit_rows(values.reshape(-1, 1), width) for values, width in fields]
        width = 1 + self.payload_bits + self.activation_bits
        rows = np.hstack(bits).reshape(n, self.n_pes * width)
        care = np.repeat(granted, width, axis=1)
        care[:, width - 1 :: width] = True
        return Sink("out", rows, care)

    def units(self) -> tuple[Unit, ...]:
        """Return index decoder (with its queues and field buffers) and gather network."""
        return (
            Unit("index decoder", "f2f_csr_walk", tuple(self.walk_parameters().items())),
            Unit(
                "index decoder",
                "f2f_count",
                (),
                1,
                (("N", self.n_pes), ("STAGES", WALK_CYCLES)),
            ),
            Unit(
                "index decoder",
                "f2f_csr_decoder",
                tuple(self.decoder_parameters().items()),
                1,
                (("STAGES", self.pipeline_cycles + 1),),
            ),
            fifo_unit("index decoder", self._walk_bits, WALK_FIFO, WALK_CYCLES),
            self.fields("index").unit("index decoder"),
            self.fields("weight").unit("index decoder"),
            *gather_units(self.gather_parameters()),
        )
