"""Tables of a comparison as values: totals, configurations side by side, layers, provenance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from f2fsim.hw.front_ends import format_title
from f2fsim.report.cases import (
    Case,
    Run,
    entropy_bits,
    entropy_bits_per_weight,
    value_entropy_bits,
    value_entropy_bits_per_weight,
)
from f2fsim.report.value import Column, Table
from f2fsim.report.weigh import bandwidth_share, busy_share, slots_a_mac
from f2fsim.results import SimResult
from f2fsim.results.binding import what_if_rows
from f2fsim.results.rows import layer_row, result_row, stall_rows, stream_rows

TOTAL_COLUMNS = (
    Column("machine", "machine", numeric=False),
    Column("format", "format", numeric=False),
    Column("time_us", "time", "us"),
    Column("speedup", "F2F's speed-up over it", "times"),
    Column("gmac_s", "throughput, as if dense", "GMAC/s"),
    Column("dram_bytes", "DRAM traffic", "B"),
    Column("sparsity", "S"),
    Column("bits_per_weight", "size", "bit/weight"),
    Column("bits_without_mask", "without mask", "bit/weight"),
    Column("entropy_bits", "entropy", "bit/weight"),
    Column("value_entropy_bits", "entropy, values coded", "bit/weight"),
    Column("bandwidth_gb_s", "bandwidth", "GB/s"),
    Column("peak_gb_s", "peak", "GB/s"),
    Column("pe_busy", "slots in use", "share"),
    Column("efficiency", "care bits matched, E", "share"),
    Column("energy_uj", "energy", "uJ"),
    Column("area_mm2", "area", "mm2"),
)

#: Columns that are left out where no machine has the figure.
MAYBE = ("energy_uj", "area_mm2", "efficiency", "value_entropy_bits")

LAYER_COLUMNS = (
    Column("layer", "layer", numeric=False),
    Column("op", "op", numeric=False),
    Column("M", "M"),
    Column("K", "K"),
    Column("N", "N"),
    Column("repeat", "runs"),
    Column("weights", "weights"),
    Column("sparsity", "S"),
    Column("bits_per_weight", "bits a weight"),
    Column("entropy_bits", "entropy", "bit/weight"),
    Column("value_entropy_bits", "entropy, values coded", "bit/weight"),
    Column("cycles", "cycles of a run"),
    Column("bound_cycles", "lower bound", "cycles"),
    Column("bound_by", "bound by", numeric=False),
    Column("time_us", "time of a run", "us"),
    Column("dram_bytes", "DRAM bytes of a run", "B"),
    Column("bandwidth_gb_s", "bandwidth", "GB/s"),
    Column("plan", "plan", numeric=False),
    Column("weight_fetches", "weights fetched", "times"),
    Column("activation_fetches", "inputs fetched", "times"),
    Column("stall", "array waits most for", numeric=False),
    Column("energy_uj", "energy of a run", "uJ"),
)


def total_table(case: Case, prefix: str) -> Table:
    """Return one row a machine: time, speed-up of the subject over it, traffic, bits, energy."""
    rows = _total_rows(case)
    columns = [
        Column(c.key, f"{case.subject.name} is faster by", c.unit) if c.key == "speedup" else c
        for c in _used_columns(rows)
    ]
    return Table(f"{prefix}totals", "Machines side by side", tuple(columns), tuple(rows))


def _total_rows(case: Case) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for run in case.runs:
        row = {"machine": run.name, **result_row(run.result)}
        row["format"] = format_title(run.result.format)
        mine = case.subject.result.seconds
        row["speedup"] = run.result.seconds / mine if mine else None
        row["entropy_bits"] = entropy_bits_per_weight(run.result)
        row["value_entropy_bits"] = value_entropy_bits_per_weight(run.result)
        row["efficiency"] = _efficiency(run.result)
        rows.append(row)
    return rows


def _efficiency(result: SimResult) -> float | None:
    """Return the share of care bits that the encoder matched, None for formats without any."""
    care = sum(layer.codec_stats.get("n_care_bits", 0) for layer in result.layers)
    wrong = sum(layer.codec_stats.get("n_unmatched_bits", 0) for layer in result.layers)
    return 1 - wrong / care if care else None


def _used_columns(rows: Sequence[Mapping[str, Any]]) -> list[Column]:
    return [
        column
        for column in TOTAL_COLUMNS
        if column.key not in MAYBE or any(row[column.key] for row in rows)
    ]


def all_runs_table(cases: Sequence[Case]) -> Table:
    """Return one row a case and machine: its conditions, its totals, and what it was busy with."""
    rows: list[dict[str, Any]] = []
    for case in cases:
        for run, row in zip(case.runs, _total_rows(case), strict=True):
            shares = {
                "bandwidth_share": bandwidth_share(run.result),
                "array_busy": busy_share(run.result),
                "slots_a_mac": slots_a_mac(run.result),
            }
            conditions = {"workload": case.workload, "S": case.sparsity, "batch": case.batch}
            rows.append({**conditions, **row, **shares})
    columns = (
        Column("workload", "workload", numeric=False),
        Column("S", "S asked for"),
        Column("batch", "batch", "samples"),
        *_used_columns(rows),
        Column("bandwidth_share", "bandwidth in use", "share"),
        Column("array_busy", "array busy", "share of cycles"),
        Column("slots_a_mac", "slots a MAC by a kept weight"),
    )
    caption = "Totals of each machine in each case; F2F is the first F2F machine of the case."
    return Table("cases", "All machines in all cases", columns, tuple(rows), caption)


def layers_table(case: Case, prefix: str) -> Table:
    """Return one row a layer: time on every machine, and the subject's ratio to each other."""
    columns = [
        Column("layer", "layer", numeric=False),
        Column("M", "M"),
        Column("K", "K"),
        Column("N", "N"),
        Column("runs", "runs"),
        Column("sparsity", "S"),
    ]
    columns += [Column(f"time_us {run.name}", run.name, "us") for run in case.runs]
    columns += [Column(f"speedup {run.name}", f"over {run.name}", "times") for run in case.others]
    by_run = {run.name: {layer.name: layer for layer in run.result.layers} for run in case.runs}
    rows: list[dict[str, Any]] = []
    marked = set()
    for layer in case.subject.result.layers:
        row: dict[str, Any] = {
            "layer": layer.name,
            "M": layer.n_outputs,
            "K": layer.n_reduction,
            "N": layer.n_columns,
            "runs": layer.repeat,
            "sparsity": layer.sparsity,
        }
        for run in case.runs:
            same = by_run[run.name].get(layer.name)
            row[f"time_us {run.name}"] = same.seconds * 1e6 if same else None
            if run in case.others:
                ratio = same.seconds / layer.seconds if same and layer.seconds else None
                row[f"speedup {run.name}"] = ratio
                if ratio is not None and ratio < 1:
                    marked.add((len(rows), f"speedup {run.name}"))
        rows.append(row)
    caption = (
        f"Times of all runs of a layer; the last columns say how many times faster "
        f"{case.subject.name} is. Marked: layers where it loses."
    )
    return Table(
        f"{prefix}layers",
        "Layers, all machines",
        tuple(columns),
        tuple(rows),
        caption if case.others else "",
        frozenset(marked),
    )


