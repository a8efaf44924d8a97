"""What the quick estimates of units are linear in: counted flip-flops and terms of logic."""

from __future__ import annotations

from dataclasses import dataclass
from math import log2

Sizes = dict[str, int]
Terms = tuple[float, ...]


@dataclass(frozen=True)
class Counted:
    """What a unit is made of.

    Attributes
    ----------
    dff : int
        Flip-flops.
    logic, levels : tuple of float
        Terms that combinational cells and levels of logic are linear in.
    cuts : tuple of float
        Terms that the flip-flops of its stages are linear in.
    """

    dff: int
    logic: Terms
    levels: Terms
    cuts: Terms = ()


def log2_of(n: int) -> int:
    """Return ``ceil(log2 n)``, at least 1."""
    return max(1, (n - 1).bit_length())


def bits_of(largest: int) -> int:
    """Return the bits that hold 0 … `largest`, at least 1."""
    return max(1, largest.bit_length())


def tree(n: int) -> Terms:
    """Return what levels of logic are linear in: trees over n, and trees of adders."""
    depth = log2(max(n, 2))
    return 1.0, depth, depth * depth


def staged(n: int, stages: int) -> Terms:
    """Return `tree` cut into stages; a stage has some levels of its own."""
    one, depth, squared = tree(n)
    return one, depth / stages, squared / stages
