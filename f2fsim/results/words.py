"""A result in words: how it shows itself in a session, and what its machine's clock allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from f2fsim.results.binding import binding

if TYPE_CHECKING:
    from f2fsim.results.stats import SimResult


def result_words(result: SimResult) -> str:
    """Return a result in a few lines: what was run, and its totals."""
    facts = [
        ("time", f"{result.seconds * 1e6:,.4g} us ({result.n_cycles:,} cycles)"),
        ("throughput", f"{result.effective_gmacs_per_second:.4g} GMAC/s, as if dense"),
        ("DRAM", f"{result.n_bytes:,} bytes"),
        ("size", f"{result.bits_per_weight:.4g} bit/weight, mask counted"),
    ]
    run = result.network
    if run is not None and run.tokens:
        share = f"KV cache {run.cache_bytes / run.n_bytes:.0%} of the bytes"
        facts.append(("decoding", f"{run.tokens_per_second:.4g} tokens/s, {share}"))
    bound = binding(result.what_if)
    if bound is not None:
        facts.append(("bound by", f"{bound.words}: twice is {bound.gain:.3g} × as fast"))
    if result.clock_note:
        facts.append(("clock", result.clock_note))
    how = "each by itself" if run is None else f"as one run of {len(run.stages)} stages"
    title = f"SimResult of {result.workload} on {result.arch} ({result.format}), "
    return "\n".join(
        [f"{title}{len(result.layers)} layers, {how}", *(f"  {k:<11}{v}" for k, v in facts)]
    )


def clock_note(result: SimResult) -> str:
    """Return which part is too slow for the machine's clock, in words; empty if none is."""
    clock_hz = max((one.clock_hz for one in result.measured), default=0)
    if not result.clock_limits_hz or clock_hz <= min(result.clock_limits_hz.values()):
        return ""
    slowest = min(result.clock_limits_hz, key=lambda name: result.clock_limits_hz[name])
    limit = result.clock_limits_hz[slowest]
    return (
        f"{clock_hz / 1e6:.4g} MHz is above what the {slowest} allows, "
        f"about {limit / 1e6:.3g} MHz by estimate: cut it into more stages, or lower the clock"
    )
