"""Which runs of a case words compare, and what is counted of them."""

from __future__ import annotations

from collections.abc import Sequence

from f2fsim.report.cases import Case, Run
from f2fsim.results import ComponentStats, SimResult
from f2fsim.results.binding import TOGETHER, binding


def best_f2f(case: Case) -> Run:
    """Return the fastest F2F run of a case; without one the case's subject."""
    found = [run for run in case.runs if run.is_fixed_to_fixed]
    return min(found, key=lambda run: run.result.seconds, default=case.subject)


def dense_of(case: Case) -> Run | None:
    """Return the fastest dense run of a case, None without one."""
    found = [run for run in case.runs if run.is_uncompressed]
    return min(found, key=lambda run: run.result.seconds, default=None)


def best_of_formats(case: Case) -> dict[str, Run]:
    """Return the fastest run of each format that is not F2F, by format."""
    found: dict[str, Run] = {}
    for run in sorted(case.runs, key=lambda run: run.result.seconds):
        if not run.is_fixed_to_fixed and run is not best_f2f(case):
            found.setdefault(run.result.format, run)
    return found


def bound_text(run: Run) -> str | None:
    """Return what binds a run and what twice of it gives, None if nobody tried."""
    found = binding(run.result.what_if)
    if found is None:
        return None
    return f"{TOGETHER.join(found.names) or 'nothing alone'} {found.gain:.3g} ×"


def slots(result: SimResult) -> int:
    """Return the multiplier slots that the whole workload takes."""
    return result.macs_issued


def slots_a_mac(result: SimResult) -> float | None:
    """Return the multiplier slots for each multiplication by a kept weight, None without any."""
    issued = slots(result)
    return issued / result.macs_effectual if issued and result.macs_effectual else None


def bandwidth_share(result: SimResult) -> float | None:
    """Return the bytes moved over what the memory could move in the time, None without one."""
    peak = result.peak_bytes_per_second * result.seconds
    return result.n_bytes / peak if peak else None


def busy_share(result: SimResult) -> float | None:
    """Return the share of all cycles in which the PE array was busy, None without one."""
    parts = [(_array(one.components), one.repeat) for one in result.measured]
    total = sum(part.total_cycles * n for part, n in parts if part)
    return sum(part.busy_cycles * n for part, n in parts if part) / total if total else None


def _array(parts: Sequence[ComponentStats]) -> ComponentStats | None:
    return next((part for part in parts if part.kind == "pe_array"), None)
