"""Verilog of the run-length front end: zero runs summed up to places, so many entries a cycle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from f2fsim.rtl.bench import Bench, Sink, Source, bit_rows, field_rows
from f2fsim.rtl.cycles import DeviceMachine, Gaps
from f2fsim.rtl.device import Device, Unit, check_sizes
from f2fsim.rtl.field_buffer import FieldBuffer
from f2fsim.rtl.fields import puts
from f2fsim.rtl.netlist import Netlist, Number, adder_levels, cut, prefix_sums, widen
from f2fsim.rtl.text import bits_for, instance, library_files, module, pipe

IntArray = NDArray[np.int64]

_COMMENT = """\
f2f_front_end: run-length front end; generated, do not edit.

An output item is a step: {{entries in use, place of its first weight, {n} pairs}}, a pair is
{{offset from there, value}}."""

#: Handshake, word and sink of the channel behind the decoder.
_MADE = ("made", "made", "out")

_OFFSETS = """\
// f2f_offsets: where {n} entries lie, counted from the first weight that they cover, and how many
// weights they cover: prefix sums of run + 1; generated, do not edit. Results come {registers}
// cycles later, the first of them when `enable` is high; `beside` comes along.
/* verilator lint_off UNUSEDSIGNAL */  // top bits that no run reaches
module f2f_offsets (
    input  wire clk,
    input  wire enable,
    input  wire [{runs_top}:0] runs,
    input  wire [{beside_top}:0] beside,
    output wire [{offsets_top}:0] offsets,
    output wire [{offset_bits}:0] covered,
    output wire [{beside_top}:0] late
);
{body}endmodule
/* verilator lint_on UNUSEDSIGNAL */
"""


def emit_offsets(n: int, run_bits: int, beside: int, stages: int) -> str:
    """Return module ``f2f_offsets``, cut into `stages`; `beside` bits come along."""
    net, bits = Netlist("o"), bits_for(n * 2**run_bits - 1)
    runs = [
        Number(f"runs[{i * run_bits + run_bits - 1}:{i * run_bits}]", 2**run_bits - 1)
        for i in range(n)
    ]
    outputs = {"late": "beside"}
    sums = prefix_sums(net, runs)
    for i, found in enumerate(sums):
        at = net.wire(bits, f"{cut(found, 0, bits)} + {bits}'d{i}", adder_levels(bits))
        outputs[f"offsets[{i * bits + bits - 1}:{i * bits}]"] = at
    covered = f"{widen(sums[-1], bits + 1)} + {bits + 1}'d{n}"
    outputs["covered"] = net.wire(bits + 1, covered, adder_levels(bits))
    return _OFFSETS.format(
        n=n,
        runs_top=n * run_bits - 1,
        offsets_top=n * bits - 1,
        offset_bits=bits,
        beside_top=beside - 1,
        registers=stages - 1,
        body=net.staged({"runs": n * run_bits, "beside": beside}, outputs, stages, "enable"),
    )


@dataclass(frozen=True, eq=False)
class RunLengthVectors:
    """Runs and values of a layer's entries, padding included."""

    runs: IntArray
    values: IntArray


