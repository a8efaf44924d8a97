"""Verilog that puts the weights of a group in row order: a sorter, or a Benes network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from f2fsim.rtl.bench import Bench, bit_rows
from f2fsim.rtl.cycles import Gaps
from f2fsim.rtl.device import Device, Unit, check_sizes
from f2fsim.rtl.lane_path import TOP, Step, staged_bench, staged_device
from f2fsim.rtl.text import instance, library_files

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


def _log(n: int, what: str) -> int:
    check_sizes(what, [f"lanes must be a power of two from 2, got {n}"] * (n < 2 or n & (n - 1)))
    return n.bit_length() - 1


@dataclass(frozen=True)
class SorterDevice(Device[Step]):
    """Bitonic sorter of `lanes` (a power of two) items by their keys.

    Attributes
    ----------
    key_bits, payload_bits : int
        Of the row, with a flag above it that a lane is not in use; of what comes along.
    rows_a_stage : int
        Rows of comparators between two registers.
    out_fifo : int
        Groups under way and behind it.
    """

    top: ClassVar[str] = TOP
    lanes: int
    key_bits: int = 17
    payload_bits: int = 24
    rows_a_stage: int = 2
    out_fifo: int = 12

    def __post_init__(self) -> None:
        _log(self.lanes, "sorter")

    @property
    def stages(self) -> int:
        """Registers between rows of comparators."""
        log = _log(self.lanes, "sorter")
        return -(-(log * (log + 1) // 2) // self.rows_a_stage) - 1

    def parameters(self) -> dict[str, int]:
        """Return the parameters of f2f_sorter."""
        found = {"LOG_N": _log(self.lanes, "sorter"), "KEY": self.key_bits}
        return found | {
            "PAYLOAD": self.payload_bits,
            "PER": self.rows_a_stage,
            "STAGES": self.stages,
        }

    def files(self) -> dict[str, str]:
        """Return the top module and the library's."""
        width = self.lanes * (self.key_bits + self.payload_bits)
        ports = ["clk", "in_data=in_step", "out_data=late"]
        made = instance("f2f_sorter", "sorter", self.parameters(), ports)
        comment = "f2f_front_end: groups in row order; generated, do not edit."
        text = staged_device(comment, width, width, made, (self.stages, self.out_fifo))
        return {f"{TOP}.v": text, **library_files(("f2f_sorter", "f2f_pipe"))}

    def step(self, keys: IntArray, payloads: IntArray) -> Step:
        """Return the bits of groups ``[n_steps, lanes]``, as they come and sorted."""
        rows = np.arange(keys.shape[0])[:, None]
        order = np.tile(np.arange(self.lanes), (keys.shape[0], 1))
        lanes = np.arange(self.lanes)
        for merge in range(1, _log(self.lanes, "sorter") + 1):
            for place in reversed(range(merge)):
                other, down = lanes ^ (1 << place), (lanes >> merge) & 1 == 1
                mine = keys[rows, order]
                theirs = mine[:, other]
                # The lower lane of a pair keeps the lesser key, in falling runs the greater one.
                upper = lanes & (1 << place) > 0
                less = np.where(upper, mine < theirs, theirs < mine)
                more = np.where(upper, theirs < mine, mine < theirs)
                order = np.where(np.where(down, more, less), order[:, other], order)
        items = keys | payloads << self.key_bits
        width = self.key_bits + self.payload_bits
        return Step(bit_rows(items, width), bit_rows(items[rows, order], width))

    def bench(self, vectors: Step, gaps: Gaps) -> Bench:
        """Return the bench."""
        rows = vectors.given, vectors.made
        return staged_bench(self, rows, (self.stages, self.out_fifo), gaps)

    def units(self) -> tuple[Unit, ...]:
        """Return the sorter."""
        return (Unit("row order", "f2f_sorter", tuple(self.parameters().items())),)


