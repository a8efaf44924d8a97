"""Cycles of the groups of lanes that plans expect: reads and sums that meet in banks, about."""

from __future__ import annotations

import math
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec.f2f.orders import BlockOrder
from f2fsim.config.arch import ArchConfig
from f2fsim.config.pe_array import LanesArray
from f2fsim.hw.arrays import _word_rounds
from f2fsim.hw.arrays.bank_gather import gather_groups
from f2fsim.hw.arrays.lane_parts import neighbours_a_group
from f2fsim.hw.arrays.operands import Words, band_reads
from f2fsim.hw.arrays.sums import StepSums, in_row_order, sum_cycles
from f2fsim.hw.front_ends import front_end_kind
from f2fsim.mapping.facts import LayerFacts
from f2fsim.mapping.steps import starts_of

Floats = NDArray[np.float64]

#: Windows that a mean is taken over: of gathers row by row, of gathers in any other order, and of
#: wide reads.
SAMPLED, SAMPLED_ORDER, SAMPLED_WIDE = 24, 8, 4
#: Share of kept weights from which on windows are measured.
LEAST_DENSITY = 0.005
#: Share of kept weights from which on gathers row by row are those of bands.
MOSTLY_KEPT = 0.9
#: Chance of one sum more in any bank from which on no more are looked at.
LEAST_CHANCE = 1e-3


