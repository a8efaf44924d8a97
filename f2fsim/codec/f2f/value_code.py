"""Value codes: a codeword of its own length for each value, laid on bit planes.

A weight's value becomes an ordered number (`Fold`), and the numbers fall into at most 16 classes
of ``2**suffix_bits`` neighbours.  A codeword is the class's prefix and the suffix, the place in the
class.  The suffix stands on the lowest planes, its bit i on plane i, the prefix on the highest
ones, its first bit on plane ``n_planes - 1``: what lies between is don't-care for that weight, and
no wire of the value decoder has to move.  A symbol of its own is a class without suffix.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec.tensor import WeightType

#: Limits of a code: what the value decoder of each output has to be built for.
MAX_CLASSES = 16
MAX_PREFIX_BITS = 6
MAX_CODEWORD_BITS = 32

Values = NDArray[np.uint32]


@dataclass(frozen=True)
class Fold:
    """The order in which values are numbered.

    With x the pattern less its `shift` lowest bits (0 in all kept weights), in
    ``n_bits = n_w - shift``, all modulo ``2**n_bits``: x less `centre` is the number, or, if
    `signed`, is read as two's complement v and becomes 2v, or -2v - 1 if v is negative.  Floats
    that are `signed` have their sign moved from the highest to the lowest place instead.

    Attributes
    ----------
    weight_type : WeightType
    signed : bool
        Whether numbers of both signs alternate, so that classes hold pairs of them.
    centre : int
        What is taken off first; 0 for floats.
    shift : int
        Lowest bits that are left out.
    """

    weight_type: WeightType
    signed: bool
    centre: int = 0
    shift: int = 0

    @property
    def n_bits(self) -> int:
        """Bits of a number."""
        return self.weight_type.n_bits - self.shift

    @property
    def mask(self) -> int:
        """All ones in the bits of a number."""
        return (1 << self.n_bits) - 1

    def numbers(self, patterns: Values) -> Values:
        """Return the number of each pattern."""
        mask, top = np.uint32(self.mask), np.uint32(self.n_bits - 1)
        x = patterns >> np.uint32(self.shift)
        if not self.signed:
            return (x - np.uint32(self.centre)) & mask
        if self.weight_type.is_float:
            return (x << np.uint32(1) | x >> top) & mask
        v = (x - np.uint32(self.centre)) & mask
        return (v << np.uint32(1) ^ np.uint32(0) - (v >> top)) & mask

    def patterns(self, numbers: Values) -> Values:
        """Return the pattern of each number (taken modulo ``2**n_bits``)."""
        mask, top, one = np.uint32(self.mask), np.uint32(self.n_bits - 1), np.uint32(1)
        u = numbers & mask
        if not self.signed:
            x = (u + np.uint32(self.centre)) & mask
        elif self.weight_type.is_float:
            x = u >> one | (u & one) << top
        else:
            x = ((u >> one ^ np.uint32(0) - (u & one)) + np.uint32(self.centre)) & mask
        return x << np.uint32(self.shift)


@dataclass(frozen=True)
class ValueClass:
    """Neighbouring numbers, ``base … base + 2**suffix_bits - 1`` as far as there are any.

    Attributes
    ----------
    base : int
        First number.
    suffix_bits : int
        Bits of the place in the class.
    prefix_bits : int
        Bits of the class's prefix; 0 only in a code of one class.
    """

    base: int
    suffix_bits: int
    prefix_bits: int

    @property
    def n_bits(self) -> int:
        """Bits of a codeword: what a weight of the class costs."""
        return self.prefix_bits + self.suffix_bits


@dataclass(frozen=True)
class ValueCode:
    """A complete prefix code of the values of a layer: what the value decoder is made from.

    Attributes
    ----------
    fold : Fold
        From numbers to patterns.
    classes : tuple of ValueClass
        At most 16; a later class takes what an earlier one holds too.  Prefixes are canonical:
        by length, then by place in this tuple, counting upwards, first bit most significant.
    """

    fold: Fold
    classes: tuple[ValueClass, ...]

    @property
    def prefix_planes(self) -> int:
        """Planes, from the highest down, that a prefix can stand on."""
        return max((c.prefix_bits for c in self.classes), default=0)

    @property
    def suffix_planes(self) -> int:
        """Planes, from plane 0 up, that a suffix can stand on."""
        return max((c.suffix_bits for c in self.classes), default=0)

    @property
    def n_planes(self) -> int:
        """Planes: bits of the longest codeword."""
        return max((c.n_bits for c in self.classes), default=0)

    @cached_property
    def prefixes(self) -> tuple[int, ...]:
        """Prefix of each class."""
        order = sorted(range(len(self.classes)), key=lambda i: (self.classes[i].prefix_bits, i))
        found = [0] * len(self.classes)
        value = before = 0
        for i in order:
            value <<= self.classes[i].prefix_bits - before
            found[i], before = value, self.classes[i].prefix_bits
            value += 1
        return tuple(found)

    @property
    def is_complete(self) -> bool:
        """Whether the prefixes fill the space: every word begins with exactly one of them."""
        units = sum(1 << (MAX_PREFIX_BITS - c.prefix_bits) for c in self.classes)
        return units == 1 << MAX_PREFIX_BITS

    def cares(self, plane: int) -> tuple[int, ...]:
        """Return the classes whose weights have a bit on a plane."""
        above = self.n_planes - 1 - plane
        return tuple(
            i for i, c in enumerate(self.classes) if c.suffix_bits > plane or c.prefix_bits > above
        )

    @cached_property
    def plane_sets(self) -> tuple[tuple[int, ...], ...]:
        """Planes in sets of equal care bits, each ascending, the sets by their lowest plane."""
        sets: dict[tuple[int, ...], list[int]] = {}
        for plane in range(self.n_planes):
            sets.setdefault(self.cares(plane), []).append(plane)
        return tuple(tuple(planes) for planes in sets.values())

    @cached_property
    def care_masks(self) -> Values:
        """Care bits of each class, uint32: bit p is plane p."""
        return np.array(
            [
                sum(1 << p for p in range(self.n_planes) if i in self.cares(p))
                for i in range(len(self.classes))
            ],
            dtype=np.uint32,
        )

    @cached_property
    def class_table(self) -> NDArray[np.uint8]:
        """Class by the bits of the highest `prefix_planes` planes, the highest plane on top."""
        table = np.zeros(1 << self.prefix_planes, dtype=np.uint8)
        for i, c in enumerate(self.classes):
            size = 1 << (self.prefix_planes - c.prefix_bits)
            table[self.prefixes[i] * size : (self.prefixes[i] + 1) * size] = i
        return table

    def encode(self, patterns: Values) -> tuple[Values, NDArray[np.uint8]]:
        """Return codewords, bit p on plane p and 0 where nobody cares, and classes.

        Every pattern must be in a class.
        """
        if self.fold.weight_type.n_bits <= 16 and patterns.size > 1 << 16:
            every = np.arange(1 << self.fold.weight_type.n_bits, dtype=np.uint32)
            coded, classes = self._encode(every)
            return coded[patterns], classes[patterns]
        return self._encode(patterns)

    def _encode(self, patterns: Values) -> tuple[Values, NDArray[np.uint8]]:
        numbers = self.fold.numbers(patterns)
        coded, classes = np.zeros_like(numbers), np.zeros(numbers.shape, dtype=np.uint8)
        for i, c in enumerate(self.classes):
            place = numbers - np.uint32(c.base)
            held = (numbers >= np.uint32(c.base)) & (place <= np.uint32((1 << c.suffix_bits) - 1))
            prefix = np.uint32(self.prefixes[i] << (self.n_planes - c.prefix_bits))
            coded = np.where(held, place | prefix, coded)
            classes[held] = i
        return coded, classes

    def decode(self, coded: Values) -> Values:
        """Return the pattern of each codeword, whatever stands on planes that nobody cares for."""
        if not self.classes:
            return np.zeros_like(coded)
        bases = np.array([c.base for c in self.classes], dtype=np.uint32)
        widths = np.array([(1 << c.suffix_bits) - 1 for c in self.classes], dtype=np.uint32)
        of = self.class_table[coded >> np.uint32(self.n_planes - self.prefix_planes)]
        return self.fold.patterns(bases[of] + (coded & widths[of]))
