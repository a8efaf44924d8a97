"""Two interpreters of one machine description."""

from __future__ import annotations

from f2fsim.engine.outcome import Outcome
from f2fsim.errors import InputError, choices, near_miss
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


def run(machine: Machine, dram: DramParams, engine: str = "compiled") -> Outcome:
    """Run a machine with one of `ENGINES`; both give the same counters."""
    if check_engine(engine) == "event":
        from f2fsim.engine.event import run_event

        return run_event(machine, dram)
    from f2fsim.engine.compiled import run_compiled

    return run_compiled(machine, dram)


__all__ = ["ENGINES", "Outcome", "check_engine", "run"]
