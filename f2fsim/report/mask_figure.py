"""The figure of mask statistics: how even each block order makes the kept weights of a block."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from f2fsim.errors import InputError, MissingDependencyError
from f2fsim.whole_file import whole_file
from f2fsim.workloads.statistics import MaskStatistics

#: Kinds of image files that can be written.
IMAGE_KINDS = (".svg", ".png", ".pdf")


def order_series(statistics: Sequence[MaskStatistics]) -> dict[str, list[float | None]]:
    """Return the lines of the figure: the CV of n_u of each layer, by order, and if independent."""
    orders = statistics[0].n_u_cv if statistics else {}
    series: dict[str, list[float | None]] = {
        order: [s.n_u_cv[order] for s in statistics] for order in orders
    }
    return series | {"independent": [s.iid_cv for s in statistics]}


def draw_orders(statistics: Sequence[MaskStatistics], path: Path, title: str) -> None:
    """Draw `order_series` over the layers into an image file, whole or not at all.

    Raises
    ------
    InputError
        If the file's ending is none of `IMAGE_KINDS`.
    MissingDependencyError
        If matplotlib is not installed.
    """
    if path.suffix.lower() not in IMAGE_KINDS:
        raise InputError(f"{path}: an image file ends with {', '.join(IMAGE_KINDS)}")
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingDependencyError(
            "figures need matplotlib; run: pip install 'f2fsim[report]'"
        ) from None
    with mpl.rc_context({"svg.hashsalt": "f2fsim", "svg.fonttype": "none"}):
        figure = Figure(figsize=(8, 4.5), layout="constrained")
        axes = figure.add_subplot()
        for order, values in order_series(statistics).items():
            numbers = [float("nan") if value is None else value for value in values]
            line = axes.plot(range(1, len(numbers) + 1), numbers, marker=".", label=order)[0]
            if order == "independent":
                line.set(color="black", linestyle="--")
        n_out = statistics[0].n_out if statistics else 0
        axes.set(title=title, xlabel="layer", ylabel=f"CV of n_u, blocks of {n_out} weights")
        axes.set_ylim(bottom=0)
        axes.legend(fontsize="small")
        date = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
        with whole_file(path) as partial:
            figure.savefig(partial, metadata=date[path.suffix.lower()])
