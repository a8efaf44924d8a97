"""Where a workload's weights and the zeros of its activations come from, and what it leaves out."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from f2fsim.config.layer import ActivationOrigin
from f2fsim.config.quantity import ConfigModel, Name, Share

Seed = Annotated[int, Field(ge=0, lt=2**63)]
Spread = Annotated[float, Field(ge=0.0, le=4.0, allow_inf_nan=False)]


class FileWeights(ConfigModel):
    """Trained weights in a file: of an installed package, or the user's own.

    Attributes
    ----------
    package : str or None
        Distribution (the name that pip knows) whose installed ``file`` is read; it is never
        imported.
    version : str or None
        Version named in the install command when the package is missing.
    file : str
        Path inside the installed package, or, without `package`, relative to the YAML file.
    """

    file: Name
    package: Name | None = None
    version: Name | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.version is not None and self.package is None:
            raise ValueError("version has no meaning without package")
        path = PurePosixPath(self.file)
        if self.package is not None and (path.is_absolute() or ".." in path.parts):
            raise ValueError(f"file must be a path inside package {self.package!r}")
        return self


class SyntheticWeights(ConfigModel):
    """Weights drawn at random, layer by layer from the seed and the layer's name.

    ``normal`` and ``laplace`` have mean 0 and the standard deviation ``sqrt(2 / fan_in)``;
    ``row_spread`` and ``column_spread`` are the standard deviations of the logarithm by which each
    row and column is scaled (0: independent and identically distributed weights, so that magnitude
    pruning leaves an even mask, which trained weights do not have).

    Attributes
    ----------
    distribution : str
        ``normal`` or ``laplace``.
    row_spread, column_spread : float
        Standard deviation of the logarithm of each row's and column's scale.
    """

    distribution: Literal["normal", "laplace"]
    row_spread: Spread = 0.0
    column_spread: Spread = 0.0


class Activations(ConfigModel):
    """Share of input activations that are not zero, for layers that do not say it themselves.

    Attributes
    ----------
    density : float
        The share, 0 to 1.
    origin : str
        Where the figure comes from: ``given``, ``measured`` or ``assumed``.
    """

    density: Share = 1.0
    origin: ActivationOrigin = "assumed"


class ExcludedOperation(ConfigModel):
    """An operation of the model that is not simulated, and why.

    Attributes
    ----------
    reason : str
        Why it is left out.
    n_weights, macs : int
        Weights and multiply-accumulates that are left out with it.
    """

    name: Name
    op: Name
    reason: Name
    n_weights: Annotated[int, Field(ge=0)] = 0
    macs: Annotated[int, Field(ge=0)] = 0
