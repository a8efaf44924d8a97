"""Verilog of the word aligner of value codes: the bits of a step to words of planes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec import EncodedTensor
from f2fsim.codec.f2f.format import read_params, read_planes, read_value_code
from f2fsim.codec.f2f.rates import PERIOD, PlaneRates
from f2fsim.codec.streams import read_stream
from f2fsim.hw.front_ends.value_decoder import ALIGNER_CYCLES
from f2fsim.hw.front_ends.value_table import RATE_COPIES
from f2fsim.rtl.bench import Bench, Sink, Source, bit_rows
from f2fsim.rtl.cycles import ONE, DeviceMachine, Gaps
from f2fsim.rtl.device import Device, Unit, check_sizes
from f2fsim.rtl.field_buffer import FieldBuffer
from f2fsim.rtl.fields import puts
from f2fsim.rtl.text import bits_for, instance, library_files, module, pipe

IntArray = NDArray[np.int64]

MODULES = ("f2f_plane_words", "f2f_prefix", "f2f_pipe")
#: Bits of the number of steps of a pass in the bench.
STEP_BITS = 32

_COMMENT = """\
f2f_front_end: word aligner of a group of {n_planes} planes; generated, do not edit.

in_bits is the stream, in_table {{steps, rates}} of a pass; out is a step's words, plane 0 lowest.
The registers of both tables and the count of steps stand for the table and the sequencer."""

_TABLES = """\
    reg [{rates}-1:0] table_0, table_1;
    reg [{steps}-1:0] steps_0, steps_1, step;
    reg [1:0] loaded;
    reg into, from;
    wire done;
    wire [{steps}-1:0] n_steps = from ? steps_1 : steps_0;
    wire last = (step + 1'b1 == n_steps);
    assign in_table_ready = ~loaded[into];
    wire put_table = in_table_valid & in_table_ready;
    always @(posedge clk) begin
        if (put_table & ~into) {{steps_0, table_0}} <= in_table;
        if (put_table & into) {{steps_1, table_1}} <= in_table;
        if (rst) begin
            loaded <= 2'd0;
            into <= 1'b0;
            from <= 1'b0;
            step <= {steps}'d0;
        end else begin
            if (put_table) loaded[into] <= 1'b1;
            if (put_table) into <= ~into;
            if (done) loaded[from] <= 1'b0;
            if (done) from <= ~from;
            if (bits_fire) step <= last ? {steps}'d0 : step + 1'b1;
        end
    end
"""


@dataclass(frozen=True, eq=False)
class PlaneVectors:
    """Passes: the rates of each, its stream, and its words.

    Attributes
    ----------
    rates : list of PlaneRates
        Of each pass, of the planes that it uses.
    bits : list of ndarray of bool
        Its stream.
    words : list of ndarray of int64, shape (n_steps, n_planes used)
        What was encoded.
    """

    rates: list[PlaneRates]
    bits: list[NDArray[np.bool_]]
    words: list[IntArray]

    @property
    def n_steps(self) -> IntArray:
        """Steps of each pass."""
        return np.array([words.shape[0] for words in self.words], dtype=np.int64)


@dataclass(frozen=True)
class PlaneWordsDevice(Device[PlaneVectors]):
    """Word aligner of one group with the buffer of its bits.

    Attributes
    ----------
    n_in, n_planes : int
        Bits of a word; planes that are built.
    out_fifo : int
        Steps behind it (pipeline included).
    latency : int
        Cycles from a step's service until its words can be taken.
    """

    top: ClassVar[str] = "f2f_front_end"
    n_in: int
    n_planes: int
    out_fifo: int = 5
    latency: ClassVar[int] = ALIGNER_CYCLES

    def __post_init__(self) -> None:
        problems = []
        if not 1 <= self.n_in <= 16 or not 2 <= self.n_planes <= 32:
            problems.append("n_in must be 1 to 16 and n_planes 2 to 32")
        check_sizes("word aligner", problems)

    @property
    def span(self) -> int:
        """Bits of a step at most."""
        return self.n_in * self.n_planes

    @property
    def held(self) -> FieldBuffer:
        """The buffer of the stream's bits: two steps of the most bits."""
        return FieldBuffer(1, 2 * self.span, self.span, self.span)

    def parameters(self) -> dict[str, int]:
        """Return the parameters of f2f_plane_words."""
        sizes = {"N_IN": self.n_in, "PLANES": self.n_planes, "FILL": bits_for(self.n_in)}
        return sizes | {"COUNT": self.held.count_bits}

    @property
    def rate_bits(self) -> int:
        """Bits of a plane's rate."""
        return bits_for(self.n_in * PERIOD)

    def files(self) -> dict[str, str]:
        """Return the generated top module and the library's modules."""
        held, rates = self.held, self.n_planes * self.rate_bits
        ports = [
            *held.ports("in_bits"),
            *("input  wire in_table_valid", "output wire in_table_ready"),
            f"input  wire [{STEP_BITS + rates - 1}:0] in_table",
            *("output wire out_valid", "input  wire out_ready"),
            f"output wire [{self.span - 1}:0] out",
        ]
        body = (
            held.wires("bits")
            + held.text("in_bits", "bits")
            + _TABLES.format(rates=rates, steps=STEP_BITS)
            + f"    wire made_valid, made_ready;\n    wire [{self.span - 1}:0] made;\n"
            + self.text("{table_1, table_0}", "made")
            + pipe("words", self.span, self.out_fifo, self.latency, "made", "made", "out")
        )
        comment = _COMMENT.format(n_planes=self.n_planes)
        return {
            f"{self.top}.v": module(self.top, comment, ports, body),
            **library_files((*held.modules, *MODULES)),
        }

    def text(self, rates: str, out: str) -> str:
        """Return the aligner between the buffer ``bits`` and `out`, with the `rates` of tables."""
        return instance(
            "f2f_plane_words",
            "aligner",
            self.parameters(),
            [
                *("clk", "rst", f"rates={rates}", "loaded", "last", "done"),
                *(f"{end}=bits_{end}" for end in ("visible", "window", "take", "fire")),
                *(f"out_{end}={out}_{end}" for end in ("valid", "ready")),
                f"late_data={out}",
            ],
        )

    def bench(self, vectors: PlaneVectors, gaps: Gaps) -> Bench:
        """Return the bench: every step's words."""
        machine, n_steps = DeviceMachine(gaps), vectors.n_steps
        bits = self.add_bits(machine, vectors)
        # A loader writes a table before it puts it; here the put is the write.
        machine.channel("tables", RATE_COPIES, 2)
        machine.source("table", {"tables": ONE}, n_steps.size)
        self.add_to(machine, vectors, {"tables": ends_of(n_steps)}, "out")
        return Bench(
            self.top,
            self.files(),
            {},
            (bits, Source("table", self._tables(vectors.rates, n_steps))),
            (Sink("out", self.rows(vectors)),),
            machine.build(),
            items="steps",
        )

    def add_bits(self, machine: DeviceMachine, vectors: PlaneVectors) -> Source:
        """Add the source of the stream's bits and return what it puts."""
        stream = np.concatenate(vectors.bits)
        per_put = puts(stream.size, self.span)
        rows = np.zeros((per_put.size, self.span), dtype=np.bool_)
        rows.ravel()[: stream.size] = stream
        machine.channel("bits", self.held.depth)
        machine.source("bits", {"bits": per_put}, per_put.size)
        return Source("bits", rows, per_put, self.held.count_bits)

    def add_to(
        self,
        machine: DeviceMachine,
        vectors: PlaneVectors,
        tables: Mapping[str, tuple[IntArray, IntArray]],
        sink: str,
    ) -> None:
        """Add the aligner behind its bits, and its consumer.

        What it takes of `tables` is given back when a pass ends.
        """
        by_pass = zip(vectors.rates, vectors.n_steps, strict=True)
        fills = np.concatenate([rates.step_bits(int(n)) for rates, n in by_pass])
        machine.channel("words", self.out_fifo, self.latency)
        taken: dict[str, IntArray | tuple[IntArray, IntArray]] = {"bits": fills, **tables}
        machine.unit("word aligner", fills.size, taken, {"words": ONE}, at_end=tables)
        machine.sink(sink, {"words": ONE}, fills.size)

    def rows(self, vectors: PlaneVectors) -> NDArray[np.bool_]:
        """Return the bits of every step's words."""
        words = np.zeros((int(vectors.n_steps.sum()), self.n_planes), dtype=np.int64)
        for end, mine in zip(vectors.n_steps.cumsum(), vectors.words, strict=True):
            words[end - mine.shape[0] : end, : mine.shape[1]] = mine
        return bit_rows(words, self.n_in)

    def _tables(self, rates: Sequence[PlaneRates], n_steps: IntArray) -> NDArray[np.bool_]:
        built = np.zeros((len(rates), self.n_planes), dtype=np.int64)
        for row, of_pass in zip(built, rates, strict=True):
            row[: len(of_pass.sixty_fourths)] = of_pass.sixty_fourths
        return np.hstack([bit_rows(built, self.rate_bits), bit_rows(n_steps, STEP_BITS)])

    def units(self) -> tuple[Unit, ...]:
        """Return buffer and aligner."""
        aligner = Unit("word aligner", "f2f_plane_words", tuple(self.parameters().items()))
        return (self.held.unit("word aligner"), aligner)


def ends_of(n_items: IntArray, units: int = 1) -> tuple[IntArray, IntArray]:
    """Return `units` at the first and at the last of so many items each, else 0."""
    ends = n_items.cumsum()
    first, last = (np.zeros(int(ends[-1]), dtype=np.int64) for _ in range(2))
    first[ends - n_items] = units
    last[ends - 1] = units
    return first, last


def plane_vectors(encodings: Sequence[EncodedTensor]) -> PlaneVectors:
    """Return encodings of one group as passes, one after another."""
    found = PlaneVectors([], [], [])
    for encoded in encodings:
        params = read_params(encoded)
        code, rates = read_value_code(encoded, params.n_in)
        _, _, words = read_planes(encoded, params)
        if code is None:  # whole words
            rates = PlaneRates((params.n_in * PERIOD,) * words.shape[1])
        stream = read_stream(encoded, "weights")
        bits = np.unpackbits(stream.data, count=stream.n_bits, bitorder="little")
        found.rates.append(rates)
        found.bits.append(bits.astype(np.bool_))
        found.words.append(words.astype(np.int64))
    return found
