"""Cost tables: YAML to `f2fsim.cost.CostTable`, by name or by file."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from f2fsim.config.quantity import ConfigModel
from f2fsim.config.yaml_file import load_yaml, validate
from f2fsim.cost import Constant, CostTable, SramCurve
from f2fsim.cost import tables as _tables
from f2fsim.errors import ConfigError, choices, near_miss
from f2fsim.sharing import shared

DEFAULT_TABLE = "nangate45"

_Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class ConstantModel(ConfigModel):
    """One constant: range, what it counts for, where it comes from."""

    low: _Amount
    typical: _Amount
    high: _Amount
    per: str
    origin: Literal["published", "derived", "assumed"]
    source: Annotated[str, Field(min_length=1)]

    @model_validator(mode="after")
    def _ordered(self) -> ConstantModel:
        if not self.low <= self.typical <= self.high:
            raise ValueError(
                f"must keep low <= typical <= high, got {self.low:g}, {self.typical:g}, "
                f"{self.high:g}"
            )
        return self

    def constant(self) -> Constant:
        """Return the value that the cost model works with."""
        return Constant(
            float(self.low),
            float(self.typical),
            float(self.high),
            self.per,
            self.origin,
            self.source,
        )


class SramCurveModel(ConfigModel):
    """Energy a byte against size, relative to the reference size."""

    sizes_bytes: Annotated[list[Annotated[int, Field(gt=0)]], Field(min_length=2)]
    factors: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=2)]
    source: str

    @model_validator(mode="after")
    def _curve(self) -> SramCurveModel:
        self.curve()
        return self

    def curve(self) -> SramCurve:
        """Return the value that the cost model works with."""
        return SramCurve(
            tuple(self.sizes_bytes), tuple(float(f) for f in self.factors), self.source
        )


class CostTableModel(ConfigModel):
    """A cost table as it stands in YAML."""

    name: str
    technology: str
    energy_pj: dict[str, ConstantModel]
    dram_pj_per_bit: dict[str, ConstantModel]
    area_um2: dict[str, ConstantModel]
    cell_um2: dict[str, ConstantModel]
    sram_curve: SramCurveModel
    delay_ps: dict[Literal["level", "register"], ConstantModel]

    @model_validator(mode="after")
    def _both_delays(self) -> CostTableModel:
        if len(self.delay_ps) != 2:
            raise ValueError("delay_ps: must give level and register")
        return self


@cache
def cost_table_names() -> dict[str, Path]:
    """Return the shipped cost tables by name."""
    folder = Path(_tables.__file__).parent
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def load_cost_table(name_or_path: str | Path = DEFAULT_TABLE) -> CostTable:
    """Read a cost table.

    Parameters
    ----------
    name_or_path : str or Path
        Name of a shipped table (`cost_table_names`), or a YAML file.

    Raises
    ------
    ConfigError
        If there is no such table or a constant breaks a rule; the message names file and line.
    """
    shipped = cost_table_names()
    path = shipped.get(str(name_or_path), Path(name_or_path))
    if not path.exists() and path.suffix != ".yaml":
        raise ConfigError(
            f"no cost table {str(name_or_path)!r}{near_miss(str(name_or_path), shipped)}; "
            f"known: {choices(shipped)}, or give a YAML file"
        )
    model = validate(CostTableModel, load_yaml(path))
    return shared(model, "table", lambda: _table(model))


def _table(model: CostTableModel) -> CostTable:
    return CostTable(
        name=model.name,
        technology=model.technology,
        energy_pj={key: value.constant() for key, value in model.energy_pj.items()},
        dram_pj_per_bit={k: value.constant() for k, value in model.dram_pj_per_bit.items()},
        area_um2={key: value.constant() for key, value in model.area_um2.items()},
        cell_um2={key: value.constant() for key, value in model.cell_um2.items()},
        sram_curve=model.sram_curve.curve(),
        delay_ps={key: value.constant() for key, value in model.delay_ps.items()},
    )