def _over(n_bits: float | None, n_weights: int) -> float | None:
    return n_bits / max(n_weights, 1) if n_bits is not None else None


def run_layers_table(run: Run, prefix: str) -> Table:
    """Return one machine's layers with all their figures."""
    rows = tuple(
        {
            **layer_row(layer),
            "entropy_bits": entropy_bits(layer) / max(layer.n_weights, 1),
            "value_entropy_bits": _over(value_entropy_bits(layer), layer.n_weights),
        }
        for layer in run.result.layers
    )
    name = f"{prefix}layers_{run.name}"
    return Table(name, f"Layers on {run.title}", LAYER_COLUMNS, rows)


def streams_table(case: Case, prefix: str) -> Table:
    """Return memory traffic by machine and stream, with what the row buffers saw."""
    rows = tuple({**row, "arch": run.name} for run in case.runs for row in stream_rows(run.result))
    columns = (
        Column("arch", "machine", numeric=False),
        Column("stream", "stream", numeric=False),
        Column("payload_bytes", "payload", "B"),
        Column("dram_bytes", "on the bus", "B"),
        Column("row_hits", "row hits"),
        Column("row_misses", "row misses"),
        Column("row_conflicts", "row conflicts"),
    )
    return Table(f"{prefix}streams", "Memory traffic by stream", columns, rows)


def stalls_table(case: Case, prefix: str) -> Table:
    """Return where the cycles of every component went."""
    rows = tuple({**row, "arch": run.name} for run in case.runs for row in stall_rows(run.result))
    columns = (
        Column("arch", "machine", numeric=False),
        Column("component", "component", numeric=False),
        Column("state", "busy, stalled for, or idle", numeric=False),
        Column("cycles", "cycles"),
        Column("share", "share"),
    )
    return Table(f"{prefix}stalls", "Where the cycles of every part went", columns, rows)


