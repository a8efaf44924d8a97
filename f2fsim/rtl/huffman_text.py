"""The generated top module of the Huffman front end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from f2fsim.rtl.dealing import Dealing
from f2fsim.rtl.field_buffer import FieldBuffer
from f2fsim.rtl.mask_path import MaskPath
from f2fsim.rtl.text import bits_for, instance, module, pipe

_COMMENT = """\
f2f_front_end: Huffman front end; generated, do not edit.

Mask code {code}. An output item is {{last of the block, values in use, {lanes} pairs}}, a pair is
{{place, value}}; a place counts from the block's first weight. Stream part_d is that of decoder d;
limits, offsets and contents are the table of the code, paired and base say what a symbol is."""


@dataclass(frozen=True)
class HuffmanText:
    """What the text is made of.

    Attributes
    ----------
    path : MaskPath
    dealing : Dealing
    decoded : FieldBuffer
        The queue behind a decoder, if it may give two weights at once.
    sizes, join_sizes : mapping of str to int
        Parameters of f2f_huffman_decoder and f2f_huffman_join.
    n_late : int
        Registers between joined weights and the queue.
    """

    path: MaskPath
    dealing: Dealing
    decoded: FieldBuffer
    sizes: Mapping[str, int]
    join_sizes: Mapping[str, int]
    n_late: int

    def module(self, top: str) -> str:
        """Return the module."""
        n, lanes, width = self.path.n, self.dealing.lanes, self.dealing.weight_bits
        count = self.dealing.count_bits
        body = (
            f"    wire made_valid, made_ready;\n    wire [{n - 1}:0] made;\n"
            + self.path.text()
            + f"    wire [{count - 1}:0] value_visible, value_take;\n    wire value_fire;\n"
            f"    wire [{lanes * width - 1}:0] value_window, heads;\n"
            f"    wire [{lanes - 1}:0] heads_valid, heads_ready;\n"
            + "".join(self._decoder(d) for d in range(lanes))
            + instance(
                "f2f_turns",
                "turns",
                {"LOG_N": bits_for(lanes - 1), "WIDTH": width, "COUNT": count},
                [
                    *("clk", "rst", "in_valid=heads_valid", "in_ready=heads_ready"),
                    "in_data=heads",
                    *(f"{end}=value_{end}" for end in ("visible", "window", "take", "fire")),
                ],
            )
            + self.dealing.text("value_window", "value")
        )
        comment = _COMMENT.format(code=self.path.code, lanes=lanes)
        return module(top, comment, self._ports(), body)

    def _ports(self) -> list[str]:
        sizes = self.sizes
        symbol = sizes["SYMBOL"]
        ports = [
            *self.path.ports(),
            *("input  wire paired", f"input  wire [{symbol - 1}:0] base"),
            f"input  wire [{sizes['LIMITS'] - 1}:0] limits",
            f"input  wire [{sizes['LENGTH'] * symbol - 1}:0] offsets",
            f"input  wire [{(symbol << symbol) - 1}:0] contents",
        ]
        for d in range(self.dealing.lanes):
            ports += [
                *(f"input  wire in_part_{d}_valid", f"output wire in_part_{d}_ready"),
                f"input  wire [{sizes['COUNT'] - 1}:0] in_part_{d}_n",
                f"input  wire [{sizes['WORD'] - 1}:0] in_part_{d}",
            ]
        out = f"output wire [{self.dealing.item_bits - 1}:0] out"
        return [*ports, "output wire out_valid", "input  wire out_ready", out]

    def _decoder(self, d: int) -> str:
        """Return decoder, memory and queue number `d`."""
        symbol, rests = self.sizes["SYMBOL"], self.sizes["RESTS"]
        n_weights = 1 + self.sizes["PAIRS"]
        width = self.dealing.weight_bits
        late = n_weights * width
        name = f"code_{d}"
        text = (
            f"    wire {name}_valid, {name}_ready;\n"
            f"    wire [{symbol - 1}:0] place_{d}, symbol_{d};\n"
            f"    wire [{rests - 1}:0] rests_{d};\n    wire [{late - 1}:0] weights_{d};\n"
            + instance(
                "f2f_huffman_decoder",
                f"decoder_{d}",
                self.sizes,
                [
                    *("clk", "rst", "paired", "limits", "offsets"),
                    *(f"in_{end}=in_part_{d}_{end}" for end in ("valid", "ready")),
                    *(f"in_count=in_part_{d}_n", f"in_data=in_part_{d}"),
                    *(f"out_{end}={name}_{end}" for end in ("valid", "ready")),
                    *(f"place=place_{d}", f"rests=rests_{d}"),
                ],
            )
            + instance(
                "f2f_symbols",
                f"symbols_{d}",
                {"SYMBOL": symbol},
                ["clk", "contents", f"place=place_{d}", f"symbol=symbol_{d}"],
            )
            + instance(
                "f2f_huffman_join",
                f"join_{d}",
                self.join_sizes,
                [
                    *("clk", "paired", "base", f"symbol=symbol_{d}", f"rests=rests_{d}"),
                    f"weights=weights_{d}",
                ],
            )
        )
        found, data = self._registers(d, late)
        return text + found + self._queue(d, data)

    def _registers(self, d: int, width: int) -> tuple[str, str]:
        """Return the line of registers behind the joined weights, and what it gives."""
        names = [f"weights_{d}", *(f"weights_{d}_q{i}" for i in range(1, self.n_late + 1))]
        text = "".join(
            f"    reg [{width - 1}:0] {new};\n    always @(posedge clk) {new} <= {old};\n"
            for old, new in pairwise(names)
        )
        return text, names[-1]

    def _queue(self, d: int, data: str) -> str:
        """Return the queue of decoded weights."""
        width, name = self.dealing.weight_bits, f"queue_{d}"
        at = f"{d * width} +: {width}"
        if not self.sizes["PAIRS"]:
            depth, latency = self.decoded.depth, self.decoded.latency
            text = (
                f"    wire {name}_valid, {name}_ready;\n    wire [{width - 1}:0] {name};\n"
                f"    assign {name}_ready = heads_ready[{d}];\n"
                f"    assign heads_valid[{d}] = {name}_valid;\n"
                f"    assign heads[{at}] = {name};\n"
            )
            return text + pipe(f"pipe_{d}", width, depth, latency, f"code_{d}", data, name)
        count = self.decoded.count_bits
        return (
            f"    wire [{count - 1}:0] code_{d}_n = paired ? {count}'d2 : {count}'d1;\n"
            + self.decoded.wires(name)
            + f"    assign {name}_take = {count}'d1;\n"
            f"    assign {name}_fire = heads_ready[{d}];\n"
            f"    assign heads_valid[{d}] = ({name}_visible != {count}'d0);\n"
            f"    assign heads[{at}] = {name}_window;\n"
            + self.decoded.text(f"code_{d}", name, data)
        )
