"""Points of a sweep or search: figures they are judged by, axes, and the Pareto front."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from f2fsim.errors import InputError, choices, near_miss
from f2fsim.report.value import Figure, Series


@dataclass(frozen=True)
class Metric:
    """A measured column: words, unit, and whether more is better."""

    title: str
    unit: str = ""
    more_is_better: bool = False


METRICS = {
    "time_us": Metric("time", "us"),
    "cycles": Metric("cycles"),
    "energy_uj": Metric("energy", "uJ"),
    "area_mm2": Metric("area", "mm2"),
    "dram_bytes": Metric("DRAM traffic", "B"),
    "bits_per_weight": Metric("encoded size", "bit/weight"),
    "bits_without_mask": Metric("encoded size without mask", "bit/weight"),
    "efficiency": Metric("encoding efficiency E", more_is_better=True),
    "gmac_s": Metric("throughput", "GMAC/s", more_is_better=True),
    "bandwidth_gb_s": Metric("bandwidth", "GB/s", more_is_better=True),
    "peak_gb_s": Metric("peak bandwidth", "GB/s"),
    "pe_busy": Metric("PE utilisation", "share", more_is_better=True),
    "speedup": Metric("speed-up", "times", more_is_better=True),
}

#: Columns of a store of points under their names here, and the factor to the unit here.
ALIASES = {
    "seconds": ("time_us", 1e6),
    "n_cycles": ("cycles", 1),
    "energy_pj": ("energy_uj", 1e-6),
    "area_um2": ("area_mm2", 1e-6),
    "bits_per_weight_without_mask": ("bits_without_mask", 1),
    "effective_gmacs_per_second": ("gmac_s", 1),
    "pe_utilisation": ("pe_busy", 1),
    "encoding_efficiency": ("efficiency", 1),
}

#: Columns that describe the bookkeeping of a store or parts of a figure, not the design.
BOOKKEEPING = frozenset(
    (
        "index", "point", "digest", "status", "error", "role", "trial", "generation", "state",
        "bound_cycles", "measured_sparsity", "n_unmatched_bits",
    )
)  # fmt: skip
#: Last names of axes that set what is asked of the machines, not the machines: points are compared
#: where these are equal.
CONDITIONS = frozenset(("workload", "sparsity", "weight_type", "batch", "seed", "pruning"))
PARTS = ("energy_pj.", "area_um2.", "values_", "params_", "user_attrs_")


def named(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored row under the names of `METRICS`."""
    out: dict[str, Any] = {}
    for key, value in row.items():
        name, factor = ALIASES.get(key, (key, 1))
        scaled = value * factor if factor != 1 and is_number(value) else value
        out[name] = None if isinstance(scaled, float) and math.isnan(scaled) else scaled
    return out


#: Pairs of objectives for the front, the first that a sweep has.
FRONTS = (
    ("area_mm2", "time_us"),
    ("energy_uj", "time_us"),
    ("bits_per_weight", "time_us"),
    ("dram_bytes", "time_us"),
    ("bits_per_weight", "efficiency"),
)


@dataclass(frozen=True)
class Sweep:
    """Points of a sweep or search: rows with the values of the axes and what was measured.

    ``asked_by`` are the columns of which each value has its own front and curves; without them
    those of `CONDITIONS` that vary.
    """

    name: str
    rows: tuple[Mapping[str, Any], ...]
    asked_by: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for key in self.asked_by:
            if key not in self.axes:
                near = near_miss(key, self.axes)
                raise InputError(
                    f"{self.name}: no column {key!r} varies{near}; known: {choices(self.axes)}"
                )

    @cached_property
    def good(self) -> list[Mapping[str, Any]]:
        """Points that ran and are no baseline."""
        return [
            row
            for row in self.rows
            if str(row.get("status", "done")) in ("done", "ok", "ready", "complete", "cached")
            and str(row.get("role", "point")) == "point"
        ]

    @cached_property
    def metrics(self) -> list[str]:
        """Measured columns with numbers in them."""
        return [key for key in METRICS if any(is_number(row.get(key)) for row in self.good)]

    @cached_property
    def axes(self) -> list[str]:
        """Columns that vary and are neither measured nor bookkeeping."""
        keys = dict.fromkeys(key for row in self.rows for key in row)
        return [
            key
            for key in keys
            if key not in METRICS
            and key not in BOOKKEEPING
            and not key.endswith("digest")
            and "_over_" not in key
            and not key.startswith(PARTS)
            and len({repr(row.get(key)) for row in self.good}) > 1
        ]

    @cached_property
    def by(self) -> list[str]:
        """Axes of which each value has a front of its own."""
        if self.asked_by:
            return list(self.asked_by)
        return [
            key
            for key in self.axes
            if key.rpartition(".")[2] in CONDITIONS or key.startswith("workload.")
        ]

    @cached_property
    def groups(self) -> dict[str, list[Mapping[str, Any]]]:
        """Good points by the values of `by` in words; one group "" without such axes."""
        return grouped(self.good, self.by)

    def axis(self, ending: str) -> str | None:
        """Return the axis whose last name is `ending`, such as ``n_out``."""
        return next((key for key in self.axes if key.rpartition(".")[2] == ending), None)