def read_cycles(
    arch: ArchConfig, array: LanesArray, facts: LayerFacts, rows: Floats, columns: Floats
) -> Floats:
    """Return the mean cycles that the reads of groups take in bands of so many rows, about."""
    kind, neighbours = front_end_kind(arch), neighbours_a_group(arch, array)
    if neighbours is None:
        return _gather_cycles(arch, array, facts, rows, columns)
    density = array.weights_per_cycle / neighbours  # of a pattern
    if array.zeros == "gate" and not facts.is_dense:
        density = round(facts.density, 2)
    words, shape = operand_words(arch, array, facts, columns), (neighbours, array.window)
    all_rows = kind.is_all_rows(arch.front_end) and not facts.is_dense
    if not all_rows:  # what lies behind the first windows is as they are
        rows = np.minimum(rows, -(-neighbours * array.window * SAMPLED_WIDE // facts.n_reduction))
    sizes, place = np.unique(rows.astype(np.int64), return_inverse=True)
    of_bands = int(sizes[-1]), facts.n_reduction
    order = kind.block_order(arch.front_end, of_bands) if all_rows else BlockOrder("row", *of_bands)
    found = wide_cycles(sizes, order, shape, words, density)
    return found[place].reshape(rows.shape)


def _gather_cycles(
    arch: ArchConfig, array: LanesArray, facts: LayerFacts, rows: Floats, columns: Floats
) -> Floats:
    """Return the mean cycles of groups that gather, row by row, in bands of so many rows, about.

    Those of few groups are arbitrated in windows of fewer; where most weights are kept, groups meet
    in banks as they lie in the rows of a band.
    """
    lanes, n_columns, density = array.weights_per_cycle, facts.n_reduction, facts.reaching
    words = operand_words(arch, array, facts, columns)
    if density >= MOSTLY_KEPT:
        most = math.ceil(SAMPLED_ORDER * array.window * lanes / (density * n_columns))
        sizes, place = np.unique(np.minimum(rows, most).astype(np.int64), return_inverse=True)
        found = _order_cycles(
            tuple(sizes.tolist()), ("row", n_columns, 0), (lanes, array.window), words, 1,
            round(density, 2), shares=array.shared_reads,
        )  # fmt: skip
        return found[place].reshape(rows.shape)
    kept = np.maximum(np.rint(rows * n_columns * density), 1).astype(np.int64)
    sizes, place = np.unique(kept, return_inverse=True)
    means = [
        mean_gather_cycles(
            min(n, lanes), words.n_banks, min(array.window, -(-n // lanes)), round(density, 2),
            n_columns, shares=array.shared_reads,
        )
        for n in sizes.tolist()
    ]  # fmt: skip
    # A last group that is not full has as many reads fewer.
    full = np.maximum(sizes / lanes, 1.0) / -(-sizes // lanes)
    each: Floats = (words.each * full * np.array(means))[place].reshape(rows.shape)
    return each


def order_cycles(
    arch: ArchConfig, array: LanesArray, facts: LayerFacts, rows: Floats, columns: Floats
) -> Floats:
    """Return the cycles of a full group of kept weights in bands of so many rows, about.

    For orders that run through all rows: what a group reads and the sums it adds to follow from
    the order.
    """
    kind, n_columns = front_end_kind(arch), facts.n_reduction
    words = operand_words(arch, array, facts, columns)
    sizes, place = np.unique(rows.astype(np.int64), return_inverse=True)
    order = kind.block_order(arch.front_end, (int(sizes[-1]), n_columns))
    found = _order_cycles(
        tuple(sizes.tolist()),
        (order.kind, n_columns, order.step),
        (array.weights_per_cycle, array.window),
        words,
        array.accumulators.n_banks or array.weights_per_cycle,
        max(round(facts.density, 2), LEAST_DENSITY),
        shares=array.shared_reads,
    )
    return found[place].reshape(rows.shape)


@lru_cache(maxsize=1 << 13)
def _order_cycles(
    sizes: tuple[int, ...],
    order: tuple[str, int, int],
    shape: tuple[int, int],
    words: Words,
    n_banks: int,
    density: float,
    *,
    shares: bool,
) -> Floats:
    """Return the cycles of a full group in bands of so many rows.

    Measured on bands of one random mask after the other, or on the first windows of a large one.
    `order` has its kind, the columns of the matrix, and how many later the next pass of a diagonal
    begins; `shape` has lanes, and the groups of a window.  Row by row no sums meet.
    """
    (kind, n_columns, step), (lanes, window) = order, shape
    gaps = np.random.default_rng(0).geometric(density, lanes * window * SAMPLED_ORDER)
    kept = np.cumsum(gaps) - 1
    bands, rows, columns = [], [], []
    for n_rows in sizes:
        band, at = np.divmod(kept, n_rows * n_columns)
        if band[-1]:  # the last one is not whole
            n = int(np.searchsorted(kept, band[-1] * n_rows * n_columns))
            band, at = band[:n], at[:n]
        bands.append(np.bincount(band))
        if kind == "row":
            row, column = np.divmod(at, n_columns)
        else:
            column, row = np.divmod(at, n_rows)
        rows.append(row)
        columns.append((column * step + row) % n_columns if kind == "diagonal" else column)
    counts = np.concatenate(bands)
    bounds = starts_of(-(-counts // lanes))
    # Groups begin with a band, and are full but for its last.
    first = np.repeat(starts_of(counts)[:-1], np.diff(bounds))
    first += lanes * (np.arange(bounds[-1]) - np.repeat(bounds[:-1], np.diff(bounds)))
    first = np.append(first, counts.sum())
    row, column, added = np.concatenate(rows), np.concatenate(columns), None
    if kind != "row":
        row, column = in_row_order(row, column, first, sizes[-1])
        added = sum_cycles(StepSums.of(row, first, n_banks), first)
    ways = True, shares
    found = band_reads(column, first, bounds, shape, words, n_columns, added, ways=ways)
    of_sizes = bounds[starts_of(np.array([len(one) for one in bands]))]
    total: Floats = np.add.reduceat(found.cycles, of_sizes[:-1]) / np.diff(of_sizes)
    return total


def operand_words(arch: ArchConfig, array: LanesArray, facts: LayerFacts, columns: Floats) -> Words:
    """Return the words of the activation memory for waves of a layer's columns."""
    wave = min(array.columns, int(columns.max()))
    return Words.of(arch.scratchpad, max(facts.weight_bits, 8), wave)


@cache
def mean_gather_cycles(
    n_lanes: int, n_banks: int, window: int, density: float, n_columns: int, *, shares: bool
) -> float:
    """Return the cycles of a full group that gathers, about.

    Measured on some windows of a mask of random weights, kept with the given density (at least
    one in 200), row after row of `n_columns` columns: groups that span rows want few columns again
    and again.
    """
    if n_lanes <= 1:
        return 1.0
    gaps = np.random.default_rng(0).geometric(
        max(round(density, 2), LEAST_DENSITY), n_lanes * window * SAMPLED
    )
    first = np.arange(window * SAMPLED + 1, dtype=np.int64) * n_lanes
    columns = np.cumsum(gaps) % n_columns
    found = gather_groups(columns, first, (n_lanes, n_banks, window), shares=shares)
    return float(np.maximum(found.cycles, window).mean()) / window


def wide_cycles(
    rows: NDArray[np.int64],
    order: BlockOrder,
    shape: tuple[int, int],
    words: Words,
    density: float,
) -> Floats:
    """Return the cycles of a full group that reads wide in bands of so many rows, about.

    Measured on the first windows of a band in a block order, kept with the given density.  `shape`
    has lanes, and the groups of a window.  A pass of a diagonal order takes neighbouring columns
    of its rows, the next one others far away: groups of many passes read many words.
    """
    n_columns, found = order.n_cols, np.full(rows.shape[0], float(words.each))
    if n_columns <= words.neighbours * words.n_banks:
        return found  # no two words are in one bank
    _word_rounds.order_cycles(
        rows,
        (np.arange(n_columns) // words.neighbours).astype(np.int32),
        {"diagonal": (order.step, 1, 0), "column": (1, 0, 0), "row": (0, 1, n_columns)}[order.kind],
        _chances(shape[0] * shape[1] * SAMPLED_WIDE),
        density,
        shape,
        words.n_banks,
        words.each,
        np.full(n_columns, -1, dtype=np.int64),
        np.full(words.n_banks, -1, dtype=np.int64),
        np.zeros(words.n_banks, dtype=np.int32),
        found,
    )
    return found


@lru_cache(maxsize=16)
def _chances(n: int) -> NDArray[np.float32]:
    """Return `n` random numbers from 0 to 1, always the same."""
    return np.random.default_rng(0).random(n, dtype=np.float32)


def mean_most(n_rows: int, chance: float, n_banks: int) -> float:
    """Return the most sums of a bank, about: neighbouring rows, each added to with a chance.

    Row r is in bank r mod banks.
    """
    each, more = divmod(n_rows, n_banks)
    if each + (more > 0) <= 1 or chance >= 1:
        return float(max(each + (more > 0), 1))
    odds, found = chance / (1 - chance), 1.0
    # Chances that banks of `each` rows, and of one more, get n sums, and at most n.
    few, many = (1 - chance) ** each, (1 - chance) ** (each + 1)
    below, below_more = few, many
    for n in range(each + 1):
        few *= odds * (each - n) / (n + 1)
        many *= odds * (each + 1 - n) / (n + 1)
        below, below_more = below + few, below_more + many
        left = 1 - below ** (n_banks - more) * below_more**more
        if left < LEAST_CHANCE:
            break
        found += left
    return found


def sum_conflicts(rows: Floats, added: float, density: float, n_banks: int) -> Floats:
    """Return the cycles of a group whose sums meet in banks, about.

    A group adds `added` products, kept with the given density, to sums of neighbouring rows of so
    many `rows`: it goes through them once in part, or several times.
    """
    n_places, found = added / max(density, 1e-9), {}
    for n in set(rows.ravel().tolist()):
        chance = 1 - (1 - density) ** max(n_places / n, 1.0)
        found[n] = mean_most(math.ceil(min(n, n_places)), chance, n_banks)
    return np.array([found[n] for n in rows.ravel().tolist()]).reshape(rows.shape)
