"""Cutting a network of many weights into pieces that are run one after another.

A machine's items are held in memory for as long as it runs: some hundred bytes for a thousand
weights.  So that this stays bounded, a network of more weights than `MOST_WEIGHTS` is cut where few
values live across; at a cut the machine drains, and what is needed behind it goes through memory.
Where it is cut depends on the workload alone, so that all machines of a comparison are cut alike.
"""

from __future__ import annotations

from collections.abc import Sequence

from f2fsim.config.layer import Layer
from f2fsim.config.operation import Attention
from f2fsim.network.stages import Stage, last_uses

#: Weights of one piece at most, but for a layer that has more by itself.
MOST_WEIGHTS = 1 << 28


def cut_stages(stages: Sequence[Stage], most_weights: int = MOST_WEIGHTS) -> list[range]:
    """Return the stages of each piece: the fullest that has the fewest values across its end.

    A cut comes after at least half of the weights that a piece may have, never between the runs of
    one layer, nor between an attention and the appending of its keys and values.
    """
    weights = [s.work.n_weights if isinstance(s.work, Layer) else 0 for s in stages]
    live = _values_across(stages)
    pieces, first = [], 0
    while sum(weights[first:]) > most_weights:
        ends, total = [], 0
        for number in range(first, len(stages)):
            if number > first and _may_cut(stages, number) and total:
                ends.append((number, total))
            total += weights[number]
            if total > most_weights and ends:
                break
        if not ends:
            break
        full = [end for end, of_end in ends if 2 * of_end >= most_weights] or [ends[-1][0]]
        end = min(full, key=lambda number: (live[number], -number))
        pieces.append(range(first, end))
        first = end
    return [*pieces, range(first, len(stages))]


def _may_cut(stages: Sequence[Stage], number: int) -> bool:
    """Whether a piece may end before a stage."""
    work = stages[number].work
    return not isinstance(work, Attention) and work is not stages[number - 1].work


def _values_across(stages: Sequence[Stage]) -> list[int]:
    """Return, for a cut before each stage, the values that are made before and taken behind."""
    last = last_uses(stages)
    live = [0] * (len(stages) + 1)
    for number, stage in enumerate(stages):
        for cut in range(number + 1, last.get(stage.output, number) + 1):
            live[cut] += stage.n_values
    return live


def needed_later(stages: Sequence[Stage], piece: range) -> set[str]:
    """Return the tensors of a piece that stages behind it take: they go to memory."""
    made = {stages[number].output for number in piece}
    return made & {name for stage in stages[piece.stop :] for name in stage.takes}
