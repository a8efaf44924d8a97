"""Verilog of the loader of value codes' tables, between word aligner and value decoders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec import EncodedTensor, PrunedTensor
from f2fsim.codec.f2f.format import read_params, read_value_code
from f2fsim.codec.streams import read_stream
from f2fsim.cost.front_end_units import WORD_BITS, value_table_sizes
from f2fsim.hw.front_ends.value_table import RATE_COPIES, UNITS, item_bits
from f2fsim.rtl.bench import Bench, Sink, Source
from f2fsim.rtl.cycles import ONE, DeviceMachine, Gaps
from f2fsim.rtl.device import Device, Unit
from f2fsim.rtl.plane_words import MODULES as PLANE_MODULES
from f2fsim.rtl.plane_words import PlaneVectors, PlaneWordsDevice, ends_of, plane_vectors
from f2fsim.rtl.text import channel, instance, library_files, module, pipe
from f2fsim.rtl.values import MODULES as VALUE_MODULES
from f2fsim.rtl.values import ValueDevice, ValueVectors

IntArray = NDArray[np.int64]

#: Steps of so many passes, one after another and again, are an input of the bench.
N_LENGTHS, LENGTH_BITS = 64, 8

_COMMENT = """\
f2f_front_end: value codes of {n_out} outputs and {n_planes} planes; generated, do not edit.

