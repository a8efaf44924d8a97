"""Several runs of one workload side by side: what `f2fsim.compare` returns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self, overload

from f2fsim.errors import InputError, choices, near_miss
from f2fsim.results.stats import SimResult
from f2fsim.results.views import ResultViews, text_table


class Comparison(ResultViews, Sequence[SimResult]):
    """Results of one workload, one a machine, in the order asked for: a sequence of `SimResult`.

    Parameters
    ----------
    results : sequence of SimResult
        What is compared.
    baseline : str or int, optional
        Machine that speed-ups are over, by its name or place; the last one if not given.

    Raises
    ------
    InputError
        If there is no result, or no machine of that name.
    """

    def __init__(self, results: Sequence[SimResult], baseline: str | int = -1) -> None:
        if not results:
            raise InputError("a comparison needs at least one result")
        names = [one.arch for one in results]
        if isinstance(baseline, str) and baseline not in names:
            raise InputError(
                f"baseline {baseline!r} is none of the machines{near_miss(baseline, names)}; "
                f"compared: {choices(names)}"
            )
        self._results = tuple(results)
        self._baseline = names.index(baseline) if isinstance(baseline, str) else baseline

    @overload
    def __getitem__(self, key: int | str) -> SimResult: ...

    @overload
    def __getitem__(self, key: slice) -> list[SimResult]: ...

    def __getitem__(self, key: int | str | slice) -> SimResult | list[SimResult]:
        """Return a result by its place or its machine's name, several by a slice."""
        if isinstance(key, slice):
            return list(self._results[key])
        if isinstance(key, int):
            return self._results[key]
        names = [one.arch for one in self._results]
        if key not in names:
            raise KeyError(f"{key!r}{near_miss(key, names)}; compared: {choices(names)}")
        return self._results[names.index(key)]

    def __len__(self) -> int:
        return len(self._results)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Comparison | list | tuple):
            return NotImplemented
        return list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __add__(self, other: Sequence[SimResult]) -> Comparison:
        return Comparison([*self, *other])

    @property
    def workload(self) -> str:
        """Name of the workload, that of the first result."""
        return self._results[0].workload

    @property
    def baseline(self) -> SimResult:
        """The run that speed-ups are over."""
        return self._results[self._baseline]

    def with_baseline(self, baseline: str | int) -> Comparison:
        """Return the same runs with another baseline, by its name or place."""
        return Comparison(self._results, baseline)

    def __repr__(self) -> str:
        title = f"Comparison of {len(self)} machines on {self.workload}"
        rows = self.rows()
        shown: list[dict[str, Any]] = [
            {
                "machine": row["arch"],
                "time": f"{row['time_us']:,.4g} us",
                "speed-up": f"{row['speedup']:.3g}",
                "bit/weight": f"{row['bits_per_weight']:.3g}",
                "DRAM": f"{row['dram_bytes'] / 1e6:,.3g} MB",
            }
            for row in rows[:6]
        ]
        more = [f"… {len(rows) - 6} more"] if len(rows) > 6 else []
        title += f" (speed-up over {self.baseline.arch})" if len(self) > 1 else ""
        return "\n".join([title, *text_table(shown), *more])

    def _runs(self) -> Sequence[SimResult]:
        return self._results

    def rows(self) -> list[dict[str, Any]]:
        """Return the totals as plain rows, ``speedup`` being over the baseline."""
        from f2fsim.results.rows import comparison_rows

        return comparison_rows(self._results, self.baseline)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save`, or ``f2fsim compare --out``, wrote: a folder or its ``results.json``.

        Raises
        ------
        DataError
            If the file is missing, damaged or of another kind.
        """
        from f2fsim.results.files import read_results

        return cls(read_results(Path(path)))
