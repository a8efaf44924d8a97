"""The report of ``f2fsim paper --masks``: tables and figures over real pruning masks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from f2fsim.codec.masks import MASK_CODES
from f2fsim.explore.mask_sets import MaskTable
from f2fsim.explore.mask_study import AUTO_N_IN, AUTO_REGISTER, N_IN
from f2fsim.explore.mask_totals import (
    VARIANTS,
    SetTotals,
    Variant,
    efficiency,
    layer_rows,
    over_entropy,
    table_problems,
)
from f2fsim.report.quality_figures import quality_section
from f2fsim.report.value import (
    Answer,
    Column,
    Figure,
    Number,
    Report,
    Section,
    Series,
    Table,
    number,
)

AUTO_VARIANT = VARIANTS[-1]
#: What the figure of sizes compares.
SIZES = (("published", "viterbi", 2), ("fitted", "viterbi", 2), AUTO_VARIANT)


def mask_report(
    totals: Sequence[SetTotals], n_exact_planes: int, command: str, table: MaskTable | None
) -> Report:
    """Return the report of the study.

    Parameters
    ----------
    totals : sequence of SetTotals
    n_exact_planes : int
        Bit planes of each layer that the exact encoder with N_s = 2 took.
    command : str
        What makes the report again.
    table : MaskTable or None
        The collection's table: sizes are compared with it, and quality is drawn.
    """
    sections = [
        _sets(totals, table),
        _efficiency(totals),
        _sizes(totals),
        _masks(totals),
        _layers(totals),
    ]
    if table is not None:
        sections.insert(1, quality_section(totals, table))
    sections.append(_method(n_exact_planes))
    return Report("F2F on real pruning masks", (_answer(totals),), tuple(sections), command)


def name_of(variant: Variant) -> str:
    """Return a variant's name in tables and legends."""
    way, encoder, n_s = variant
    return "auto" if way == "auto" else f"{way}, {encoder} N_s={n_s}"


def _in_lines(one: SetTotals) -> str:
    """Return a set's name with a comma at each place where a label may break."""
    return f"{one.set.network}, {one.set.method.replace('_', ', ')}, {one.set.sparsity:g}"


def _known(value: float) -> float | None:
    """Return a figure, None for one that was not measured."""
    return None if math.isnan(value) else value


def _answer(totals: Sequence[SetTotals]) -> Answer:
    values = max(one.over_entropy(AUTO_VARIANT) for one in totals)
    whole = [one.over_bound(AUTO_VARIANT) for one in totals]
    headline: list[tuple[str | Number, ...]] = [
        (
            "Summed over all layers of a set, the program's own choice takes at most ",
            number(values, "largest ratio of value bits to entropy of all sets", digits=4),
            " encoded bits for a bit of a kept value, patches counted; values and mask are ",
            number(min(whole), "smallest ratio of all bits to the bound", digits=4),
            " to ",
            number(max(whole), "largest ratio of all bits to the bound", digits=4),
            " of the bound that takes positions for independent.",
        )
    ]
    columns = (
        Column("set", "set", numeric=False),
        Column("values", "value bits over entropy"),
        Column("mask", "mask over H(S)"),
        Column("whole", "values and mask over the bound"),
    )
    rows = tuple(
        {
            "set": str(one.set),
            "values": one.over_entropy(AUTO_VARIANT),
            "mask": one.mask_bits("auto") / (one.bound_bits - one.entropy_bits),
            "whole": one.over_bound(AUTO_VARIANT),
        }
        for one in totals
    )
    table = Table("auto", "The program's own choice, all layers of a set", columns, rows)
    return Answer("What real masks cost", tuple(headline), table)


def _method(n_exact_planes: int) -> Section:
    lines = (
        "Masks are real, whole layers, as published; values are not published and are synthetic: "
        "independent normal numbers, int8 symmetric by row. So a kept value has 8 bits and nothing "
        "to be gained in them.",
        f"published: the scheme as published, N_in = {N_IN}, rows one after the other, one N_out a "
        "set: the whole part of N_in / (1 - nominal S). fitted: each layer's best order of row, "
        "column, diagonal and diagonal with shuffled rows (fewest value bits, elimination "
        "N_s = 7), N_out by the layer's own S. auto: order and width as the program "
        f"chooses them, N_in the widest of "
        f"{', '.join(map(str, AUTO_N_IN))} whose N_out is allowed, "
        f"registers of {AUTO_REGISTER} bits, elimination: what `f2fsim encode --auto` takes for "
        "layers of such size.",
        "N_s = 0 takes at most 255 outputs: no more rows of 8 bits differ.",
        f"The exact encoder (viterbi) with N_s = 2 took {n_exact_planes} of 8 bit planes, the "
        "lowest, of as many layers as the table of sets says, spread over each set; all else took "
        "all of both. Its value bits and patches are scaled by care bits.",
        "A patch corrects one bit; patches count in every size at their exact bits. Every "
        "encoding was decoded and compared bit by bit with what went in.",
        "The mask code classes is measured in row order; it takes the same in others but for a "
        "permille. best a layer: the smallest code of each layer.",
        "The bound is H(S) + 8 (1-S) bits a position, each layer with its own S: positions "
        "independent, values incompressible. A mask that is not even can be coded below its part.",
    )
    return Section("How it was measured", "method", tuple((line,) for line in lines))