in_table is the stream of tables, in_bits that of words; in_block is {{first of its pass, mask,
plane {top} .. plane 0}}; words are a step's, out {{mask, {n_out} patterns}}. lengths and the
counters of steps stand for the sequencer."""

_SEQUENCER = """\
    reg [{bits}-1:0] step;
    reg [{log}-1:0] pass;
    wire [{bits}-1:0] n_steps = lengths[{bits}*pass +: {bits}];
    wire last = (step + 1'b1 == n_steps);
    always @(posedge clk) begin
        if (rst) begin
            step <= {bits}'d0;
            pass <= {log}'d0;
        end else if (bits_fire) begin
            step <= last ? {bits}'d0 : step + 1'b1;
            if (last) pass <= pass + 1'b1;
        end
    end
"""

_FIRST = """\
    wire first = block[{block}-1];
    wire table_there = ready | ~first;
    wire decode_valid, decode_ready;
    assign decode_valid = block_valid & table_there;
    assign block_ready = decode_ready & table_there;
    wire take = decode_valid & decode_ready & first;
"""


@dataclass(frozen=True, eq=False)
class CodeVectors:
    """Passes with a value code each.

    Attributes
    ----------
    tables : sequence of ndarray of bool
        The table of each, as it is stored.
    items : sequence of ndarray of int64
        Bits that the loader takes of it a cycle.
    planes : PlaneVectors
        Rates, stream and words.
    blocks : sequence of ValueVectors
        Code, masks and codewords.
    """

    tables: Sequence[NDArray[np.bool_]]
    items: Sequence[IntArray]
    planes: PlaneVectors
    blocks: Sequence[ValueVectors]


@dataclass(frozen=True)
class ValueTableDevice(Device[CodeVectors]):
    """Loader of tables with the word aligner and the value decoders of a group.

    Attributes
    ----------
    n_in, n_out, n_planes, weight_bits : int
        Bits of a word, outputs, planes that are built, bits of a pattern.
    is_float : bool
        Whether weights are floats.
    """

    top: ClassVar[str] = "f2f_front_end"
    n_in: int
    n_out: int
    n_planes: int
    weight_bits: int
    is_float: bool = False

    @property
    def aligner(self) -> PlaneWordsDevice:
        """The word aligner."""
        return PlaneWordsDevice(self.n_in, self.n_planes)

    @property
    def decoders(self) -> ValueDevice:
        """The value decoders."""
        return ValueDevice(self.n_out, self.n_planes, self.weight_bits)

    def __post_init__(self) -> None:
        _ = self.aligner, self.decoders  # which refuse sizes that cannot work

    @property
    def sizes(self) -> dict[str, int]:
        """Parameters of f2f_value_table."""
        return value_table_sizes(self.n_in, self.n_planes, self.weight_bits)

    def files(self) -> dict[str, str]:
        """Return the generated top module and the library's modules."""
        aligner, decoders = self.aligner, self.decoders
        held = aligner.held
        block = self.n_out * (self.n_planes + 1) + 1
        item, span = self.n_out * (self.weight_bits + 1), aligner.span
        ports = [
            f"input  wire [{N_LENGTHS * LENGTH_BITS - 1}:0] lengths",
            "input  wire is_float",
            *("input  wire in_table_valid", "output wire in_table_ready"),
            f"input  wire [{WORD_BITS - 1}:0] in_table",
            *held.ports("in_bits"),
            *("input  wire in_block_valid", "output wire in_block_ready"),
            f"input  wire [{block - 1}:0] in_block",
            *("output wire words_valid", "input  wire words_ready"),
            f"output wire [{span - 1}:0] words",
            *("output wire out_valid", "input  wire out_ready"),
            f"output wire [{item - 1}:0] out",
        ]
        tables = decoders.table_bits()
        widths = {name: bits for name, bits in tables.items() if name != "is_float"}
        body = (
            held.wires("bits")
            + held.text("in_bits", "bits")
            + "    wire done, ready;\n    wire [1:0] loaded;\n"
            + f"    wire [{RATE_COPIES * self.n_planes * aligner.rate_bits - 1}:0] rates;\n"
            + "".join(f"    wire [{bits - 1}:0] {name};\n" for name, bits in widths.items())
            + _SEQUENCER.format(bits=LENGTH_BITS, log=(N_LENGTHS - 1).bit_length())
            + "    wire cut_valid, cut_ready, block_valid, block_ready, made_valid, made_ready;\n"
            f"    wire [{span - 1}:0] cut;\n    wire [{block - 1}:0] block;\n"
            f"    wire [{item - 1}:0] made;\n"
            + channel("blocks", block, decoders.block_fifo, 1, "in_block", "block")
            + _FIRST.format(block=block)
            + instance(
                "f2f_value_table",
                "loader",
                self.sizes,
                [
                    *("clk", "rst", *(f"in_{end}=in_table_{end}" for end in ("valid", "ready"))),
                    *("in_data=in_table", "rates", "loaded", "done", "ready", "take", *widths),
                ],
            )
            + aligner.text("rates", "cut")
            + pipe("steps", span, aligner.out_fifo, aligner.latency, "cut", "cut", "words")
            + decoders.text("decode", f"block[{block - 2}:0]")
            + pipe("values", item, decoders.out_fifo, decoders.latency, "made", "made", "out")
        )
        comment = _COMMENT.format(n_out=self.n_out, n_planes=self.n_planes, top=self.n_planes - 1)
        modules = ("f2f_value_table", *held.modules, *PLANE_MODULES, *VALUE_MODULES)
        return {
            f"{self.top}.v": module(self.top, comment, ports, body),
            **library_files(modules),
        }

    def bench(self, vectors: CodeVectors, gaps: Gaps) -> Bench:
        """Return the bench: every step's words, every block's patterns."""
        machine = DeviceMachine(gaps)
        stream = np.concatenate(vectors.tables)
        words = np.zeros((-(-stream.size // WORD_BITS), WORD_BITS), dtype=np.bool_)
        words.ravel()[: stream.size] = stream
        machine.channel("table words", self.sizes["WORDS"])
        machine.source("table", {"table words": ONE}, words.shape[0])
        # A table is two units: its room, which is there before it is read on, and what is loaded.
        machine.channel("rates", UNITS * RATE_COPIES)
        machine.channel("classes", UNITS)
        taken = np.concatenate(vectors.items).cumsum()
        begins, ends = ends_of(np.array([items.size for items in vectors.items]))
        need = np.diff(-(-taken // WORD_BITS), prepend=0)
        release = np.diff(taken // WORD_BITS, prepend=0)
        made = dict.fromkeys(("rates", "classes"), begins + ends)
        machine.unit(
            "value table", taken.size, {"table words": (need, release)}, made, ("table words",)
        )
        n_steps = vectors.planes.n_steps
        passes = ends_of(n_steps, UNITS)
        bits = self.aligner.add_bits(machine, vectors.planes)
        self.aligner.add_to(machine, vectors.planes, {"rates": passes}, "words")
        first = passes[0]
        self.decoders.add_to(machine, first.size, {"classes": first})
        rows = (self.decoders.rows(of_pass) for of_pass in vectors.blocks)
        blocks, patterns = (np.vstack(part) for part in zip(*rows, strict=True))
        lengths = np.resize(n_steps, N_LENGTHS)
        if (n_steps != np.resize(lengths, n_steps.size)).any() or lengths.max() >> LENGTH_BITS:
            raise ValueError(f"steps of passes must be below 256 and repeat after {N_LENGTHS}")
        return Bench(
            self.top,
            self.files(),
            {},
            (
                Source("table", words),
                bits,
                Source("block", np.hstack([blocks, first[:, None] > 0])),
            ),
            (Sink("words", self.aligner.rows(vectors.planes)), Sink("out", patterns)),
            machine.build(),
            {
                "lengths": (
                    N_LENGTHS * LENGTH_BITS,
                    sum(int(n) << (LENGTH_BITS * i) for i, n in enumerate(lengths)),
                ),
                "is_float": (1, int(self.is_float)),
            },
            items="words and blocks",
        )

    def units(self) -> tuple[Unit, ...]:
        """Return the loader; the others are devices of their own."""
        return (Unit("value table", "f2f_value_table", tuple(self.sizes.items())),)


def code_vectors(
    encodings: Sequence[EncodedTensor], tensors: Sequence[PrunedTensor]
) -> CodeVectors:
    """Return rows of weights and their encodings, of one group, as passes one after another.

    At pruned weights stands what an XOR decoder puts out there: any bits.
    """
    rng = np.random.default_rng(0)
    tables, items, blocks = [], [], []
    for encoded, tensor in zip(encodings, tensors, strict=True):
        params = read_params(encoded)
        code, rates = read_value_code(encoded, params.n_in)
        if code is None:
            raise ValueError(f"{encoded.label} has no value code")
        stream = read_stream(encoded, "codebook")
        bits = np.unpackbits(stream.data, count=stream.n_bits, bitorder="little")
        tables.append(bits.astype(np.bool_))
        items.append(item_bits(code, rates, params.n_in))
        n_steps = -(-tensor.n_weights // params.n_out)
        mask = np.zeros(n_steps * params.n_out, dtype=np.bool_)
        mask[: tensor.n_weights] = tensor.mask.reshape(-1)
        codewords = rng.integers(0, 1 << code.n_planes, mask.size, dtype=np.uint64)
        kept = tensor.patterns.reshape(-1)[tensor.mask.reshape(-1)].astype(np.uint32)
        codewords[mask] = code.encode(kept)[0]
        shape = n_steps, params.n_out
        blocks.append(
            ValueVectors(code, mask.reshape(shape), codewords.astype(np.uint32).reshape(shape))
        )
    return CodeVectors(tables, items, plane_vectors(encodings), blocks)