def grouped(
    rows: Sequence[Mapping[str, Any]], keys: Sequence[str]
) -> dict[str, list[Mapping[str, Any]]]:
    """Return rows by the values of columns, in words, in the order of their values."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: [_sortable(row.get(key)) for key in keys]):
        words = ", ".join(f"{key.rpartition('.')[2]}={row.get(key)}" for key in keys)
        found.setdefault(words, []).append(row)
    return found


def _sortable(value: Any) -> tuple[bool, float, str]:
    """Return a key that puts numbers before text."""
    return (not is_number(value), value if is_number(value) else 0.0, str(value))


def is_number(value: Any) -> bool:
    """Whether a cell is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def label(sweep: Sweep, row: Mapping[str, Any]) -> str:
    """Return a point's axes in words."""
    return ", ".join(f"{key.rpartition('.')[2]}={row.get(key)}" for key in sweep.axes)


def pareto(rows: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> list[Mapping[str, Any]]:
    """Return the rows that no other row beats in all `keys` (at least equal, one better).

    Rows are sorted by the first key; of equal points the first stays.
    """
    signs = [-1.0 if METRICS[key].more_is_better else 1.0 for key in keys]
    usable = [row for row in rows if all(is_number(row.get(key)) for key in keys)]
    scored = [
        (tuple(s * row[k] for s, k in zip(signs, keys, strict=True)), i, row)
        for i, row in enumerate(usable)
    ]
    scored.sort(key=lambda item: item[:2])
    front: list[tuple[tuple[float, ...], Mapping[str, Any]]] = []
    for point, _, row in scored:
        beaten = any(all(a <= b for a, b in zip(other, point, strict=True)) for other, _ in front)
        if not beaten:
            front.append((point, row))
    return [row for _, row in front]


def objectives(sweep: Sweep) -> tuple[str, str] | None:
    """Return the two measured columns of the front."""
    have = sweep.metrics
    varying = [
        pair
        for pair in FRONTS
        if all(k in have and len({row.get(k) for row in sweep.good}) > 1 for k in pair)
    ]
    return varying[0] if varying else None


def fronts(sweep: Sweep, pair: tuple[str, str]) -> dict[str, list[Mapping[str, Any]]]:
    """Return the Pareto front of each group of points (`Sweep.groups`)."""
    return {words: pareto(rows, pair) for words, rows in sweep.groups.items()}


def front_figure(sweep: Sweep, prefix: str) -> Figure | None:
    """Return all points and the Pareto front of each group, of the first pair of objectives."""
    pair = objectives(sweep)
    if pair is None:
        return None
    usable = [row for row in sweep.good if all(is_number(row.get(key)) for key in pair)]
    found = fronts(sweep, pair)
    chosen = {id(row) for front in found.values() for row in front}
    rest = [row for row in usable if id(row) not in chosen]

    def series(name: str, rows: Sequence[Mapping[str, Any]], style: int, mark: Any) -> Series:
        return Series(
            name,
            tuple(row[pair[0]] for row in rows),
            tuple(row[pair[1]] for row in rows),
            tuple(label(sweep, row) for row in rows),
            mark,
            style,
        )

    # Style 7 is the grey of all other points.
    styles = [5, *range(5), 6, *range(8, 8 + len(found))]
    lines = [
        series(f"Pareto front{f' of {words}' if words else ''}", front, styles[i], "line")
        for i, (words, front) in enumerate(found.items())
    ]
    each = f" of its {', '.join(sweep.by)}" if sweep.by else ""
    return Figure(
        f"{prefix}pareto",
        f"{sweep.name}: {METRICS[pair[0]].title} against {METRICS[pair[1]].title}",
        f"Scatter of {len(usable)} points with the {len(chosen)} on a Pareto front joined.",
        axis_title(pair[0]),
        axis_title(pair[1]),
        (series("other points", rest, 7, "points"), *lines),
        f"{len(chosen)} of {len(usable)} points are not beaten in both by any{each}. Point at one "
        "for its axes.",
    )


def axis_title(key: str) -> str:
    """Return a figure's name with its unit."""
    metric = METRICS[key]
    return f"{metric.title} [{metric.unit}]" if metric.unit else metric.title