def _sets(totals: Sequence[SetTotals], table: MaskTable | None) -> Section:
    columns = [
        Column("set", "set", numeric=False),
        Column("layers", "layers"),
        Column("weights", "weights"),
        Column("kept", "kept"),
        Column("S", "S of all"),
        Column("least", "least S of a layer"),
        Column("most", "most"),
        Column("exact", "layers with exact N_s=2"),
    ]
    rows: list[dict[str, Any]] = [
        {
            "set": str(one.set),
            "layers": len(one.layers),
            "weights": one.n_weights,
            "kept": one.n_kept,
            "S": 1 - one.n_kept / one.n_weights,
            "least": min(1 - x.n_kept / x.n_weights for x in one.layers),
            "most": max(1 - x.n_kept / x.n_weights for x in one.layers),
            "exact": one.n_measured(SIZES[0]),
        }
        for one in totals
    ]
    words: list[tuple[str, ...]] = []
    if table is not None:
        columns.insert(2, Column("all", "layers in the table"))
        columns.append(Column("quality", "quality (BLEU or top-1)"))
        for row, one in zip(rows, totals, strict=True):
            row["all"] = len(table.layers.get(one.set, {}))
            row["quality"] = table.quality.get(one.set)
        problems = table_problems(totals, table)
        n_layers = sum(len(one.layers) for one in totals)
        words = [(line,) for line in problems[:20]] or [
            (f"Rows, columns and kept weights of all {n_layers} layers are those of the table.",)
        ]
        words += [
            (f"Quality of {name} left out: {why}.",) for name, why in sorted(table.refused.items())
        ]
    found = Table("sets", "The sets of masks", tuple(columns), tuple(rows))
    return Section("Sets", "sets", tuple(words), tables=(found,))


def _by_variant(
    totals: Sequence[SetTotals],
    ways: Sequence[Variant],
    cell: Callable[[SetTotals, Variant], float],
) -> tuple[tuple[Column, ...], tuple[dict[str, Any], ...]]:
    columns = [Column("set", "set", numeric=False)]
    columns += [Column(name_of(v), name_of(v)) for v in ways]
    rows = [
        {"set": str(one.set), **{name_of(v): _known(cell(one, v)) for v in ways}} for one in totals
    ]
    return tuple(columns), tuple(rows)


def _efficiency(totals: Sequence[SetTotals]) -> Section:
    tables = []
    for name, title, cell in (
        ("efficiency", "Encoding efficiency E [%]", lambda one, v: 100 * one.efficiency(v)),
        (
            "patches",
            "Patches for a thousand weights",
            lambda one, v: 1000 * one.n_patches(v) / one.n_weights,
        ),
        ("over_entropy", "Value bits, patches counted, over (1-S)·8", SetTotals.over_entropy),
    ):
        for way in ("published", "fitted"):
            ways = [v for v in VARIANTS if v[0] in (way, "auto" if way == "fitted" else way)]
            columns, rows = _by_variant(totals, ways, cell)
            tables.append(Table(f"{name}_{way}", f"{title}: {way}", columns, rows))
    exact = [(way, "viterbi", n_s) for n_s in (0, 1, 2) for way in ("published", "fitted")]
    shown = [*exact, ("fitted", "elimination", 15)]
    series = tuple(
        Series(
            name_of(v),
            tuple(_in_lines(one) for one in totals if one.n_measured(v)),
            tuple(100 * (1 - one.efficiency(v)) for one in totals if one.n_measured(v)),
            style=i,
        )
        for i, v in enumerate(shown)
    )
    figure = Figure(
        "unmatched",
        "Care bits that the decoder misses",
        "Bars of the share of care bits that need a patch, a group for each set of masks.",
        "set",
        "care bits unmatched, 1 - E [%]",
        series,
        "All layers of a set summed; lower is better.",
        y_log=True,
    )
    words = (
        "E is the share of care bits (bits of kept weights) that the decoder's output matches.",
    )
    return Section(
        "Encoding efficiency", "efficiency", (words,), (figure,), tuple(tables[:2]),
        tuple(tables[2:]),
    )  # fmt: skip


