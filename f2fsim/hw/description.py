"""The machine as data: what both engines interpret (`f2fsim.hw.wiring` checks it).

Owns the whole machine; its parts are described in `f2fsim.hw.parts` (``docs/model.md``).  Holds no
time and runs nothing; engines read it and never change it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from f2fsim.errors import SimulationError
from f2fsim.hw.one_in_time import Timing
from f2fsim.hw.parts import (
    Channel,
    Component,
    InPort,
    IntSeq,
    OutPort,
    Reader,
    StreamEngine,
    Writer,
    seq,
    total,
)
from f2fsim.hw.wiring import wiring_problems

#: A machine and all that its parts are described by.
__all__ = [
    "Channel",
    "Component",
    "InPort",
    "IntSeq",
    "Machine",
    "OutPort",
    "Reader",
    "StreamEngine",
    "Writer",
    "seq",
    "total",
]


@dataclass(frozen=True, eq=False)
class Machine:
    """A whole machine for one layer; construction checks the wiring and reports all problems.

    Attributes
    ----------
    components, channels, readers, writers
        The graph.
    burst_bytes : int
        Access granularity of the memory, 0 for a machine without memory.
    timing : Timing or None
        Equal in the machines that take the same time on the same memory, as far as that is known.

    Raises
    ------
    SimulationError
        One line for each wiring problem.
    """

    components: tuple[Component, ...]
    channels: tuple[Channel, ...]
    readers: tuple[Reader, ...] = ()
    writers: tuple[Writer, ...] = ()
    burst_bytes: int = 0
    timing: Timing | None = None

    def __post_init__(self) -> None:
        if self.timing is not None and self.timing.is_sound:
            return
        problems = wiring_problems(
            self.components, self.channels, self.readers, self.writers, self.burst_bytes
        )
        if problems:
            raise SimulationError("the machine is not wired correctly:\n" + "\n".join(problems))
        if self.timing is not None:
            self.timing.is_sound = True

    @property
    def engines(self) -> tuple[Reader | Writer, ...]:
        """Stream engines: readers, then writers; a stream's number is its place here."""
        return (*self.readers, *self.writers)

    @property
    def parts(self) -> tuple[Component | Reader | Writer, ...]:
        """Components, then stream engines."""
        return (*self.components, *self.readers, *self.writers)

    @cached_property
    def n_bursts(self) -> Mapping[str, int]:
        """Bursts that each stream engine moves."""
        return {one.name: one.bursts(self.burst_bytes)[0] for one in self.engines}

    @property
    def clocks_hz(self) -> tuple[int, ...]:
        """Clocks of all parts, memory apart."""
        return tuple(sorted({part.clock_hz for part in self.parts}))
