"""Results as flat rows: what tables, CSV and data frames show of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from f2fsim.results.binding import main_stall
from f2fsim.results.network import network_row
from f2fsim.results.stats import LayerResult, SimResult


def layer_row(layer: LayerResult) -> dict[str, Any]:
    """Return one layer's main figures; times and energy are those of one run of the layer.

    A layer of a network's run has no bandwidth, stall and energy of its own.
    """
    alone = bool(layer.components)
    return {
        "layer": layer.name,
        "op": layer.op,
        "M": layer.n_outputs,
        "K": layer.n_reduction,
        "N": layer.n_columns,
        "repeat": layer.repeat,
        "weights": layer.n_weights,
        "sparsity": layer.sparsity,
        "bits_per_weight": layer.bits_per_weight,
        "cycles": layer.n_cycles,
        "bound_cycles": layer.bound,
        "bound_by": max(layer.bound_cycles, key=lambda k: layer.bound_cycles[k], default=""),
        "time_us": layer.n_ticks / layer.ticks_per_second * 1e6,
        "dram_bytes": layer.n_bytes,
        "bandwidth_gb_s": layer.bandwidth_bytes_per_second / 1e9 if alone else None,
        "plan": str(layer.plan) if layer.plan else None,
        "weight_fetches": layer.plan.weight_fetches if layer.plan else None,
        "activation_fetches": layer.plan.activation_fetches if layer.plan else None,
        "stall": main_stall(layer),
        "energy_uj": sum(layer.energy_pj.values()) / 1e6 if alone else None,
    }


def result_row(result: SimResult) -> dict[str, Any]:
    """Return a run's main figures."""
    return {
        "arch": result.arch,
        "format": result.format,
        "sparsity": result.sparsity,
        "cycles": result.n_cycles,
        "time_us": result.seconds * 1e6,
        "gmac_s": result.effective_gmacs_per_second,
        "dram_bytes": result.n_bytes,
        "bits_per_weight": result.bits_per_weight,
        "bits_without_mask": result.bits_per_weight_without_mask,
        "bandwidth_gb_s": result.n_bytes / result.seconds / 1e9 if result.seconds else 0.0,
        "peak_gb_s": result.peak_bytes_per_second / 1e9,
        "pe_busy": result.pe_utilisation,
        "energy_uj": sum(result.energy_pj.values()) / 1e6,
        "area_mm2": sum(result.area_um2.values()) / 1e6,
        "run": result.run,
        **(network_row(result.network) if result.network else {}),
    }


def comparison_rows(
    results: Sequence[SimResult], baseline: SimResult | None = None
) -> list[dict[str, Any]]:
    """Return the rows of several runs.

    ``speedup`` is how many times faster the row's machine is than `baseline`, the last one if not
    given.
    """
    base = results[-1] if baseline is None else baseline
    rows = [result_row(result) for result in results]
    keys = dict.fromkeys(key for row in rows for key in row)
    rows = [{key: row.get(key) for key in keys} for row in rows]
    for row, result in zip(rows, results, strict=True):
        row["speedup"] = base.seconds / result.seconds if result.seconds else 0.0
    return rows


def stream_rows(result: SimResult) -> list[dict[str, Any]]:
    """Return memory traffic by stream over the whole workload."""
    totals: dict[str, dict[str, Any]] = {}
    for one in result.measured:
        for stream in one.streams:
            row = totals.setdefault(
                stream.name,
                {
                    "arch": result.arch,
                    "stream": stream.name,
                    "payload_bytes": 0.0,
                    "dram_bytes": 0,
                    "row_hits": 0,
                    "row_misses": 0,
                    "row_conflicts": 0,
                },
            )
            row["payload_bytes"] += stream.payload_bits * one.repeat / 8
            row["dram_bytes"] += stream.n_bytes * one.repeat
            for key in ("row_hits", "row_misses", "row_conflicts"):
                row[key] += getattr(stream, key) * one.repeat
    return list(totals.values())


def stall_rows(result: SimResult) -> list[dict[str, Any]]:
    """Return where the cycles of every component went, over the whole workload."""
    totals: dict[tuple[str, str], int] = {}
    total_cycles: dict[str, int] = {}
    for one in result.measured:
        for part in one.components:
            n = one.repeat
            total_cycles[part.name] = total_cycles.get(part.name, 0) + part.total_cycles * n
            states = {"busy": part.busy_cycles, **part.stall_cycles, "idle": part.idle_cycles}
            for state, cycles in states.items():
                key = (part.name, state)
                totals[key] = totals.get(key, 0) + cycles * n
    return [
        {
            "arch": result.arch,
            "component": name,
            "state": state,
            "cycles": cycles,
            "share": cycles / total_cycles[name] if total_cycles[name] else 0.0,
        }
        for (name, state), cycles in totals.items()
    ]