def _sizes(totals: Sequence[SetTotals]) -> Section:
    parts: dict[str, list[float]] = {"encoded words": [], "patches": [], "mask": []}
    places, bounds = [], []
    for one in totals:
        for variant in SIZES:
            if not one.n_measured(variant):
                continue
            places.append(f"{one.set}: {variant[0]}")
            patches = one.patch_bits(variant) / one.n_weights
            parts["encoded words"].append(one.value_bits(variant) / one.n_weights - patches)
            parts["patches"].append(patches)
            parts["mask"].append(one.mask_bits(variant[0]) / one.n_weights)
            bounds.append(one.bound_bits / one.n_weights)
    series = [
        Series(name, tuple(places), tuple(values), style=i)
        for i, (name, values) in enumerate(parts.items())
    ]
    series.append(Series("bound", tuple(places), tuple(bounds), mark="points", style=7))
    figure = Figure(
        "sizes",
        "Bits a weight position",
        "Stacked bars of encoded words, patches and mask a weight position, with the bound.",
        "set and way",
        "bits a weight",
        tuple(series),
        "published and fitted with the exact encoder, N_s = 2; each layer's mask in its best code "
        "in the way's own order; int8.",
        stacked=True,
        horizontal=True,
    )
    codes = ("none", *MASK_CODES, "best")
    columns = [
        Column("set", "set", numeric=False),
        Column("way", "way", numeric=False),
        *(Column(code, _mask_title(code)) for code in codes),
    ]
    rows = [
        {
            "set": str(one.set),
            "way": name_of(variant),
            **{code: _known(100 * one.reduction(variant, code)) for code in codes},
        }
        for one in totals
        for variant in VARIANTS
    ]
    table = Table(
        "reduction",
        "Memory saved against dense int8 [%], by mask code",
        tuple(columns),
        tuple(rows),
        "The mask is never free; without it only for comparison with figures that leave it out.",
    )
    return Section("Memory reduction", "memory", (), (figure,), (), (table,))


def _mask_title(code: str) -> str:
    return {"none": "without mask", "best": "best a layer"}.get(code, f"{code} mask")


def _masks(totals: Sequence[SetTotals]) -> Section:
    codes = (*MASK_CODES, "best")
    columns = [
        Column("set", "set", numeric=False),
        Column("order", "order", numeric=False),
        *(Column(code, code if code != "best" else "best a layer") for code in codes),
        Column("entropy", "H(S)"),
    ]
    rows = []
    for one in totals:
        entropy = (one.bound_bits - one.entropy_bits) / one.n_weights
        for way in ("published", "fitted", "auto"):
            bits = {code: one.mask_bits(way, code) / one.n_weights for code in codes}
            order = "row" if way == "published" else way
            rows.append({"set": str(one.set), "order": order, **bits, "entropy": entropy})
    table = Table("masks", "Mask codes, bits a weight position", tuple(columns), tuple(rows))
    columns_, rows_ = _by_variant(totals, SIZES, SetTotals.over_bound)
    whole = Table(
        "over_bound", "Values and mask over the bound", columns_, rows_,
        "The mask of each layer in its best code; the bound takes positions for independent.",
    )  # fmt: skip
    return Section("Masks", "masks", (), (), (whole, table))


def _layers(totals: Sequence[SetTotals]) -> Section:
    columns = (
        Column("set", "set", numeric=False),
        Column("way", "way", numeric=False),
        Column("layer", "layer", numeric=False),
        Column("S", "S"),
        Column("n_out", "N_out"),
        Column("order", "order", numeric=False),
        Column("E", "E", "%"),
        Column("over", "value bits over entropy"),
    )
    rows = []
    for one in totals:
        for variant in SIZES:
            layer = one.worst_size(variant) if variant[0] == "auto" else one.worst(variant)
            found = layer.of(*variant)
            if found is None:
                continue
            rows.append(
                {
                    "set": str(one.set),
                    "way": name_of(variant),
                    "layer": layer.layer,
                    "S": 1 - layer.n_kept / layer.n_weights,
                    "n_out": found.n_out,
                    "order": found.order,
                    "E": 100 * efficiency(found),
                    "over": over_entropy(layer, variant),
                }
            )
    worst = Table(
        "worst_layers", "The worst layer of each set", columns, tuple(rows),
        "By E; of auto, by value bits over entropy.",
    )  # fmt: skip
    every = layer_rows(totals)
    keys = tuple(Column(key, key, numeric=not isinstance(every[0][key], str)) for key in every[0])
    table = Table("layers", "Every layer, way and decoder", keys, tuple(every))
    return Section("Layers", "layers", (), (), (worst,), (table,))
