"""Verilog of the value decoders at the outputs of an F2F group: codewords to patterns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec.f2f.value_code import MAX_CLASSES, MAX_PREFIX_BITS, ValueCode
from f2fsim.hw.front_ends.value_decoder import VALUE_CYCLES
from f2fsim.rtl.bench import Bench, Sink, Source, bit_rows
from f2fsim.rtl.cycles import ONE, DeviceMachine, Gaps
from f2fsim.rtl.device import Device, Unit, check_sizes
from f2fsim.rtl.text import bits_for, channel, instance, library_files, module, pipe

IntArray = NDArray[np.int64]

MODULES = ("f2f_channel", "f2f_value_decoder", "f2f_value_decode", "f2f_select", "f2f_any")
#: Bits of the start of a class: one more than a window of prefix bits, for classes not in use.
START_BITS = MAX_PREFIX_BITS + 1

_COMMENT = """\
f2f_front_end: value decoders of a group of {n_out} outputs; generated, do not edit.

in_block is {{mask, plane {top} .. plane 0}}, out {{mask, {n_out} patterns}}, those of pruned
weights zero. The table of the code is constant while a layer is decoded."""


@dataclass(frozen=True, eq=False)
class ValueVectors:
    """A code, and blocks: masks and codewords (bit p on plane p), ``[n_blocks, n_out]``."""

    code: ValueCode
    mask: NDArray[np.bool_]
    codewords: NDArray[np.uint32]


@dataclass(frozen=True)
class ValueDevice(Device[ValueVectors]):
    """Value decoders of one group.

    Attributes
    ----------
    n_out, n_planes, weight_bits : int
        Outputs, planes that are built, bits of a pattern.
    block_fifo, out_fifo : int
        Blocks before them and behind them (pipeline included).
    latency : int
        Cycles from a block's service until its patterns can be taken.
    """

    top: ClassVar[str] = "f2f_front_end"
    n_out: int
    n_planes: int
    weight_bits: int
    block_fifo: int = 2
    out_fifo: int = 4
    latency: ClassVar[int] = VALUE_CYCLES

    def __post_init__(self) -> None:
        problems = []
        if not 1 <= self.n_planes <= 32 or not 2 <= self.weight_bits <= 32:
            problems.append("planes must be 1 to 32 and weights 2 to 32 bits")
        check_sizes("value decoder", problems)

    def parameters(self) -> dict[str, int]:
        """Return the parameters of f2f_value_decoder."""
        return {
            "N_OUT": self.n_out,
            "PLANES": self.n_planes,
            "WEIGHT": self.weight_bits,
            "TOP": bits_for(self.n_planes - 1),
            "CLASSES": MAX_CLASSES,
            "SHIFT": bits_for(self.weight_bits),
        }

    def table_bits(self) -> dict[str, int]:
        """Return the bits of the ports of the table."""
        sizes = self.parameters()
        return {
            "starts": START_BITS * MAX_CLASSES,
            "bases": self.weight_bits * MAX_CLASSES,
            "suffixes": self.weight_bits * MAX_CLASSES,
            "top": sizes["TOP"],
            "is_signed": 1,
            "is_float": 1,
            "centre": self.weight_bits,
            "shift": sizes["SHIFT"],
        }

    def files(self) -> dict[str, str]:
        """Return the generated top module and the library's modules."""
        block, item = self.n_out * (self.n_planes + 1), self.n_out * (self.weight_bits + 1)
        ports = [f"input  wire [{bits - 1}:0] {name}" for name, bits in self.table_bits().items()]
        ports += [
            *("input  wire in_block_valid", "output wire in_block_ready"),
            f"input  wire [{block - 1}:0] in_block",
            *("output wire out_valid", "input  wire out_ready"),
            f"output wire [{item - 1}:0] out",
        ]
        body = (
            "    wire block_valid, block_ready, made_valid, made_ready;\n"
            f"    wire [{block - 1}:0] block;\n    wire [{item - 1}:0] made;\n"
            + channel("blocks", block, self.block_fifo, 1, "in_block", "block")
            + self.text("block", "block")
            + pipe("values", item, self.out_fifo, self.latency, "made", "made", "out")
        )
        comment = _COMMENT.format(n_out=self.n_out, top=self.n_planes - 1)
        return {
            f"{self.top}.v": module(self.top, comment, ports, body),
            **library_files(MODULES),
        }

    def text(self, handshake: str, data: str) -> str:
        """Return the decoders between the blocks of a handshake and what is `made`."""
        return instance(
            "f2f_value_decoder",
            "decoder",
            self.parameters(),
            [
                *("clk", "rst", *self.table_bits(), f"in_data={data}", "late_data=made"),
                *(f"in_{end}={handshake}_{end}" for end in ("valid", "ready")),
                *(f"out_{end}=made_{end}" for end in ("valid", "ready")),
            ],
        )

    def add_to(self, machine: DeviceMachine, n_blocks: int, tables: Mapping[str, IntArray]) -> None:
        """Add the decoders, their blocks and their consumer; they take of `tables` too."""
        machine.channel("blocks", self.block_fifo)
        machine.source("block", {"blocks": ONE}, n_blocks)
        machine.channel("values", self.out_fifo, self.latency)
        machine.unit("value decoder", n_blocks, {"blocks": ONE, **tables}, {"values": ONE})
        machine.sink("out", {"values": ONE}, n_blocks)

    def rows(self, vectors: ValueVectors) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return the bits of every block, and those of its patterns and mask."""
        n = vectors.mask.shape[0]
        planes = vectors.codewords[:, None, :] >> np.arange(self.n_planes)[None, :, None] & 1
        blocks = np.hstack([planes.reshape(n, -1).astype(np.bool_), vectors.mask])
        patterns = np.where(vectors.mask, vectors.code.decode(vectors.codewords), 0)
        rows = np.hstack([bit_rows(patterns.astype(np.int64), self.weight_bits), vectors.mask])
        return blocks, rows

    def bench(self, vectors: ValueVectors, gaps: Gaps) -> Bench:
        """Return the bench: every block's patterns."""
        machine = DeviceMachine(gaps)
        self.add_to(machine, vectors.mask.shape[0], {})
        blocks, rows = self.rows(vectors)
        return Bench(
            self.top,
            self.files(),
            {},
            (Source("block", blocks),),
            (Sink("out", rows),),
            machine.build(),
            self._constants(vectors.code),
            items="blocks",
        )

    def _constants(self, code: ValueCode) -> dict[str, tuple[int, int]]:
        classes, prefixes, w = code.classes, code.prefixes, self.weight_bits
        order = sorted(range(len(classes)), key=lambda i: (classes[i].prefix_bits, i))
        unused = 1 << MAX_PREFIX_BITS
        starts = [prefixes[i] << (MAX_PREFIX_BITS - classes[i].prefix_bits) for i in order]
        starts += [unused] * (MAX_CLASSES - len(order))

        def packed(values: list[int], width: int) -> int:
            return sum(value << (i * width) for i, value in enumerate(values))

        fold = code.fold
        values = {
            "starts": packed(starts, START_BITS),
            "bases": packed([classes[i].base for i in order], w),
            "suffixes": packed([(1 << classes[i].suffix_bits) - 1 for i in order], w),
            "top": code.n_planes - 1,
            "is_signed": int(fold.signed),
            "is_float": int(fold.weight_type.is_float),
            "centre": fold.centre << fold.shift,
            "shift": fold.shift,
        }
        return {name: (bits, values[name]) for name, bits in self.table_bits().items()}

    def units(self) -> tuple[Unit, ...]:
        """Return the decoders."""
        return (Unit("value decoder", "f2f_value_decoder", tuple(self.parameters().items())),)
