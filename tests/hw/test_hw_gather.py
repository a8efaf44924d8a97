"""Gathers of a row-parallel array: arbitration twice, and what keeps banks from being busy always."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from f2fsim.codec import WEIGHT_TYPES, PrunedTensor
from f2fsim.hw.arrays.bank_gather import gather_groups, gather_windows

Queues = list[list[int]]


def random_tensor(n_rows: int, n_cols: int, density: float, seed: int) -> PrunedTensor:
    mask = np.random.default_rng(seed).random((n_rows, n_cols)) < density
    return PrunedTensor("t", mask.astype(np.uint8), mask, WEIGHT_TYPES["int8"])


def windows_of(tensor: PrunedTensor, n_pes: int, n_banks: int, window: int) -> list[Queues]:
    """Return the bank of each entry, in the order in which each PE takes them, window by window."""
    owned = [
        [int(c) % n_banks for row in tensor.mask[p::n_pes] for c in np.flatnonzero(row)]
        for p in range(n_pes)
    ]
    n_windows = -(-max(1, *map(len, owned)) // window)
    return [[q[i * window : (i + 1) * window] for q in owned] for i in range(n_windows)]


def in_order(queues: Queues) -> int:
    """Arbitrate a window as docs/model.md says: every PE offers its oldest entry."""
    left, cycle = [list(queue) for queue in queues], 0
    while any(left):
        taken: set[int] = set()
        for i in range(len(left)):
            queue = left[(cycle + i) % len(left)]
            if queue and queue[0] not in taken:
                taken.add(queue.pop(0))
        cycle += 1
    return cycle


def most_loaded(queues: Queues, n_banks: int) -> int:
    """Return the entries of the busiest bank or PE: no schedule is shorter."""
    banks = np.bincount(np.array([b for q in queues for b in q], dtype=int), minlength=n_banks)
    return max(int(banks.max()), *map(len, queues))


def any_order(queues: Queues, n_banks: int) -> int:
    """Return the cycles of a schedule in which a PE may offer any of its entries.

    Entries are edges between PEs and banks and cycles are colours: each edge takes a colour that
    is free at both ends, after one alternating path is recoloured (König).
    """
    n_cycles = most_loaded(queues, n_banks)
    at_pe = [dict[int, int]() for _ in queues]
    at_bank = [dict[int, int]() for _ in range(n_banks)]
    for pe, queue in enumerate(queues):
        for bank in queue:
            a = next(c for c in range(n_cycles) if c not in at_pe[pe])
            b = next(c for c in range(n_cycles) if c not in at_bank[bank])
            if a != b:
                path, side, node, colour = [], 1, bank, a
                while (ends := (at_pe, at_bank)[side][node]).get(colour) is not None:
                    other = ends[colour]
                    path.append((node, other, colour) if side == 0 else (other, node, colour))
                    side, node, colour = 1 - side, other, b if colour == a else a
                for p, k, c in path:
                    at_pe[p].pop(c), at_bank[k].pop(c)
                for p, k, c in path:
                    at_pe[p][a + b - c], at_bank[k][a + b - c] = k, p
            at_pe[pe][a], at_bank[bank][a] = bank, pe
    return max((cycle + 1 for ends in at_pe for cycle in ends), default=0)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    sizes=st.tuples(*[st.integers(1, 9)] * 5),
    density=st.floats(0, 1),
)
def test_windows_are_arbitrated_as_described(seed: int, sizes: tuple, density: float) -> None:
    n_rows, n_cols, n_pes, n_banks, window = sizes
    tensor = random_tensor(n_rows, 3 * n_cols, density, seed)
    found = gather_windows(tensor, n_pes, n_banks, window)
    cycles, rounds = found.cycles, found.rounds
    parts = windows_of(tensor, n_pes, n_banks, window)
    assert cycles.tolist() == [in_order(queues) for queues in parts]
    assert rounds.tolist() == [max(1, *map(len, queues)) for queues in parts] or not tensor.n_kept
    for took, queues in zip(cycles, parts, strict=True):
        assert took >= any_order(queues, n_banks) == most_loaded(queues, n_banks)


def test_what_binds_where_banks_are_scarce() -> None:
    """32 PEs, 16 banks, windows of 16: half as much again as entries over banks, and why.

    Entries of a window lie unevenly in the banks and windows do not overlap: with queues in any
    order each window takes its busiest bank, 1.32 times the bound.  That PEs take their entries
    in order adds the rest.
    """
    tensor = random_tensor(512, 1000, 0.1, seed=0)
    parts = windows_of(tensor, 32, 16, 16)
    bound = tensor.n_kept / 16
    loaded = sum(most_loaded(queues, 16) for queues in parts)
    taken = int(gather_windows(tensor, 32, 16, 16).cycles.sum())
    assert sum(any_order(queues, 16) for queues in parts[:20]) == sum(
        most_loaded(queues, 16) for queues in parts[:20]
    )
    assert loaded / bound == pytest.approx(1.32, abs=0.03)
    assert taken / loaded == pytest.approx(1.16, abs=0.03)


@pytest.mark.parametrize(
    ("n_pes", "n_banks", "window"), [(64, 8, 16), (128, 8, 16), (128, 4, 16), (128, 4, 64)]
)
def test_many_pes_a_bank_meet_the_busiest_bank(n_pes: int, n_banks: int, window: int) -> None:
    """From eight PEs a bank on, a head that waits leaves no bank idle: the windows' bound is met."""
    tensor = random_tensor(512, 1000, 0.1, seed=0)
    parts = windows_of(tensor, n_pes, n_banks, window)
    loaded = sum(most_loaded(queues, n_banks) for queues in parts)
    taken = int(gather_windows(tensor, n_pes, n_banks, window).cycles.sum())
    assert loaded <= taken <= 1.03 * loaded


