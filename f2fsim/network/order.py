"""Who waits for which tensor: tokens that producers give and consumers take, once a tensor.

Every consumer works through its stages in order, and so does every producer, so that having waited
for a tensor means that all earlier ones are there too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from f2fsim.config.operation import Attention
from f2fsim.network.stages import Stage

#: Channels of tokens, by who waits: the readers for memory, array and vector unit for the chip.
WRITTEN_FOR_ACTIVATIONS = "written for activations"
WRITTEN_FOR_OPERANDS = "written for operands"
WRITTEN_FOR_CACHE = "written for kv cache"
KEPT_FOR_ARRAY = "kept for array"
KEPT_FOR_VECTOR = "kept for vector unit"


@dataclass
class Waits:
    """Tokens of one channel: the stages that give one, and the stages that take one."""

    given: set[int] = field(default_factory=set)
    taken: set[int] = field(default_factory=set)
    _level: int = -1

    def wait(self, stage: int, producers: Sequence[int]) -> None:
        """Let `stage` wait for the outputs of other stages; stages are told in order."""
        latest = max(producers, default=-1)
        if latest > self._level:
            self._level = latest
            self.given.add(latest)
            self.taken.add(stage)


def all_waits(stages: Sequence[Stage], residents: set[str]) -> dict[str, Waits]:
    """Return the tokens of each channel that are needed; channels without any are left out."""
    producer = {stage.output: number for number, stage in enumerate(stages)}
    channels = (
        WRITTEN_FOR_ACTIVATIONS,
        WRITTEN_FOR_OPERANDS,
        WRITTEN_FOR_CACHE,
        KEPT_FOR_ARRAY,
        KEPT_FOR_VECTOR,
    )
    waits = {name: Waits() for name in channels}
    for number, stage in enumerate(stages):
        if isinstance(stage.work, Attention):
            # The stage before appends the keys and values that it reads.
            waits[WRITTEN_FOR_CACHE].wait(number, [number - 1])
        to_array = () if stage.is_vector else stage.inputs
        to_vector = stage.takes if stage.is_vector else stage.operands
        for names, memory, chip in (
            (to_array, WRITTEN_FOR_ACTIVATIONS, KEPT_FOR_ARRAY),
            (to_vector, WRITTEN_FOR_OPERANDS, KEPT_FOR_VECTOR),
        ):
            made = [name for name in names if name in producer]
            away = [producer[name] for name in made if name not in residents]
            waits[memory].wait(number, away)
            waits[chip].wait(number, [producer[name] for name in made if name in residents])
    return {name: one for name, one in waits.items() if one.given}
