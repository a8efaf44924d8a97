"""Two interpreters of one machine description."""

from __future__ import annotations

from typing import TYPE_CHECKING

from f2fsim.engine.outcome import Outcome
from f2fsim.errors import InputError, choices, near_miss

if TYPE_CHECKING:
    from f2fsim.config.dram import DramSpec
    from f2fsim.engine.observer import Observer
    from f2fsim.hw.description import Machine
    from f2fsim.hw.dram import DramParams

ENGINES = ("compiled", "event")


def check_engine(name: str) -> str:
    """Return `name` if it is an engine; `InputError` lists the choices."""
    if name not in ENGINES:
        raise InputError(
            f"unknown engine {name!r}{near_miss(name, ENGINES)}; known: {choices(ENGINES)}"
        )
    return name


def run(
    machine: Machine,
    dram: DramParams,
    engine: str = "compiled",
    observer: Observer | None = None,
    spec: DramSpec | None = None,
) -> Outcome:
    """Run a machine with one of `ENGINES`; both give the same counters.

    `spec` is the memory's preset, for the energy; only the event engine tells an `observer`.
    """
    if check_engine(engine) == "event" or observer is not None:
        from f2fsim.engine.event import run_event

        return run_event(machine, dram, observer, spec)
    from f2fsim.engine.compiled import run_compiled

    return run_compiled(machine, dram, spec)


__all__ = ["ENGINES", "Outcome", "check_engine", "run"]
