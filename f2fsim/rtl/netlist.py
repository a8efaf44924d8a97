"""Networks of adders as Verilog, a wire for each number and each just as wide as it has to be."""

from __future__ import annotations

from dataclasses import dataclass, field

from f2fsim.rtl.text import bits_for


@dataclass(frozen=True)
class Number:
    """A signal that holds 0 … `largest`."""

    signal: str
    largest: int

    @property
    def bits(self) -> int:
        """Its width."""
        return bits_for(self.largest)


@dataclass
class Netlist:
    """Collects assignments; wires are named ``<prefix><number>``."""

    prefix: str
    lines: list[str] = field(default_factory=list)
    _n: int = 0

    def wire(self, bits: int, expression: str) -> str:
        """Add a wire of `bits` bits and return its name."""
        name = f"{self.prefix}{self._n}"
        self._n += 1
        self.lines.append(f"    wire [{bits - 1}:0] {name} = {expression};\n")
        return name

    def add(self, a: Number, b: Number) -> Number:
        """Add the sum of two numbers, exact."""
        largest = a.largest + b.largest
        bits = bits_for(largest)
        return Number(self.wire(bits, f"{widen(a, bits)} + {widen(b, bits)}"), largest)

    def text(self) -> str:
        """Return all assignments."""
        return "".join(self.lines)


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