Words = list[list[int]]


def words_of(tensor: PrunedTensor, n_pes: int, window: int) -> list[Words]:
    """Return the column of each entry, PE by PE, window by window."""
    owned = [
        [int(c) for row in tensor.mask[p::n_pes] for c in np.flatnonzero(row)] for p in range(n_pes)
    ]
    n_windows = -(-max(1, *map(len, owned)) // window)
    return [[q[i * window : (i + 1) * window] for q in owned] for i in range(n_windows)]


def shared_in_order(queues: Words, n_banks: int) -> tuple[int, int]:
    """Cycles and reads of a window: first each bank chooses a word, then all who offer it have it."""
    left, cycle, reads = [list(queue) for queue in queues], 0, 0
    while any(left):
        turns = [(cycle + i) % len(left) for i in range(len(left))]
        offers = {q: left[q][0] for q in turns if left[q]}
        chosen = {
            bank: [c for c in offers.values() if c % n_banks == bank] for bank in range(n_banks)
        }
        given = {words[0] for words in chosen.values() if words}
        for q, column in offers.items():
            if column in given:
                left[q].pop(0)
        reads += len(given)
        cycle += 1
    return cycle, reads


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    sizes=st.tuples(*[st.integers(1, 9)] * 5),
    density=st.floats(0, 1),
)
def test_shared_reads_are_arbitrated_as_described(seed: int, sizes: tuple, density: float) -> None:
    n_rows, n_cols, n_pes, n_banks, window = sizes
    tensor = random_tensor(n_rows, 3 * n_cols, density, seed)
    found = gather_windows(tensor, n_pes, n_banks, window, shares=True)
    parts = words_of(tensor, n_pes, window)
    by_hand = [shared_in_order(queues, n_banks) for queues in parts]
    assert list(zip(found.cycles.tolist(), found.reads.tolist(), strict=True)) == by_hand
    distinct = [[c % n_banks for c in {c for q in queues for c in q}] for queues in parts]
    needed = np.bincount([bank for window in distinct for bank in window], minlength=n_banks)
    assert found.of_bank.tolist() == needed.tolist()
    assert found.of_bank.sum() <= found.reads.sum() <= tensor.n_kept
    assert found.of_bank.max() <= found.cycles.sum()
    own = gather_windows(tensor, n_pes, n_banks, window)
    assert own.reads.sum() == own.of_bank.sum() == tensor.n_kept


@pytest.mark.parametrize("n_cols", [3, 16, 40, 300])
@pytest.mark.parametrize("density", [0.05, 0.3, 1.0])
def test_shared_reads_never_cost_random_masks(n_cols: int, density: float) -> None:
    """In order a single window may lose to luck (which PE is first); masks of layers do not."""
    tensor = random_tensor(256, n_cols, density, seed=3)
    columns = np.nonzero(tensor.mask)[1]
    first = np.append(np.arange(0, columns.shape[0], 32), columns.shape[0])
    for n_banks in (8, 64):
        own, shared = (
            gather_windows(tensor, 32, n_banks, 16, shares=shares) for shares in (False, True)
        )
        assert shared.cycles.sum() <= own.cycles.sum()
        own, shared = (
            gather_groups(columns, first, (32, n_banks, 16), shares=shares)
            for shares in (False, True)
        )
        assert shared.cycles.sum() <= own.cycles.sum()
    if n_cols <= 16 and density == 1.0:
        # Every column has a bank of its own, and whoever wants one may have it.
        assert shared.cycles.sum() <= 1.1 * (first.shape[0] - 1)
        assert own.cycles.sum() > 1.5 * shared.cycles.sum()