@dataclass(frozen=True)
class RunLengthDevice(Device[RunLengthVectors]):
    """A run-length front end.

    Attributes
    ----------
    entries : int
        Run-value pairs a cycle.
    run_bits, weight_bits, place_bits : int
        Widths of a run, a value and a place in the tensor.
    entry_fifo, out_fifo : int
        Entries that wait, steps behind the decoder (pipeline included).
    pipeline_cycles : int
        Latency of the steps.
    """

    top: ClassVar[str] = "f2f_front_end"
    entries: int
    run_bits: int
    place_bits: int
    weight_bits: int = 8
    entry_fifo: int = 64
    out_fifo: int = 9
    pipeline_cycles: int = 2

    def __post_init__(self) -> None:
        problems = []
        if self.entries < 2:
            problems.append(f"entries must be at least 2, got {self.entries}")
        if self.entry_fifo < 2 * self.entries - 1:
            problems.append(f"entry_fifo must be at least {2 * self.entries - 1}")
        if self.place_bits < self.offset_bits + 2:
            problems.append(f"place_bits must be at least {self.offset_bits + 2}")
        check_sizes("rle", problems)

    @property
    def offset_bits(self) -> int:
        """Bits of a place within a step."""
        return bits_for(self.entries * 2**self.run_bits - 1)

    def decoder_parameters(self) -> dict[str, int]:
        """Return the parameters of f2f_run_decoder."""
        return {
            "ENTRIES": self.entries,
            "RUN": self.run_bits,
            "OFFSET": self.offset_bits,
            "PLACE": self.place_bits,
            "WEIGHT": self.weight_bits,
            "COUNT": self.fields("index").count_bits,
        }

    def fields(self, name: str) -> FieldBuffer:
        """Return the buffer of the stream `name`."""
        width = self.run_bits if name == "index" else self.weight_bits
        return FieldBuffer(width, self.entry_fifo, self.entries, self.entries)

    @property
    def _item_bits(self) -> int:
        pair = self.offset_bits + self.weight_bits
        return self.decoder_parameters()["COUNT"] + self.place_bits + self.entries * pair

    def files(self) -> dict[str, str]:
        """Return the generated top module and the library's modules."""
        comment = _COMMENT.format(n=self.entries)
        names = ("f2f_pipe", *self.fields("index").modules, "f2f_run_decoder")
        beside = self.decoder_parameters()["COUNT"] + self.entries * self.weight_bits
        stages = self.pipeline_cycles + 1
        return {
            f"{self.top}.v": module(self.top, comment, self._ports(), self._body()),
            "f2f_offsets.v": emit_offsets(self.entries, self.run_bits, beside, stages),
            **library_files(names),
        }

    def _ports(self) -> list[str]:
        ports = []
        for name in ("index", "weight"):
            ports += [*self.fields(name).ports(f"in_{name}"), f"input  wire {name}_ended"]
        out = f"output wire [{self._item_bits - 1}:0] out"
        return [*ports, "output wire out_valid", "input  wire out_ready", out]

    def _body(self) -> str:
        text = "".join(
            self.fields(name).wires(name) + self.fields(name).text(f"in_{name}", name)
            for name in ("index", "weight")
        )
        text += (
            "    assign weight_take = index_take;\n    assign weight_fire = index_fire;\n"
            f"    wire made_valid, made_ready;\n    wire [{self._item_bits - 1}:0] made;\n"
        )
        ends = ("visible", "window", "ended")
        text += pipe("results", self._item_bits, self.out_fifo, self.pipeline_cycles, *_MADE)
        return text + instance(
            "f2f_run_decoder",
            "decoder",
            self.decoder_parameters(),
            [
                *("clk", "rst", "take=index_take", "fire=index_fire", "late_data=made"),
                *(f"{name}_{end}" for name in ("index", "weight") for end in ends),
                *(f"out_{end}=made_{end}" for end in ("valid", "ready")),
                f"arrive=results_way[{self.pipeline_cycles - 1}]",
            ],
        )

    def bench(self, vectors: RunLengthVectors, gaps: Gaps) -> Bench:
        """Return the bench: the places of all entries, step by step."""
        moves = puts(vectors.runs.size, self.entries)
        count_bits = self.decoder_parameters()["COUNT"]
        machine = DeviceMachine(gaps)
        for name in ("index", "weight"):
            machine.channel(name, self.entry_fifo)
            machine.source(name, {name: moves}, moves.size)
        machine.channel("results", self.out_fifo, self.pipeline_cycles)
        one = np.ones(moves.size, dtype=np.int64)
        machine.unit("run decoder", moves.size, {"index": moves, "weight": moves}, {"results": one})
        machine.sink("out", {"results": one}, moves.size)
        index = field_rows(vectors.runs, self.run_bits, moves, self.entries)
        weight = field_rows(vectors.values, self.weight_bits, moves, self.entries)
        return Bench(
            self.top,
            self.files(),
            {},
            (
                Source("index", index, moves, count_bits, has_end=True),
                Source("weight", weight, moves, count_bits, has_end=True),
            ),
            (self._steps(vectors, moves),),
            machine.build(),
            items="steps",
        )

    def _steps(self, vectors: RunLengthVectors, moves: IntArray) -> Sink:
        places = np.cumsum(vectors.runs + 1) - 1
        used = np.arange(self.entries) < moves[:, None]
        base = np.zeros(moves.size, dtype=np.int64)
        base[1:] = places[np.cumsum(moves)[:-1] - 1] + 1
        pairs = np.zeros(used.shape, dtype=np.int64)
        offsets = places - np.repeat(base, moves)
        pairs[used] = (offsets << self.weight_bits) | vectors.values
        width = self.offset_bits + self.weight_bits
        head = np.hstack(
            [
                bit_rows(base, self.place_bits),
                bit_rows(moves, self.decoder_parameters()["COUNT"]),
            ]
        )
        rows = np.hstack([bit_rows(pairs, width), head])
        return Sink("out", rows, np.hstack([np.repeat(used, width, axis=1), np.ones_like(head)]))

    def units(self) -> tuple[Unit, ...]:
        """Return run decoder and field buffers."""
        return (
            Unit(
                "run decoder",
                "f2f_run_decoder",
                tuple(self.decoder_parameters().items()),
                1,
                (("STAGES", self.pipeline_cycles + 1),),
            ),
            self.fields("index").unit("run decoder"),
            self.fields("weight").unit("run decoder"),
        )
