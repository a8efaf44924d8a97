"""Results as pandas tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from f2fsim.results.rows import layer_row
from f2fsim.results.stats import SimResult

if TYPE_CHECKING:
    import pandas as pd


def layers_frame(results: SimResult | Sequence[SimResult]) -> pd.DataFrame:
    """Return one row a layer of each result; times and energies are those of one run."""
    import pandas as pd

    listed = [results] if isinstance(results, SimResult) else results
    return pd.DataFrame(
        [{"arch": one.arch, **layer_row(layer)} for one in listed for layer in one.layers]
    )
