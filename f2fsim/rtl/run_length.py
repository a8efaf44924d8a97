"""Verilog of the run-length front end: zero runs summed up to places, so many entries a cycle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from f2fsim.rtl.bench import Bench, Sink, Source, bit_rows, field_rows
from f2fsim.rtl.cycles import DeviceMachine, Gaps
from f2fsim.rtl.device import Device, Unit, check_sizes
from f2fsim.rtl.fields import puts
from f2fsim.rtl.netlist import Netlist, Number, prefix_sums, widen
from f2fsim.rtl.text import bits_for, channel, instance, library_files, module

IntArray = NDArray[np.int64]

_COMMENT = """\
f2f_front_end: run-length front end; generated, do not edit.

An output item is a step: {{entries in use, place of its first weight, {n} pairs}}, a pair is
{{offset from there, value}}."""

_OFFSETS = """\
// f2f_offsets: where {n} entries lie, counted from the first weight that they cover, and how many
// weights they cover: prefix sums of run + 1; generated, do not edit.
/* verilator lint_off UNUSEDSIGNAL */  // top bits that no run reaches
module f2f_offsets (
    input  wire [{runs_top}:0] runs,
    output wire [{offsets_top}:0] offsets,
    output wire [{offset_bits}:0] covered
);
{body}endmodule
/* verilator lint_on UNUSEDSIGNAL */
"""


def emit_offsets(n: int, run_bits: int) -> str:
    """Return module ``f2f_offsets``."""
    net, bits = Netlist("o"), bits_for(n * 2**run_bits - 1)
    runs = [
        Number(f"runs[{i * run_bits + run_bits - 1}:{i * run_bits}]", 2**run_bits - 1)
        for i in range(n)
    ]
    sums = prefix_sums(net, runs)
    lines = []
    for i, found in enumerate(sums):
        at = net.wire(bits + 1, f"{widen(found, bits + 1)} + {bits + 1}'d{i}")
        lines.append(
            f"    assign offsets[{i * bits + bits - 1}:{i * bits}] = {at}[{bits - 1}:0];\n"
        )
    lines.append(f"    assign covered = {widen(sums[-1], bits + 1)} + {bits + 1}'d{n};\n")
    return _OFFSETS.format(
        n=n,
        runs_top=n * run_bits - 1,
        offsets_top=n * bits - 1,
        offset_bits=bits,
        body=net.text() + "".join(lines),
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
            "COUNT": bits_for(self.entry_fifo + self.entries),
        }

    @property
    def _item_bits(self) -> int:
        pair = self.offset_bits + self.weight_bits
        return self.decoder_parameters()["COUNT"] + self.place_bits + self.entries * pair

    def files(self) -> dict[str, str]:
        """Return the generated top module and the library's modules."""
        comment = _COMMENT.format(n=self.entries)
        names = ("f2f_channel", "f2f_fields", "f2f_run_decoder")
        return {
            f"{self.top}.v": module(self.top, comment, self._ports(), self._body()),
            "f2f_offsets.v": emit_offsets(self.entries, self.run_bits),
            **library_files(names),
        }

    def _ports(self) -> list[str]:
        count, ports = self.decoder_parameters()["COUNT"], []
        for name, width in (("index", self.run_bits), ("weight", self.weight_bits)):
            ports += [f"input  wire in_{name}_valid", f"output wire in_{name}_ready"]
            ports += [f"input  wire {name}_ended", f"input  wire [{count - 1}:0] in_{name}_n"]
            ports.append(f"input  wire [{self.entries * width - 1}:0] in_{name}")
        out = f"output wire [{self._item_bits - 1}:0] out"
        return [*ports, "output wire out_valid", "input  wire out_ready", out]

    def _body(self) -> str:
        e, count = self.entries, self.decoder_parameters()["COUNT"]
        text = f"    wire [{count - 1}:0] take, index_visible, weight_visible;\n"
        for name, width in (("index", self.run_bits), ("weight", self.weight_bits)):
            text += f"    wire [{e * width - 1}:0] {name}_window;\n" + instance(
                "f2f_fields",
                f"{name}_fields",
                {"WIDTH": width, "DEPTH": self.entry_fifo, "WRITE": e, "READ": e, "COUNT": count},
                [
                    *("clk", "rst", "take", f"in_count=in_{name}_n", f"in_data=in_{name}"),
                    *(f"in_{end}=in_{name}_{end}" for end in ("valid", "ready")),
                    *(f"{end}={name}_{end}" for end in ("visible", "window")),
                ],
            )
        text += f"    wire made_valid, made_ready;\n    wire [{self._item_bits - 1}:0] made;\n"
        ends = ("visible", "window", "ended")
        text += instance(
            "f2f_run_decoder",
            "decoder",
            self.decoder_parameters(),
            [
                *("clk", "rst", "take", "out_data=made"),
                *(f"{name}_{end}" for name in ("index", "weight") for end in ends),
                *(f"out_{end}=made_{end}" for end in ("valid", "ready")),
            ],
        )
        return text + channel(
            "results", self._item_bits, self.out_fifo, self.pipeline_cycles, "made", "out"
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
        fields = {"DEPTH": self.entry_fifo, "WRITE": self.entries, "READ": self.entries}
        fields["COUNT"] = self.decoder_parameters()["COUNT"]
        return (
            Unit("run decoder", "f2f_run_decoder", tuple(self.decoder_parameters().items())),
            Unit("run decoder", "f2f_fields", (("WIDTH", self.run_bits), *fields.items())),
            Unit("run decoder", "f2f_fields", (("WIDTH", self.weight_bits), *fields.items())),
        )
