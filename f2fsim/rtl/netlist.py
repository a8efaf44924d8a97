"""Networks as Verilog: a wire for each number, just as wide as it has to be; cut into stages.

`Netlist.staged` places registers: every wire has its levels of logic, and the cuts are where the
slowest stage is shortest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from f2fsim.rtl.text import bits_for

#: Levels of logic in NAND2 and inverters: a gate of two inputs, a multiplexer.
GATE, MUX = 2, 3
_NAMES = re.compile(r"(?<!['\w])[A-Za-z_]\w*")


def adder_levels(bits: int) -> int:
    """Return the levels of an adder or comparison of `bits` bits (parallel prefix)."""
    return 3 + 2 * max(bits - 1, 1).bit_length()


@dataclass(frozen=True)
class Number:
    """A signal that holds 0 … `largest`."""

    signal: str
    largest: int

    @property
    def bits(self) -> int:
        """Its width."""
        return bits_for(self.largest)


@dataclass(frozen=True)
class _Wire:
    """An assignment and its levels of logic."""

    bits: int
    expression: str
    levels: int


@dataclass
class Netlist:
    """Collects assignments; wires are named ``<prefix><number>``."""

    prefix: str
    wires: dict[str, _Wire] = field(default_factory=dict)

    def wire(self, bits: int, expression: str, levels: int = GATE) -> str:
        """Add a wire of `bits` bits with so many levels of logic before it; return its name."""
        name = f"{self.prefix}{len(self.wires)}"
        self.wires[name] = _Wire(bits, expression, levels)
        return name

    def add(self, a: Number, b: Number) -> Number:
        """Add the sum of two numbers, exact."""
        largest = a.largest + b.largest
        bits = bits_for(largest)
        sum_of = f"{widen(a, bits)} + {widen(b, bits)}"
        # The carries of a tree of adders overlap.
        return Number(self.wire(bits, sum_of, 4 + bits.bit_length()), largest)

    def text(self) -> str:
        """Return all assignments."""
        return "".join(
            f"    wire [{wire.bits - 1}:0] {name} = {wire.expression};\n"
            for name, wire in self.wires.items()
        )

    def staged(
        self, inputs: Mapping[str, int], outputs: Mapping[str, str], stages: int, enable: str = ""
    ) -> str:
        """Return all assignments and those of `outputs`, cut into stages by registers.

        Parameters
        ----------
        inputs : mapping of str to int
            Signals from outside and their bits.
        outputs : mapping of str to str
            What the last stage assigns.
        stages : int
            One more than the registers on every path.
        enable : str
            Signal that the registers behind the first stage wait for; the others always follow.
        """
        at = _fewest_levels(self.wires, stages)
        delays = dict.fromkeys((*inputs, *self.wires), 0)

        def delayed(expression: str, stage: int) -> str:
            def name_at(found: re.Match[str]) -> str:
                name = found.group()
                if name not in delays:
                    return name
                late = stage - at.get(name, 0)
                delays[name] = max(delays[name], late)
                return f"{name}_q{late}" if late else name

            return _NAMES.sub(name_at, expression)

        assigned = [
            f"    wire [{wire.bits - 1}:0] {name} = {delayed(wire.expression, at[name])};\n"
            for name, wire in self.wires.items()
        ]
        given = [
            f"    assign {name} = {delayed(expression, stages - 1)};\n"
            for name, expression in outputs.items()
        ]
        bits = {**inputs, **{name: wire.bits for name, wire in self.wires.items()}}
        registers = [
            _registers(name, bits[name], late, enable if at.get(name, 0) == 0 else "")
            for name, late in delays.items()
            if late
        ]
        return "".join((*registers, *assigned, *given))


def _registers(name: str, bits: int, late: int, enable: str) -> str:
    names = [f"{name}_q{i}" for i in range(1, late + 1)]
    follow = "".join(
        f"        {'if (' + enable + ') ' if enable and not i else ''}{new} <= {old};\n"
        for i, (new, old) in enumerate(zip(names, [name, *names], strict=False))
    )
    declared = f"    reg [{bits - 1}:0] {', '.join(names)};\n"
    return f"{declared}    always @(posedge clk) begin\n{follow}    end\n"


def _fewest_levels(wires: Mapping[str, _Wire], stages: int) -> dict[str, int]:
    """Return the stage of each wire such that the slowest of them is as short as can be."""
    used = {
        name: [ref for ref in dict.fromkeys(_NAMES.findall(wire.expression)) if ref in wires]
        for name, wire in wires.items()
    }

    def place(budget: int) -> dict[str, int]:
        at: dict[str, int] = {}
        deep: dict[str, int] = {}
        for name, wire in wires.items():
            stage = max((at[ref] for ref in used[name]), default=0)
            level = max((deep[ref] for ref in used[name] if at[ref] == stage), default=0)
            if level and level + wire.levels > budget:
                stage, level = stage + 1, 0
            at[name], deep[name] = stage, level + wire.levels
        return at

    low, high = 1, sum(wire.levels for wire in wires.values()) + 1
    while low < high:
        middle = (low + high) // 2
        if max(place(middle).values(), default=0) < stages:
            high = middle
        else:
            low = middle + 1
    return place(low)


def widen(number: Number, bits: int) -> str:
    """Return an expression of exactly `bits` bits for a number that fits them."""
    missing = bits - number.bits
    return f"{{{missing}'d0, {number.signal}}}" if missing else number.signal


def cut(number: Number, low: int, bits: int) -> str:
    """Return bits `low` … ``low + bits - 1`` of a number, zeros where it has none."""
    there = min(number.bits - low, bits)
    if there <= 0:
        return f"{bits}'d0"
    if low == 0 and there == number.bits:
        return widen(number, bits)
    piece = f"{number.signal}[{low + there - 1}:{low}]"
    return f"{{{bits - there}'d0, {piece}}}" if there < bits else piece


def total(net: Netlist, terms: list[Number]) -> Number:
    """Return the sum of all terms as a balanced tree."""
    while len(terms) > 1:
        pairs = [net.add(a, b) for a, b in zip(terms[::2], terms[1::2], strict=False)]
        terms = pairs + terms[len(pairs) * 2 :]
    return terms[0]


def prefix_sums(net: Netlist, terms: list[Number]) -> list[Number]:
    """Return the sums of the first 1, 2 … terms (Brent and Kung: at most 2 n adders).

    Sums of pairs, their prefix sums, and from them those between: 2 log2(n) adders on the longest
    path, carries overlapped.
    """
    if len(terms) == 1:
        return terms
    pairs = [net.add(a, b) for a, b in zip(terms[::2], terms[1::2], strict=False)]
    between = prefix_sums(net, pairs)
    rest = (
        between[i // 2] if i % 2 else net.add(between[i // 2 - 1], terms[i])
        for i in range(1, len(terms))
    )
    return [terms[0], *rest]
