"""The roofline with the decoder as its third roof: every layer under memory, decoder and array.

The bound is the three-way one of DECA, ``min(bandwidth · AI, decoder rate · AI, array rate)``; here
AI counts effectual MACs over all bytes that a layer moves.
"""

from __future__ import annotations

from collections.abc import Mapping

from f2fsim.report.cases import Case, Run
from f2fsim.report.figures import ENTROPY_STYLE
from f2fsim.report.value import Figure, Series
from f2fsim.results import LayerResult

#: Bounds of a layer that are the array's, by their name in the results.
ARRAY_BOUNDS = ("multipliers", "array", "array steps", "longest PE", "operand banks")
#: A layer is bound by none of the three below this share of its cycles.
BINDS = 0.5
#: What binds, and its colour (the style's number).
COLOURS = {"memory": 0, "decoder": 1, "array": 2, "none of them": ENTROPY_STYLE}
_N_LOOKS = 8


def three_bounds(bound_cycles: Mapping[str, int]) -> dict[str, int]:
    """Return the fewest cycles by memory, decoder and array, the slowest unit of each."""
    found = dict.fromkeys(("memory", "decoder", "array"), 0)
    for name, cycles in bound_cycles.items():
        if name == "memory" or name.endswith(" requests"):
            key = "memory"
        elif name == "scratchpad fill":  # beside all three
            continue
        else:
            key = "array" if name in ARRAY_BOUNDS else "decoder"
        found[key] = max(found[key], cycles)
    return found


def binding(layer: LayerResult) -> str:
    """Return which of the three takes the largest share of a layer's cycles."""
    bounds = three_bounds(layer.bound_cycles)
    largest = max(bounds, key=lambda key: bounds[key])
    return largest if bounds[largest] >= BINDS * layer.n_cycles else "none of them"


def roofline_figure(case: Case) -> Figure:
    """Return every layer under the roofs of its machine, coloured by what binds it.

    A layer of a network's run is above a roof where work for it was done ahead.
    """
    series: list[Series] = []
    roofs: dict[tuple[float, float, float], list[Run]] = {}
    for number, run in enumerate(case.runs):
        layers = [layer for layer in run.result.layers if layer.n_bytes and layer.macs_effectual]
        if not layers:
            continue
        for what in COLOURS:
            mine = [layer for layer in layers if binding(layer) == what]
            if mine:
                series.append(_points(run.name, what, mine, number))
        roofs.setdefault(_roofs(run, layers), []).append(run)
    xs = [value for one in series for value in one.x]
    several = len(roofs) > 1
    for number, ((array, peak, decoder), runs) in enumerate(roofs.items()):
        slopes = {"roof": peak, "decoder roof": decoder}
        for which, (name, slope) in enumerate(slopes.items()):
            if not (slope and array and xs):
                continue
            corners = sorted({min(xs) / 2, array / slope, max(2 * max(xs), 2 * array / slope)})
            whose = f" of {', '.join(run.name for run in runs)}" if several else ""
            series.append(
                Series(
                    f"{name}{whose}",
                    tuple(corners),
                    tuple(min(array, slope * at) for at in corners),
                    (),
                    "limit",
                    _look(COLOURS["decoder"] if which else ENTROPY_STYLE, number),
                )
            )
    return Figure(
        "roofline",
        "Roofline with the decoder, a point for each layer",
        "Scatter of layers: effectual MACs a DRAM byte against effectual GMAC/s, coloured by what "
        "binds, under the roofs of memory and multipliers and of the decoder.",
        "intensity [effectual MAC/byte]",
        "effectual throughput [GMAC/s]",
        tuple(series),
        "Bound min(bandwidth · AI, decoder rate · AI, array rate), as DECA states it. Only "
        "multiplications by kept weights count. The decoder's roof is the front end with its patch "
        "and mask units on the layer it feeds fastest. A colour says which of the three takes most "
        f"of a layer's cycles; below {BINDS:.0%} none of them binds. In a network's run a point is "
        "above a roof where the layer's weights came while the one before was computed.",
        x_log=True,
        y_log=True,
    )


def _roofs(run: Run, layers: list[LayerResult]) -> tuple[float, float, float]:
    """Return GMAC/s of the multipliers, and GB/s of the memory and of the decoder."""
    array = max(layer.n_multipliers * layer.clock_hz for layer in layers) / 1e9
    decoder = 0.0
    for layer in layers:
        cycles = three_bounds(layer.bound_cycles)["decoder"]
        if cycles:
            decoder = max(decoder, layer.n_bytes * layer.clock_hz / cycles / 1e9)
    return array, run.result.peak_bytes_per_second / 1e9, decoder


def _points(name: str, what: str, layers: list[LayerResult], number: int) -> Series:
    labels = []
    for layer in layers:
        shares = three_bounds(layer.bound_cycles).items()
        told = ", ".join(f"{key} {cycles / layer.n_cycles:.0%}" for key, cycles in shares)
        labels.append(f"{layer.name}: {told} of its cycles")
    return Series(
        f"{name}: {what}",
        tuple(layer.macs_effectual / layer.n_bytes for layer in layers),
        tuple(_gmacs(layer) for layer in layers),
        tuple(labels),
        "points",
        _look(COLOURS[what], number),
    )


def _look(colour: int, number: int) -> int:
    """Return the style of a colour with the marker of a machine's number."""
    return (number - colour) % _N_LOOKS * _N_LOOKS + colour


def _gmacs(layer: LayerResult) -> float:
    return layer.macs_effectual * layer.repeat / layer.seconds / 1e9 if layer.seconds else 0.0
