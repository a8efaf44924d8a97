"""The mask unit that F2F, bitmap and Huffman front ends share: raw bits or words of a mask code."""

from __future__ import annotations

from f2fsim.codec.block_code import UNIT_BLOCK
from f2fsim.codec.run_masks import MAX_RUN_BITS
from f2fsim.config.front_end import BitmapFrontEnd, F2fFrontEnd, HuffmanFrontEnd
from f2fsim.cost.front_end_units import late_mask_cycles
from f2fsim.hw.front_ends.contract import (
    ONE,
    FrontEndJob,
    Rates,
    at_rate,
    fifo_units,
    mean_rounds,
    total_work,
)
from f2fsim.mapping.facts import LayerFacts
from f2fsim.mapping.steps import LayerSteps

MaskedFrontEnd = F2fFrontEnd | BitmapFrontEnd | HuffmanFrontEnd


def add_mask_unit(job: FrontEndJob, front_end: MaskedFrontEnd, latency_cycles: int = 1) -> str:
    """Add the unit; return its FIFO.

    A raw mask passes a step a cycle; a code takes its words at the unit's rate.  A layer that is
    stored densely has none: the unit lets its steps pass.  Whoever takes
    the masks can do so `latency_cycles` later.
    """
    service = ONE
    if front_end.mask_code != "raw" and not job.is_dense:
        service = at_rate(job.over_passes(lambda band: band.most_symbols), front_end.mask_rate)
    return job.unit(
        "mask unit",
        "mask_unit",
        service,
        job.stream("mask"),
        {"mask_bit": 0 if job.is_dense else job.n_positions()},
        latency_cycles + _made_cycles(front_end),
    )


def mask_format(front_end: MaskedFrontEnd) -> str:
    """Return the mask code of the format: words of a block code are those the unit is built for."""
    return "block32" if front_end.mask_code == "block" else front_end.mask_code


def mask_places(front_end: MaskedFrontEnd, latency_cycles: int = 1) -> int:
    """Return the places of the unit's FIFO."""
    return fifo_units(front_end, latency_cycles + _made_cycles(front_end))


def _made_cycles(front_end: MaskedFrontEnd) -> int:
    """Return the cycles from the unit's service until the mask is made."""
    return late_mask_cycles(front_end.mask_code)


def mask_cycles(
    front_end: MaskedFrontEnd, facts: LayerFacts, n_positions: float, n_units: int = 1
) -> float:
    """Return the mean cycles in which units make masks of so many positions each, about."""
    if facts.is_dense:
        return 1.0
    words = mask_words(front_end.mask_code, facts.density)
    return mean_rounds(n_positions, words, front_end.mask_rate, n_units)


def mask_words(code: str, density: float) -> float:
    """Return the words a weight that a unit makes an even mask of, about: none of a raw one."""
    if code == "block":
        return 1 / UNIT_BLOCK
    if code != "zero_runs" or density <= 0:
        return 0.0
    # A field says how many pruned weights there are before a kept one, or that many more follow.
    words = [density / (1 - (1 - density) ** (2**k - 1)) for k in range(1, MAX_RUN_BITS + 1)]
    _, least = min((k * words[k - 1], words[k - 1]) for k in range(1, MAX_RUN_BITS + 1))
    return float(least)


def mask_unit_rates(front_end: MaskedFrontEnd, steps: LayerSteps, n_units: int) -> Rates:
    """Return the words of the mask code and their rate; none for a raw mask."""
    if front_end.mask_code == "raw":
        return {}
    words = total_work(steps, lambda band: band.n_symbols)
    return {"mask unit": (words, front_end.mask_rate * n_units)}
