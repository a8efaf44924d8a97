"""Kept weights as encoded words of planes: by their patterns, or by a value code."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec.f2f.care import CareList
from f2fsim.codec.f2f.choose_code import choose_code
from f2fsim.codec.f2f.decode import decode_values
from f2fsim.codec.f2f.elimination import encode_elimination
from f2fsim.codec.f2f.params import F2FParams
from f2fsim.codec.f2f.planes import PlaneLayout, plan_planes
from f2fsim.codec.f2f.rates import (
    CHECK_BITS,
    CHECK_BITS_NO_SEARCH,
    PERIOD,
    PlaneRates,
    choose_rate,
    fill_of,
)
from f2fsim.codec.f2f.threads import run
from f2fsim.codec.f2f.value_code import ValueCode
from f2fsim.codec.f2f.viterbi import encode_viterbi
from f2fsim.codec.tensor import WeightType

Values = NDArray[np.uint32]


@dataclass(frozen=True, eq=False)
class PlaneWords:
    """The kept weights of a tensor on stored planes.

    Attributes
    ----------
    layout : PlaneLayout
        Which planes are stored; with a value code all of them.
    code : ValueCode or None
        What the planes mean; None: the bits of the patterns.
    rates : PlaneRates
        Encoded bits a step of each stored plane.
    words : ndarray of uint16, shape (n_blocks, n_stored)
        Bits beyond what a plane's rate fills are 0.
    wrong : ndarray of uint32, shape (n_kept,)
        Care bits that the decoder gets wrong, bit s on stored plane s.
    n_care_bits : int
        Care bits of all stored planes.
    """

    layout: PlaneLayout
    code: ValueCode | None
    rates: PlaneRates
    words: NDArray[np.uint16]
    wrong: Values
    n_care_bits: int


def plain_words(params: F2FParams, care: CareList, weight_type: WeightType) -> PlaneWords:
    """Encode the bits of patterns (the values of `care`), `n_in` bits a step for each plane."""
    layout = plan_planes(care.val, weight_type.n_bits, params.invert)
    care = care.with_values(layout.compact(care.val))
    n_stored = len(layout.stored)
    rate = params.n_in * PERIOD
    words = _solve(params, care, n_stored, rate)
    wrong = decode_values(params.matrix, words, care, params.n_groups) ^ care.val
    rates = PlaneRates((rate,) * n_stored)
    return PlaneWords(layout, None, rates, words, wrong, care.n_kept * n_stored)


def coded_words(
    params: F2FParams, care: CareList, weight_type: WeightType, n_threads: int = 1
) -> PlaneWords:
    """Choose code and rates for patterns (the values of `care`) and encode their planes.

    Planes that the same classes care for are solved together, sets of them on threads.
    """
    code = choose_code(care.val, weight_type, params.most_codeword_bits(weight_type))
    coded, classes = code.encode(care.val)
    words = np.zeros((care.n_blocks, code.n_planes), dtype=np.uint16)
    wrong = np.zeros(care.n_kept, dtype=np.uint32)
    rates = [0] * code.n_planes

    def work(planes: tuple[int, ...]) -> tuple[NDArray[np.int64], Values]:
        kept, part = _cares(care, coded, classes, code, planes)
        rate = _rate(params, part)
        for plane in planes:
            rates[plane] = rate
        found = _solve(params, part, len(planes), rate)
        words[:, list(planes)] = found
        differ = decode_values(params.matrix, found, part, params.n_groups) ^ part.val
        return kept, _spread(differ, planes)

    for kept, differ in run(work, code.plane_sets, n_threads):
        wrong[kept] |= differ
    lengths = np.array([c.n_bits for c in code.classes], dtype=np.int64)
    n_care_bits = int(np.bincount(classes, minlength=lengths.size)[: lengths.size] @ lengths)
    every = tuple(range(code.n_planes))
    layout = PlaneLayout(code.n_planes, every, ())
    return PlaneWords(layout, code, PlaneRates(tuple(rates)), words, wrong, n_care_bits)


def _solve(params: F2FParams, care: CareList, n_planes: int, rate: int) -> NDArray[np.uint16]:
    """Return the words of planes with the same care bits."""
    if params.encoder == "viterbi":
        filled = rate // PERIOD
        return encode_viterbi(params.matrix, care, n_planes, params.n_groups, filled=filled)[0]
    fill = fill_of(rate)
    return encode_elimination(
        params.matrix, care, n_planes, params.n_groups, search=params.search, fill=fill
    )


def _rate(params: F2FParams, care: CareList) -> int:
    exact = params.encoder == "viterbi"
    price = CHECK_BITS if params.search and not exact else CHECK_BITS_NO_SEARCH
    return choose_rate(care, params.n_in, params.n_s, params.n_groups, price, exact)


def _cares(
    care: CareList,
    coded: Values,
    classes: NDArray[np.uint8],
    code: ValueCode,
    planes: tuple[int, ...],
) -> tuple[NDArray[np.int64], CareList]:
    """Return which kept weights have bits on planes of a set, and these bits."""
    cares = np.zeros(256, dtype=np.bool_)
    cares[list(code.cares(planes[0]))] = True
    held = cares[classes]
    kept = np.flatnonzero(held)
    before = np.concatenate([[0], np.cumsum(held, dtype=np.int64)])[care.block_ptr]
    val = np.zeros(kept.size, dtype=np.uint32)
    of = coded[kept]
    for i, plane in enumerate(planes):
        val |= (of >> np.uint32(plane) & np.uint32(1)) << np.uint32(i)
    return kept, CareList(care.n_out, before, care.pos[kept], val)


def _spread(values: Values, planes: tuple[int, ...]) -> Values:
    """Return values whose bit i stands on plane ``planes[i]``."""
    out = np.zeros_like(values)
    for i, plane in enumerate(planes):
        out |= (values >> np.uint32(i) & np.uint32(1)) << np.uint32(plane)
    return out