@dataclass(frozen=True)
class BenesDevice(Device[Step]):
    """Rotation and Benes network of `lanes` (a power of two) words.

    Attributes
    ----------
    word_bits : int
        Of a word: a weight, its mask bit, its activations.
    rows_a_stage : int
        Rows of multiplexers between two registers, at least those of the rotation.
    out_fifo : int
        Groups under way and behind it.
    """

    top: ClassVar[str] = TOP
    lanes: int
    word_bits: int = 9
    rows_a_stage: int = 8
    out_fifo: int = 6

    def __post_init__(self) -> None:
        log = _log(self.lanes, "row order")
        if self.rows_a_stage < log:
            check_sizes("row order", [f"rows_a_stage must be at least {log}"])

    @property
    def log_lanes(self) -> int:
        """Rows of the rotation."""
        return _log(self.lanes, "row order")

    @property
    def stages(self) -> int:
        """Registers between rows of multiplexers."""
        return -(-(3 * self.log_lanes - 1) // self.rows_a_stage) - 1

    def parameters(self) -> dict[str, int]:
        """Return the parameters of f2f_benes."""
        found = {"LOG_N": self.log_lanes, "WIDTH": self.word_bits}
        return found | {"PER": self.rows_a_stage, "STAGES": self.stages}

    @property
    def switches(self) -> int:
        """Bits that say what is crossed."""
        return (2 * self.log_lanes - 1) * self.lanes // 2

    def files(self) -> dict[str, str]:
        """Return the top module and the library's."""
        width, log = self.lanes * self.word_bits, self.log_lanes
        ports = ["clk", f"in_data=in_step[{width - 1}:0]", f"by=in_step[{width} +: {log}]"]
        # The bench has a permutation a step; a machine has one a layer.
        ends = width + log
        held = (
            f"    wire [{self.switches - 1}:0] crossed = in_step[{ends} +: {self.switches}];\n"
            if not self.stages
            else self._held(ends)
        )
        ports += ["crossed", "out_data=late"]
        made = held + instance("f2f_benes", "network", self.parameters(), ports)
        comment = (
            "f2f_front_end: groups in row order; generated, do not edit.\n\n"
            f"in_step is {{what is crossed, by, {self.lanes} words}}."
        )
        text = staged_device(
            comment, ends + self.switches, width, made, (self.stages, self.out_fifo)
        )
        return {f"{TOP}.v": text, **library_files(("f2f_benes", "f2f_rotate", "f2f_pipe"))}

    def _held(self, at: int) -> str:
        """Return what delays each row's bits by the registers before it."""
        half, parts, text = self.lanes // 2, [], ""
        for row in range(2 * self.log_lanes - 1):
            late = min((self.log_lanes + row) // self.rows_a_stage, self.stages)
            source = f"in_step[{at + row * half} +: {half}]"
            for d in range(late):
                name = f"crossed_{row}_{d}"
                text += f"    reg [{half - 1}:0] {name};\n"
                text += f"    always @(posedge clk) {name} <= {source};\n"
                source = name
            parts.append(source)
        return f"{text}    wire [{self.switches - 1}:0] crossed = {{{', '.join(parts[::-1])}}};\n"

    def step(self, words: IntArray, by: IntArray, order: IntArray) -> Step:
        """Return the bits of groups ``[n_steps, lanes]``: turned, then place o takes order[o]."""
        rows, lanes = np.arange(words.shape[0])[:, None], np.arange(self.lanes)
        turned = words[rows, (lanes + by[:, None]) % self.lanes]
        routes = np.array([crossed_of(one) for one in order.tolist()])
        given = [bit_rows(words, self.word_bits), bit_rows(by, self.log_lanes), routes]
        return Step(np.hstack(given), bit_rows(turned[rows, order], self.word_bits))

    def bench(self, vectors: Step, gaps: Gaps) -> Bench:
        """Return the bench."""
        rows = vectors.given, vectors.made
        return staged_bench(self, rows, (self.stages, self.out_fifo), gaps)

    def units(self) -> tuple[Unit, ...]:
        """Return the network."""
        return (Unit("row order", "f2f_benes", tuple(self.parameters().items())),)


def crossed_of(order: list[int]) -> BoolArray:
    """Return what a Benes network crosses so that place o gets word ``order[o]``, row by row."""
    n = len(order)
    if n == 2:
        return np.array([order[0] == 1])
    half = n // 2
    source_of, place_of = order, [0] * n
    for place, source in enumerate(order):
        place_of[source] = place
    # Which half (0: upper places) each word passes through; pairs go through both.
    through = [-1] * n
    for start in range(half):
        word = start
        while through[word] < 0:
            through[word], through[(word + half) % n] = 0, 1
            # The word that leaves beside the partner has to come through the other half.
            beside = (place_of[(word + half) % n] + half) % n
            word = source_of[beside]
    first = np.array([through[i] == 1 for i in range(half)])
    last = np.array([through[order[o]] == 1 for o in range(half)])
    inner = []
    for side in (0, 1):
        chosen = [order[o] if through[order[o]] == side else order[o + half] for o in range(half)]
        inner.append(crossed_of([word % half for word in chosen]))
    rows = 2 * (half.bit_length() - 1) - 1
    both = np.stack([part.reshape(rows, -1) for part in inner], axis=1).reshape(rows, -1)
    return np.concatenate([first, both.ravel(), last])
