"""Verilog of the N:M front end: slots of groups with their places, a step a cycle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from f2fsim.rtl.bench import Bench, Sink, Source, bit_rows
from f2fsim.rtl.cycles import ONE, DeviceMachine, Gaps
from f2fsim.rtl.device import Device, Unit, check_sizes
from f2fsim.rtl.text import bits_for, channel, instance, library_files, module

IntArray = NDArray[np.int64]

_COMMENT = """\
f2f_front_end: {n}:{m} front end; generated, do not edit.

An output item is a step of {groups} groups: {slots} pairs {{place in the step, value}}."""


@dataclass(frozen=True, eq=False)
class NmVectors:
    """Places in their groups and values of all slots, ``[n_groups, n]``."""

    places: IntArray
    values: IntArray


@dataclass(frozen=True)
class NmDevice(Device[NmVectors]):
    """An N:M front end.

    Attributes
    ----------
    n, m, groups : int
        Slots and places of a group; groups a cycle.
    weight_bits : int
        Bits of a value.
    step_fifo, out_fifo : int
        Steps that wait at the decoder and behind it (pipeline included).
    pipeline_cycles : int
        Latency of the steps.
    """

    top: ClassVar[str] = "f2f_front_end"
    n: int
    m: int
    groups: int
    weight_bits: int = 8
    step_fifo: int = 2
    out_fifo: int = 9
    pipeline_cycles: int = 2

    def __post_init__(self) -> None:
        problems = []
        if not 1 <= self.n <= self.m or self.m < 2:
            problems.append(f"n must be 1 to m and m at least 2, got {self.n}:{self.m}")
        if self.groups < 1 or self.step_fifo < 1:
            problems.append("groups and step_fifo must be at least 1")
        check_sizes("nm", problems)

    def decoder_parameters(self) -> dict[str, int]:
        """Return the parameters of f2f_nm_decoder."""
        return {
            "GROUPS": self.groups,
            "SLOTS": self.n,
            "SPAN": self.m,
            "INDEX": bits_for(self.m - 1),
            "PLACE": bits_for(self.groups * self.m - 1),
            "WEIGHT": self.weight_bits,
        }

    def files(self) -> dict[str, str]:
        """Return the generated top module and the library's modules."""
        slots, sizes = self.groups * self.n, self.decoder_parameters()
        widths = {"index": slots * sizes["INDEX"], "weight": slots * self.weight_bits}
        item = slots * (sizes["PLACE"] + self.weight_bits)
        ports, body = [], ""
        for name, width in widths.items():
            ports += [f"input  wire in_{name}_valid", f"output wire in_{name}_ready"]
            ports.append(f"input  wire [{width - 1}:0] in_{name}")
            body += f"    wire {name}_valid, {name}_ready;\n    wire [{width - 1}:0] {name};\n"
            body += channel(f"{name}_steps", width, self.step_fifo, 1, f"in_{name}", name)
        ports += [
            "output wire out_valid",
            "input  wire out_ready",
            f"output wire [{item - 1}:0] out",
        ]
        body += f"    wire made_valid, made_ready;\n    wire [{item - 1}:0] made;\n"
        body += instance(
            "f2f_nm_decoder",
            "decoder",
            sizes,
            [
                *("clk", "rst", "index_data=index", "weight_data=weight", "out_data=made"),
                *(f"{name}_{end}" for name in widths for end in ("valid", "ready")),
                *(f"out_{end}=made_{end}" for end in ("valid", "ready")),
            ],
        )
        body += channel("results", item, self.out_fifo, self.pipeline_cycles, "made", "out")
        comment = _COMMENT.format(n=self.n, m=self.m, groups=self.groups, slots=slots)
        return {
            f"{self.top}.v": module(self.top, comment, ports, body),
            **library_files(("f2f_channel", "f2f_nm_decoder")),
        }

    def bench(self, vectors: NmVectors, gaps: Gaps) -> Bench:
        """Return the bench: places of all slots, step by step."""
        n_steps = -(-vectors.places.shape[0] // self.groups)

        def steps(values: IntArray) -> IntArray:
            padded = np.zeros((n_steps * self.groups, self.n), dtype=np.int64)
            padded[: values.shape[0]] = values
            return padded.reshape(n_steps, self.groups * self.n)

        places, values = steps(vectors.places), steps(vectors.values)
        base = np.repeat(np.arange(self.groups) * self.m, self.n)
        sizes = self.decoder_parameters()
        machine = DeviceMachine(gaps)
        for name in ("index", "weight"):
            machine.channel(name, self.step_fifo)
            machine.source(name, {name: ONE}, n_steps)
        machine.channel("results", self.out_fifo, self.pipeline_cycles)
        machine.unit("index decoder", n_steps, {"index": ONE, "weight": ONE}, {"results": ONE})
        machine.sink("out", {"results": ONE}, n_steps)
        pairs = ((places + base) << self.weight_bits) | values
        return Bench(
            self.top,
            self.files(),
            {},
            (
                Source("index", bit_rows(places, sizes["INDEX"])),
                Source("weight", bit_rows(values, self.weight_bits)),
            ),
            (Sink("out", bit_rows(pairs, sizes["PLACE"] + self.weight_bits)),),
            machine.build(),
            items="steps",
        )

    def units(self) -> tuple[Unit, ...]:
        """Return the index decoder."""
        return (Unit("index decoder", "f2f_nm_decoder", tuple(self.decoder_parameters().items())),)