def what_if_table(case: Case, prefix: str) -> Table | None:
    """Return one row a machine and resource: how much faster with twice of it; None untried."""
    rows = tuple(
        {**row, "arch": run.name}
        for run in case.runs
        for row in what_if_rows(run.name, run.result.what_if)
    )
    if not rows:
        return None
    columns = (
        Column("arch", "machine", numeric=False),
        Column("twice_of", "twice of", numeric=False),
        Column("speedup", "gives", "× as fast"),
        Column("elasticity", "elasticity"),
    )
    caption = "Each line is a simulation of the machine with twice of that resource."
    return Table(f"{prefix}what_if", "What binds, by experiment", columns, rows, caption)


def flatten(data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested mappings as one with dotted keys; lists become text."""
    out: dict[str, Any] = {}
    for key, value in data.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping):
            out |= flatten(value, f"{path}.")
        else:
            out[path] = ", ".join(map(str, value)) if isinstance(value, list) else value
    return out


def config_table(runs: Sequence[Run], name: str) -> Table:
    """Return the machines' configurations side by side, keys that differ first.

    Marked are values that differ from the first machine that has the key.
    """
    flat = {run.name: flatten(run.result.manifest.get("arch", {})) for run in runs}
    keys = list(dict.fromkeys(key for one in flat.values() for key in one))
    keys = [key for key in keys if key not in ("name", "description")]
    values = {key: [one.get(key) for one in flat.values()] for key in keys}
    firsts = {key: next((v for v in values[key] if v is not None), None) for key in keys}

    def order(key: str) -> tuple[bool, bool, int]:
        differs = len(set(map(repr, values[key]))) > 1
        return not differs, not key.endswith(".kind"), sum(v is None for v in values[key])

    keys.sort(key=order)
    columns = [Column("key", "key", numeric=False)]
    columns += [Column(run.name, run.name, numeric=False) for run in runs]
    rows: list[dict[str, Any]] = []
    marked = set()
    for key in keys:
        for run in runs:
            value = flat[run.name].get(key)
            if value is not None and value != firsts[key]:
                marked.add((len(rows), run.name))
        rows.append({"key": key, **{run.name: flat[run.name].get(key) for run in runs}})
    caption = (
        "Marked: values that differ from the first machine that has the key; – where a machine "
        "has no such key."
    )
    return Table(name, "Configurations", tuple(columns), tuple(rows), caption, frozenset(marked))


def provenance_table(runs: Sequence[tuple[str, SimResult]], name: str) -> Table:
    """Return version, digests, seed, engine, memory and packages of every run."""
    rows = []
    for case, result in runs:
        manifest = result.manifest
        packages = manifest.get("packages", {})
        memory = next((one.memory.preset for one in result.measured if one.memory), "–")
        rows.append(
            {
                "case": case,
                "machine": result.arch,
                "f2fsim": manifest.get("f2fsim", "–"),
                "engine": manifest.get("engine", "–"),
                "run": result.run,
                "seed": manifest.get("seed", "–"),
                "arch_digest": str(manifest.get("arch_digest", "–"))[:16],
                "workload_digest": str(manifest.get("workload_digest", "–"))[:16],
                "memory": memory,
                "packages": ", ".join(f"{k} {v}" for k, v in packages.items()),
            }
        )
    titles = {
        "arch_digest": "SHA-256 of the machine (first 16)",
        "workload_digest": "SHA-256 of the workload (first 16)",
    }
    columns = [Column(key, titles.get(key, key), numeric=False) for key in rows[0]] if rows else []
    return Table(name, "What was run", tuple(columns), tuple(rows))


def origins_table(cases: Sequence[Case], name: str) -> Table:
    """Return for every input of every case how many layers had it measured, given, assumed."""
    rows = []
    for case in cases:
        counts: dict[tuple[str, str], int] = {}
        for layer in case.subject.result.layers:
            for what, origin in layer.origins.items():
                counts[what, origin] = counts.get((what, origin), 0) + 1
        rows += [
            {"case": case.title, "input": what, "origin": origin, "layers": n}
            for (what, origin), n in sorted(counts.items())
        ]
    columns = (
        Column("case", "case", numeric=False),
        Column("input", "input", numeric=False),
        Column("origin", "origin", numeric=False),
        Column("layers", "layers"),
    )
    return Table(name, "Where the inputs come from", columns, tuple(rows))
