"""The mask unit of the block code: words unranked to bits, bits cut into masks of blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec.block_code import encode_block, word_bits
from f2fsim.rtl.bench import Source
from f2fsim.rtl.cycles import ONE, DeviceMachine
from f2fsim.rtl.device import Unit
from f2fsim.rtl.fields import puts
from f2fsim.rtl.mask_path import MAX_RATE, MaskPath
from f2fsim.rtl.netlist import Netlist, Number
from f2fsim.rtl.text import bits_for, instance

BoolArray = NDArray[np.bool_]

#: Bits of the mask stream that come at once.
WORD_BITS = 64

_UNRANK = """\
// f2f_unrank: the {block} mask bits of a word of the block code, at most {max_ones} of them ones
// (combinatorial number system); generated, do not edit.
//
// The number of ones follows from the range that the word lies in. From the top place down, a place
// is one if the rank left is at least C(place, ones left), which is then taken off.
/* verilator lint_off UNUSEDSIGNAL */  // what is left at the end
module f2f_unrank (
    input  wire [{word_top}:0] word,
    output wire escape,
    output wire [{top}:0] bits
);
{body}endmodule
/* verilator lint_on UNUSEDSIGNAL */
"""


def emit_unrank(block: int, max_ones: int, width: int, escapes: bool) -> str:
    """Return module ``f2f_unrank``."""
    net = Netlist("u")
    first = [sum(comb(block, j) for j in range(n)) for n in range(max_ones + 2)]
    reached = [
        net.wire(1, f"word >= {width}'d{first[n]}") if n else net.wire(1, "1'b1")
        for n in range(max_ones + 1)
    ]
    # left[n]: n ones are left to place.
    left = [
        net.wire(1, f"{reached[n]} & ~{reached[n + 1]}" if n < max_ones else reached[n])
        for n in range(max_ones + 1)
    ]
    base = " | ".join(
        f"({{{width}{{{left[n]}}}}} & {width}'d{first[n]})" for n in range(max_ones + 1)
    )
    rank = Number(net.wire(width, f"word - ({base})"), 2**width - 1)
    lines = []
    for place in range(block - 1, -1, -1):
        bits = bits_for(max(comb(place + 1, n) for n in range(max_ones + 1)) - 1)
        bits = max(min(bits, rank.bits), 1)
        rank = Number(
            f"{rank.signal}[{bits - 1}:0]" if bits < rank.bits else rank.signal, 2**bits - 1
        )
        known = [n for n in range(1, max_ones + 1) if comb(place, n) < 2**bits]
        terms = [f"({{{bits}{{{left[n]}}}}} & {bits}'d{comb(place, n)})" for n in known]
        some = " | ".join(left[n] for n in known) or "1'b0"
        least = net.wire(bits, " | ".join(terms) or f"{bits}'d0")
        own = net.wire(bits, rank.signal)
        # C(0, n) is 0: what is left lies at place 0.
        one = net.wire(1, f"({some}) & ({own} >= {least})" if place and known else some)
        lines.append(f"    assign bits[{place}] = {one};\n")
        rank = Number(net.wire(bits, f"{own} - ({{{bits}{{{one}}}}} & {least})"), 2**bits - 1)
        left = [
            net.wire(
                1,
                f"({one} & {left[n + 1]}) | (~{one} & {left[n]})"
                if n < max_ones
                else f"~{one} & {left[n]}",
            )
            for n in range(max_ones + 1)
        ]
    escape = f"word == {width}'d{first[-1]}" if escapes else "1'b0"
    return _UNRANK.format(
        block=block,
        max_ones=max_ones,
        word_top=width - 1,
        top=block - 1,
        body=net.text() + "".join(lines) + f"    assign escape = {escape};\n",
    )


@dataclass(frozen=True)
class BlockMaskPath(MaskPath):
    """The block code, up to `rate` words a cycle.

    `block`, `max_ones` and `escapes` are fixed in hardware: a layer in another code of this kind
    needs another unit.  `inverted` is an input.
    """

    code: ClassVar[str] = "block"
    block: int = 16
    max_ones: int = 2
    escapes: int = 1
    inverted: int = 0
    rate: int = 1

    def problems(self) -> list[str]:
        """Return what is out of range."""
        found = []
        if not 1 <= self.rate <= MAX_RATE:
            found.append(f"mask_rate must be 1 to {MAX_RATE}, got {self.rate}")
        return found

    @property
    def place_bits(self) -> int:
        """Bits of 0 … n."""
        return bits_for(self.n)

    @property
    def word_bits(self) -> int:
        """Bits of a word."""
        return word_bits(self.block, self.max_ones, bool(self.escapes))

    @property
    def _widest(self) -> int:
        return self.rate * (self.word_bits + self.block)

    @property
    def bit_fifo(self) -> int:
        """Bits of the stream that wait."""
        return self._widest + WORD_BITS + self.fifo

    @property
    def made_fifo(self) -> int:
        """Mask bits that wait for their block to be whole."""
        return self.n + 2 * self.rate * self.block

    @property
    def modules(self) -> tuple[str, ...]:
        """Bit buffers, words to bits, bits to masks."""
        return ("f2f_fields", "f2f_mask_blocks", "f2f_mask_cut")

    def generated(self) -> dict[str, str]:
        """Return the unranking network."""
        text = emit_unrank(self.block, self.max_ones, self.word_bits, bool(self.escapes))
        return {"f2f_unrank.v": text}

    def _sizes(self) -> dict[str, dict[str, int]]:
        made = self.rate * self.block
        bits = {"WIDTH": 1, "DEPTH": self.bit_fifo, "WRITE": WORD_BITS, "READ": self._widest}
        bits["COUNT"] = bits_for(self.bit_fifo + WORD_BITS)
        kept = {"WIDTH": 1, "DEPTH": self.made_fifo, "WRITE": made, "READ": self.n}
        kept["COUNT"] = bits_for(self.made_fifo + made)
        blocks = {"RATE": self.rate, "WORD": self.word_bits, "BLOCK": self.block}
        blocks |= {"COUNT": bits["COUNT"], "TAKEN": bits_for(self._widest), "MADE": bits_for(made)}
        cut = {"N_OUT": self.n, "COUNT": kept["COUNT"], "PLACE": self.place_bits}
        return {"bits": bits, "made": kept, "blocks": blocks, "cut": cut}

    def ports(self) -> list[str]:
        """Return ports of the bit stream, its end, and the code's inversion."""
        return [
            *("input  wire in_mask_valid", "output wire in_mask_ready"),
            f"input  wire [{self._sizes()['bits']['COUNT'] - 1}:0] in_mask_n",
            f"input  wire [{WORD_BITS - 1}:0] in_mask",
            "input  wire mask_ended",
            f"input  wire [{self.place_bits - 1}:0] n_used",
        ]

    def text(self) -> str:
        """Return buffers and units."""
        sizes = self._sizes()
        count, made = sizes["bits"]["COUNT"], sizes["made"]["COUNT"]
        n_made, widest = sizes["blocks"]["MADE"], self._widest
        ends = ("valid", "ready")
        return (
            f"    wire [{count - 1}:0] word_visible, word_take;\n"
            f"    wire [{widest - 1}:0] word_window;\n"
            f"    wire unranked_valid, unranked_ready;\n    wire [{n_made - 1}:0] unranked_n;\n"
            f"    wire [{self.rate * self.block - 1}:0] unranked;\n"
            f"    wire [{made - 1}:0] bits_of_mask_visible, bits_of_mask_take;\n"
            f"    wire [{self.n - 1}:0] bits_of_mask;\n"
            "    wire all_made = mask_ended & ~unranked_valid & ~(|word_visible);\n"
            + instance(
                "f2f_fields",
                "mask_words",
                sizes["bits"],
                [
                    *("clk", "rst", "in_count=in_mask_n", "in_data=in_mask"),
                    *(f"in_{end}=in_mask_{end}" for end in ends),
                    *("visible=word_visible", "window=word_window", "take=word_take"),
                ],
            )
            + instance(
                "f2f_mask_blocks",
                "unranks",
                sizes["blocks"],
                [
                    *("clk", "rst", f"inverted=1'b{self.inverted}", "ended=mask_ended"),
                    *("visible=word_visible", "window=word_window", "take=word_take"),
                    *(f"out_{end}=unranked_{end}" for end in ends),
                    *("out_count=unranked_n", "out_data=unranked"),
                ],
            )
            + instance(
                "f2f_fields",
                "mask_bits",
                sizes["made"],
                [
                    *("clk", "rst", f"in_count={{{made - n_made}'d0, unranked_n}}"),
                    *("in_data=unranked", *(f"in_{end}=unranked_{end}" for end in ends)),
                    *("visible=bits_of_mask_visible", "window=bits_of_mask"),
                    "take=bits_of_mask_take",
                ],
            )
            + instance(
                "f2f_mask_cut",
                "mask_unit",
                sizes["cut"],
                [
                    *("clk", "rst", "size=n_used", "ended=all_made"),
                    *("visible=bits_of_mask_visible", "window=bits_of_mask"),
                    *("take=bits_of_mask_take", "out_data=made"),
                    *(f"out_{end}=made_{end}" for end in ends),
                ],
            )
        )

    def _encoded(self, mask: BoolArray, n_used: int) -> tuple[BoolArray, NDArray[np.int64]]:
        """Return the stream's bits, and the bits of each code block."""
        params = {"block": self.block, "max_ones": self.max_ones}
        params |= {"inverted": self.inverted, "escapes": self.escapes}
        stream, bits, _ = encode_block(mask[:, :n_used].reshape(-1), params)
        flat = np.unpackbits(stream.data, bitorder="little", count=stream.n_bits)
        return flat.astype(np.bool_), bits.astype(np.int64)

    def source(self, mask: BoolArray, n_used: int) -> Source:
        """Return puts of the stream's bits."""
        flat, _ = self._encoded(mask, n_used)
        moves = puts(flat.size, WORD_BITS)
        padded = np.zeros(moves.size * WORD_BITS, dtype=np.bool_)
        padded[: flat.size] = flat
        count = self._sizes()["bits"]["COUNT"]
        return Source("mask", padded.reshape(-1, WORD_BITS), moves, count, has_end=True)

    def add(
        self, machine: DeviceMachine, mask: BoolArray, n_used: int, made: Sequence[str]
    ) -> None:
        """Add words to bits, `rate` words a cycle, and bits to masks, one a cycle."""
        flat, bits = self._encoded(mask, n_used)
        machine.channel("mask words", self.bit_fifo)
        moves = puts(flat.size, WORD_BITS)
        machine.source("mask", {"mask words": moves}, moves.size)
        words = puts(bits.size, self.rate)
        taken = np.add.reduceat(bits, np.cumsum(words) - words)
        machine.channel("mask bits", self.made_fifo)
        machine.unit(
            "unranking", words.size, {"mask words": taken}, {"mask bits": words * self.block}
        )
        each = np.full(mask.shape[0], n_used, dtype=np.int64)
        each[-1] += bits.size * self.block - int(each.sum())
        # The last mask takes what is left of the last word too.
        machine.unit("mask unit", each.size, {"mask bits": each}, dict.fromkeys(made, ONE))

    def units(self) -> tuple[Unit, ...]:
        """Return buffers and units."""
        names = ("f2f_fields", "f2f_mask_blocks", "f2f_fields", "f2f_mask_cut")
        keys = ("bits", "blocks", "made", "cut")
        sizes = self._sizes()
        return tuple(
            Unit("mask unit", name, tuple(sizes[key].items()))
            for name, key in zip(names, keys, strict=True)
        )
