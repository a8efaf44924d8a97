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
from f2fsim.rtl.csr_text import ANSWER_CYCLES, WALK_FIFO, CsrSizes
from f2fsim.rtl.cycles import DeviceMachine, Gaps
from f2fsim.rtl.device import Device, Unit, fifo_unit
from f2fsim.rtl.expansion import emit_expand
from f2fsim.rtl.fields import puts
from f2fsim.rtl.gathers import Served, bank_words, serve
from f2fsim.rtl.text import library_files, module

IntArray = NDArray[np.int64]

MODULES = (
    *("f2f_channel", "f2f_fields", "f2f_rotate", "f2f_rows", "f2f_csr_walk", "f2f_csr_decoder"),
    *("f2f_gather", "f2f_gather_queue", "f2f_gather_grant", "f2f_gather_read", "f2f_any"),
    *("f2f_select", "f2f_bank"),
)

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
class CsrDevice(CsrSizes, Device[CsrVectors]):
    """A CSR front end with the gathers of its PEs, as `CsrSizes` say."""

    top: ClassVar[str] = "f2f_front_end"

    def files(self) -> dict[str, str]:
        """Return the generated top module and the library's modules."""
        return {
            f"{self.top}.v": module(self.top, _COMMENT, self.ports(), self.body()),
            "f2f_count.v": emit_count(self.n_pes, WALK_CYCLES),
            "f2f_expand.v": emit_expand(
                self.n_pes,
                self.weight_bits + self.index_bits,
                self.n_pes * (1 + self.wave_bits),
                self.pipeline_cycles + 1,
            ),
            **library_files(MODULES),
        }

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
