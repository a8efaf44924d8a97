"""Verilog of the Huffman front end: mask unit, decoders out of step, prefix sum and aligner.

::

    mask stream ─▶ mask unit ─▶ masks with their counts ───────────────┐
                                                                       ├─▶ aligner ─▶ beats
    streams ─▶ decoders ─▶ memories of symbols ─▶ queues ─▶ in turn ───┘
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec.huffman_code import CanonicalCode
from f2fsim.codec.huffman_symbols import joined, paired_bits, rest_bits, symbol_bits
from f2fsim.codec.tensor import WeightType
from f2fsim.cost.front_end_units import WORD_BITS, huffman_sizes
from f2fsim.rtl.bench import Bench, Source
from f2fsim.rtl.cycles import ONE, DeviceMachine, Gaps
from f2fsim.rtl.dealing import Dealing
from f2fsim.rtl.device import Device, Unit, check_sizes
from f2fsim.rtl.field_buffer import FieldBuffer
from f2fsim.rtl.fields import Beats, beats, puts
from f2fsim.rtl.huffman_text import HuffmanText
from f2fsim.rtl.mask_path import MaskPath
from f2fsim.rtl.text import bits_for, library_files

IntArray = NDArray[np.int64]

MODULES = (
    *("f2f_huffman_decoder", "f2f_huffman_join", "f2f_symbols", "f2f_turns"),
    *("f2f_rotate", "f2f_pipe"),
)
#: Cycles from the put of a codeword until its weights are there: those of the memory.
SYMBOL_CYCLES = 1


@dataclass(frozen=True, eq=False)
class HuffmanVectors:
    """Masks ``[n_blocks, n]``, kept weights, and the decoders' streams.

    Attributes
    ----------
    mask : ndarray of bool, shape (n_blocks, n)
    values : ndarray of int64
        Patterns of the kept weights.
    code : CanonicalCode
    symbols : ndarray of int64, shape (2**symbol_bits,)
        What stands for each symbol: of whole weights their patterns, of floats the exponents.
    parts : list of ndarray of bool
        Bits of each decoder's stream.
    widths : list of ndarray of int64
        Bits of each of its codewords, with what follows them.
    n_each, base : int
        Weights of a codeword; what the exponents of a pair count from.
    """

    mask: NDArray[np.bool_]
    values: IntArray
    code: CanonicalCode
    symbols: IntArray
    parts: list[NDArray[np.bool_]]
    widths: list[IntArray]
    n_each: int = 1
    base: int = 0


@dataclass(frozen=True)
class HuffmanDevice(Device[HuffmanVectors]):
    """A Huffman front end.

    Attributes
    ----------
    mask_path : MaskPath
        Mask unit; its `n` is the block.
    n_decoders : int
        Decoders, and weights a cycle of the aligner: a power of two from 2.
    weight_bits, exponent_bits : int
        Bits of a weight, and of what of it is coded where that is a float's exponent (else 0).
    max_length : int
        Longest codeword.
    mask_fifo, decoded_fifo, out_fifo : int
        Masks before the aligner, weights behind each decoder, results (pipelines included).
    pipeline_cycles : int
        Latency of weights and of results; at least two, a cycle of it is the memory's.
    """

    top: ClassVar[str] = "f2f_front_end"
    mask_path: MaskPath
    n_decoders: int
    weight_bits: int = 8
    exponent_bits: int = 0
    max_length: int = 12
    mask_fifo: int = 8
    decoded_fifo: int = 8
    out_fifo: int = 9
    pipeline_cycles: int = 2

    def __post_init__(self) -> None:
        problems = [*self.mask_path.problems(), *self.dealing.problems()]
        if self.pipeline_cycles <= SYMBOL_CYCLES:
            problems.append(f"pipeline_cycles must be at least {SYMBOL_CYCLES + 1}")
        if self.decoded_fifo < 1 + self.sizes["PAIRS"]:
            problems.append(f"decoded_fifo must be at least {1 + self.sizes['PAIRS']}")
        check_sizes("huffman", problems)

    @property
    def sizes(self) -> dict[str, int]:
        """Parameters of f2f_huffman_decoder."""
        return huffman_sizes(self.max_length, self.weight_bits, self.exponent_bits)

    @property
    def dealing(self) -> Dealing:
        """The dealer and its channels."""
        return Dealing(
            self.mask_path.n,
            self.n_decoders,
            self.weight_bits,
            packed=True,
            mask_fifo=self.mask_fifo,
            out_fifo=self.out_fifo,
            latency=self.pipeline_cycles,
            late_cycles=self.mask_path.late_cycles,
        )

    @property
    def decoded(self) -> FieldBuffer:
        """The queue behind a decoder that may give two weights at once."""
        return FieldBuffer(self.weight_bits, self.decoded_fifo, 2, 1, self.pipeline_cycles)

    def files(self) -> dict[str, str]:
        """Return the generated top module and the library's modules."""
        path = self.mask_path
        text = HuffmanText(
            path,
            self.dealing,
            self.decoded,
            self.sizes,
            self.join_sizes,
            self.pipeline_cycles - 1 - SYMBOL_CYCLES,
        )
        return {
            f"{self.top}.v": text.module(self.top),
            **library_files((*path.modules, *self.decoded.modules, *MODULES)),
            **path.generated(),
            **self.dealing.files(),
        }

    @property
    def join_sizes(self) -> dict[str, int]:
        """Parameters of f2f_huffman_join."""
        sizes = self.sizes
        half = min(self.exponent_bits or self.weight_bits, sizes["SYMBOL"] // 2)
        return {
            "WEIGHT": self.weight_bits,
            "SYMBOL": sizes["SYMBOL"],
            "EXPONENT": self.exponent_bits,
            "HALF": half,
            "RESTS": sizes["RESTS"],
            "PAIRS": sizes["PAIRS"],
        }

    def bench(self, vectors: HuffmanVectors, gaps: Gaps) -> Bench:
        """Return the bench: every block's values with their places, beat by beat."""
        n = self.mask_path.n
        sources = [self.mask_path.source(vectors.mask, n)]
        for d, bits in enumerate(vectors.parts):
            per_put = puts(bits.size, WORD_BITS)
            rows = np.zeros((per_put.size, WORD_BITS), dtype=np.bool_)
            rows.ravel()[: bits.size] = bits
            sources.append(Source(f"part_{d}", rows, per_put, self.sizes["COUNT"]))
        moves = beats(vectors.mask.sum(axis=1), self.n_decoders)
        return Bench(
            self.top,
            self.files(),
            {},
            tuple(sources),
            (self.dealing.sink(vectors.mask, vectors.values),),
            self._machine(vectors, moves, gaps).build(),
            self._constants(vectors),
            items="beats",
        )

    def _machine(self, vectors: HuffmanVectors, moves: Beats, gaps: Gaps) -> DeviceMachine:
        """Return the device's machine; an item of a decoder is a codeword."""
        machine = DeviceMachine(gaps)
        n = self.mask_path.n
        machine.channel("masks", self.mask_fifo, self.dealing.mask_cycles)
        self.mask_path.add(machine, vectors.mask, n, ("masks",))
        taken = self._add_decoders(machine, vectors, moves)
        machine.channel("results", self.out_fifo, self.pipeline_cycles)
        n_beats = moves.first.size
        masks = {"masks": (moves.first, moves.last)}
        machine.unit("aligner", n_beats, {**masks, **taken}, {"results": ONE})
        machine.sink("out", {"results": ONE}, n_beats)
        return machine

    def _add_decoders(
        self, machine: DeviceMachine, vectors: HuffmanVectors, moves: Beats
    ) -> dict[str, IntArray]:
        """Add decoders with their streams; return the weights that each beat takes from each."""
        n, sizes = self.n_decoders, self.sizes
        most = self.max_length + sizes["RESTS"]
        before = np.cumsum(moves.per_cycle) - moves.per_cycle
        taken = {}
        for d, widths in enumerate(vectors.widths):
            words = puts(int(widths.sum()), WORD_BITS)
            machine.channel(f"bits {d}", sizes["DEPTH"])
            # Places are given back in the cycle after a codeword has left.
            machine.channel(f"bit places {d}", sizes["DEPTH"])
            machine.channel(f"places given {d}", 2 * most)
            both = {f"bits {d}": words, f"bit places {d}": words}
            machine.source(f"part_{d}", both, words.size)
            machine.channel(f"decoded {d}", self.decoded_fifo, self.pipeline_cycles)
            each = np.full(widths.size, vectors.n_each, dtype=np.int64)
            made = {f"decoded {d}": each, f"places given {d}": widths}
            machine.unit(f"decoder {d}", widths.size, {f"bits {d}": widths}, made)
            given = {f"places given {d}": widths, f"bit places {d}": widths}
            machine.unit(f"bit places {d}", widths.size, given, {})
            of_beat = ((d - before) % n < moves.per_cycle).astype(np.int64)
            # The second weight of the last pair may be none, or one behind the last block.
            of_beat[np.flatnonzero(of_beat)[-1:]] += int(each.sum() - of_beat.sum())
            taken[f"decoded {d}"] = of_beat
        return taken

    def _constants(self, vectors: HuffmanVectors) -> dict[str, tuple[int, int]]:
        length, symbol = self.max_length, self.sizes["SYMBOL"]
        limits, offsets = code_table(vectors.code, length)
        packed_limits = packed_offsets = contents = at = 0
        for i, (limit, offset) in enumerate(zip(limits, offsets, strict=True)):
            packed_limits |= limit << at
            packed_offsets |= (offset % (1 << symbol)) << (i * symbol)
            at += i + 2
        order = np.lexsort((np.arange(vectors.code.lengths.size), vectors.code.lengths))
        order = order[vectors.code.lengths[order] > 0]
        for i, value in enumerate(vectors.symbols[order].tolist()):
            contents |= value << (i * symbol)
        return {
            "n_used": (self.mask_path.place_bits, self.mask_path.n),
            "paired": (1, vectors.n_each - 1),
            "base": (symbol, vectors.base),
            "limits": (self.sizes["LIMITS"], packed_limits),
            "offsets": (length * symbol, packed_offsets),
            "contents": (symbol << symbol, contents),
        }

    def units(self) -> tuple[Unit, ...]:
        """Return mask unit, decoders, prefix sum and aligner; memories are macros."""
        name, n = "huffman decoder", self.n_decoders
        turns = {"LOG_N": bits_for(n - 1), "WIDTH": self.weight_bits}
        turns["COUNT"] = self.dealing.count_bits
        joined = Unit(name, "f2f_huffman_join", tuple(self.join_sizes.items()), n)
        return (
            *self.mask_path.units(),
            Unit(name, "f2f_huffman_decoder", tuple(self.sizes.items()), n),
            *([joined] if self.exponent_bits else []),
            Unit("aligner", "f2f_turns", tuple(turns.items())),
            *self.dealing.units("aligner"),
        )


def code_table(code: CanonicalCode, length: int) -> tuple[list[int], list[int]]:
    """Return for each length from 1 to `length` the limit of its codewords and their offset.

    The limit is the number behind the last codeword of at most that length; a codeword's number
    plus the offset is the place of its symbol among all, by length.
    """
    limits, offsets, limit, n_before = [], [], 0, 0
    for bits in range(1, length + 1):
        limit <<= 1
        offsets.append(n_before - limit)
        n_here = int(np.count_nonzero(code.lengths == bits))
        limit, n_before = limit + n_here, n_before + n_here
        limits.append(limit)
    return limits, offsets


def patterns_of_symbols(kind: WeightType, n_each: int) -> IntArray:
    """Return what stands for each symbol of `n_each` weights, the first of a pair low."""
    width = symbol_bits(kind) if n_each == 1 else paired_bits(kind)
    symbols = np.arange(1 << (n_each * width))
    if rest_bits(kind):
        return symbols
    found = np.zeros_like(symbols)
    for k in range(n_each):
        one = (symbols >> (k * width) & ((1 << width) - 1)).astype(np.uint8)
        patterns = joined(one, np.zeros(one.size, dtype=np.uint32), kind)
        found |= patterns.astype(np.int64) << (k * width)
    return found
