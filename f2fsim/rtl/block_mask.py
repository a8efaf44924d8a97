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
from f2fsim.rtl.field_buffer import FieldBuffer
from f2fsim.rtl.fields import puts
from f2fsim.rtl.mask_path import MAX_RATE, MaskPath
from f2fsim.rtl.netlist import MUX, Netlist, Number, adder_levels
from f2fsim.rtl.text import bits_for, instance

BoolArray = NDArray[np.bool_]

#: Bits of the mask stream that come at once.
WORD_BITS = 64

_UNRANK = """\
// f2f_unrank: the {block} mask bits of a word of the block code, at most {max_ones} of them ones
// (combinatorial number system); generated, do not edit.
//
// The number of ones follows from the range that the word lies in. From the top place down, a place
// is one if the rank left is at least C(place, ones left), which is then taken off. The escape word
// gives the raw bits. Results come {registers} cycles later.
/* verilator lint_off UNUSEDSIGNAL */  // what is left at the end
module f2f_unrank (
    input  wire clk,
    input  wire inverted,
    input  wire [{word_top}:0] word,
    input  wire [{top}:0] raw,
    output wire [{top}:0] bits
);
{body}endmodule
/* verilator lint_on UNUSEDSIGNAL */
"""


def emit_unrank(block: int, max_ones: int, width: int, escapes: bool, stages: int) -> str:
    """Return module ``f2f_unrank``, cut into `stages`."""
    net = Netlist("u")
    first = [sum(comb(block, j) for j in range(n)) for n in range(max_ones + 2)]
    escape = net.wire(1, f"word == {width}'d{first[-1]}" if escapes else "1'b0", 2 + width // 2)
    reached = [
        net.wire(1, f"word >= {width}'d{first[n]}", adder_levels(width))
        if n
        else net.wire(1, "1'b1")
        for n in range(max_ones + 1)
    ]
    # left[n]: n ones are left to place.
    left = [
        net.wire(
            1, f"{reached[n]} & ~{reached[n + 1]}" if n < max_ones else f"{reached[n]} & ~{escape}"
        )
        for n in range(max_ones + 1)
    ]
    base = " | ".join(
        f"({{{width}{{{left[n]}}}}} & {width}'d{first[n]})" for n in range(max_ones + 1)
    )
    rank = Number(net.wire(width, f"word - ({base})", 6 + adder_levels(width)), 2**width - 1)
    outputs = {}
    for place in range(block - 1, -1, -1):
        bits = bits_for(max(comb(place + 1, n) for n in range(max_ones + 1)) - 1)
        bits = max(min(bits, rank.bits), 1)
        rank = Number(
            f"{rank.signal}[{bits - 1}:0]" if bits < rank.bits else rank.signal, 2**bits - 1
        )
        known = [n for n in range(1, max_ones + 1) if comb(place, n) < 2**bits]
        terms = [f"({{{bits}{{{left[n]}}}}} & {bits}'d{comb(place, n)})" for n in known]
        some = " | ".join(left[n] for n in known) or "1'b0"
        least = net.wire(bits, " | ".join(terms) or f"{bits}'d0", 6)
        own = net.wire(bits, rank.signal, 0)
        # C(0, n) is 0: what is left lies at place 0.
        compared, wide = adder_levels(bits) + 2, bits + 1
        some = net.wire(1, some, 4)
        rest = net.wire(wide, f"{{1'b0, {own}}} - {{1'b0, {least}}}", compared)
        one = net.wire(1, f"{some} & ~{rest}[{bits}]" if place and known else some)
        bit = net.wire(1, f"(({escape} & raw[{place}]) | {one}) ^ inverted")
        outputs[f"bits[{place}]"] = bit
        chosen = f"{one} ? {rest}[{bits - 1}:0] : {own}"
        rank = Number(net.wire(bits, chosen, MUX), 2**bits - 1)
        left = [
            net.wire(
                1,
                f"({one} & {left[n + 1]}) | (~{one} & {left[n]})"
                if n < max_ones
                else f"~{one} & {left[n]}",
            )
            for n in range(max_ones + 1)
        ]
    inputs = {"word": width, "raw": block}
    return _UNRANK.format(
        block=block,
        max_ones=max_ones,
        registers=stages - 1,
        word_top=width - 1,
        top=block - 1,
        body=net.staged(inputs, outputs, stages),
    )


@dataclass(frozen=True)
class BlockMaskPath(MaskPath):
    """The block code, up to `rate` words a cycle.

    `block`, `max_ones` and `escapes` are fixed in hardware: a layer in another code of this kind
    needs another unit.  `stages` are those of the unranking.
    """

    code: ClassVar[str] = "block"
    block: int = 16
    max_ones: int = 2
    escapes: int = 1
    inverted: int = 0
    rate: int = 1
    stages: int = 9

    def problems(self) -> list[str]:
        """Return what is out of range."""
        found = []
        if not 1 <= self.rate <= MAX_RATE:
            found.append(f"mask_rate must be 1 to {MAX_RATE}, got {self.rate}")
        return found

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
        """Mask bits that wait for their block to be whole, those under way included."""
        return self.n + (1 + self.stages) * self.rate * self.block

    @property
    def words(self) -> FieldBuffer:
        """The buffer of the stream."""
        return FieldBuffer(1, self.bit_fifo, WORD_BITS, self._widest)

    @property
    def bits(self) -> FieldBuffer:
        """The buffer of mask bits, which are unranked on their way into it."""
        return FieldBuffer(1, self.made_fifo, self.rate * self.block, self.n, self.stages)

    @property
    def modules(self) -> tuple[str, ...]:
        """Bit buffers, words to bits, bits to masks."""
        return (*self.words.modules, "f2f_any", "f2f_mask_blocks", "f2f_mask_cut")

    def generated(self) -> dict[str, str]:
        """Return the unranking network."""
        text = emit_unrank(
            self.block, self.max_ones, self.word_bits, bool(self.escapes), self.stages
        )
        return {"f2f_unrank.v": text}

    def _sizes(self) -> dict[str, dict[str, int]]:
        made = bits_for(self.rate * self.block)
        blocks = {"RATE": self.rate, "WORD": self.word_bits, "BLOCK": self.block}
        blocks |= {"ESCAPES": int(bool(self.escapes))}
        blocks |= {"COUNT": self.words.count_bits, "MADE": made}
        cut = {"N_OUT": self.n, "COUNT": self.bits.count_bits, "PLACE": self.place_bits}
        return {"f2f_mask_blocks": blocks, "f2f_mask_cut": cut}

    def ports(self) -> list[str]:
        """Return ports of the bit stream, its end, and the code's inversion."""
        return [
            *("input  wire in_mask_valid", "output wire in_mask_ready"),
            f"input  wire [{self.words.count_bits - 1}:0] in_mask_n",
            f"input  wire [{WORD_BITS - 1}:0] in_mask",
            "input  wire mask_ended",
            f"input  wire [{self.place_bits - 1}:0] n_used",
        ]

    def text(self) -> str:
        """Return buffers and units."""
        sizes, words, bits = self._sizes(), self.words, self.bits
        ones = sum(comb(self.block, j) for j in range(self.max_ones + 1)) * bool(self.escapes)
        n_made, part, rate = (
            bits_for(self.rate * self.block),
            self.word_bits + self.block,
            self.rate,
        )
        under_way = f" & ~(|bits_of_mask_way[{self.stages - 1}:1])" if self.stages > 1 else ""
        missing = bits.count_bits - bits_for(self.rate * self.block)
        return (
            words.wires("words")
            + bits.wires("bits_of_mask")
            + "    wire cut_words_valid, cut_words_ready;\n"
            f"    wire [{n_made - 1}:0] n_cut_words;\n"
            f"    wire [{bits.count_bits - 1}:0] cut_words_n = {{{missing}'d0, n_cut_words}};\n"
            f"    wire [{rate * part - 1}:0] cut_words;\n"
            f"    wire [{rate * self.block - 1}:0] unranked;\n"
            "    wire all_made = mask_ended & ~cut_words_valid & ~(|words_visible)\n"
            f"       {under_way};\n"
            + words.text("in_mask", "words")
            + instance(
                "f2f_mask_blocks",
                "cut_blocks",
                sizes["f2f_mask_blocks"],
                [
                    *("clk", "rst", "ended=mask_ended", "out_count=n_cut_words"),
                    f"escape_word={self.word_bits}'d{ones}",
                    *(f"{e}=words_{e}" for e in ("visible", "window", "take", "fire")),
                    *(f"out_{e}=cut_words_{e}" for e in ("valid", "ready")),
                    "out_data=cut_words",
                ],
            )
            + "".join(
                f"    f2f_unrank unrank_{j} (\n        .clk(clk), .inverted(1'b{self.inverted}),"
                f" .word(cut_words[{j * part} +: {self.word_bits}]),\n"
                f"        .raw(cut_words[{j * part + self.word_bits} +: {self.block}]),"
                f" .bits(unranked[{j * self.block} +: {self.block}])\n    );\n"
                for j in range(rate)
            )
            + bits.text("cut_words", "bits_of_mask", "unranked")
            + instance(
                "f2f_mask_cut",
                "mask_unit",
                sizes["f2f_mask_cut"],
                [
                    *("clk", "rst", "size=n_used", "ended=all_made", "out_data=made"),
                    *(f"{e}=bits_of_mask_{e}" for e in ("visible", "window", "take", "fire")),
                    *(f"out_{end}=made_{end}" for end in ("valid", "ready")),
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
        rows = padded.reshape(-1, WORD_BITS)
        return Source("mask", rows, moves, self.words.count_bits, has_end=True)

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
        machine.channel("mask bits", self.made_fifo, self.bits.latency)
        machine.unit(
            "unranking", words.size, {"mask words": taken}, {"mask bits": words * self.block}
        )
        each = np.full(mask.shape[0], n_used, dtype=np.int64)
        each[-1] += bits.size * self.block - int(each.sum())
        # The last mask takes what is left of the last word too.
        machine.unit("mask unit", each.size, {"mask bits": each}, dict.fromkeys(made, ONE))

    def units(self) -> tuple[Unit, ...]:
        """Return buffers and units."""
        sizes = {name: tuple(of_name.items()) for name, of_name in self._sizes().items()}
        unranked = {"BLOCK": self.block, "ONES": self.max_ones, "WORD": self.word_bits}
        unranked["STAGES"] = self.stages
        return (
            self.words.unit("mask unit"),
            Unit("mask unit", "f2f_mask_blocks", sizes["f2f_mask_blocks"]),
            Unit("mask unit", "f2f_unrank", (), self.rate, tuple(unranked.items())),
            self.bits.unit("mask unit"),
            Unit("mask unit", "f2f_mask_cut", sizes["f2f_mask_cut"]),
        )
