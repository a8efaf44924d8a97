"""How a workload's weights are pruned and quantised: the choices of a file, not their execution."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from f2fsim.config.layer import Count, Name, Share
from f2fsim.config.quantity import ConfigModel

Patterns = Annotated[tuple[Name, ...], Field(strict=False)]


class LayerSparsity(ConfigModel):
    """A sparsity for all layers whose name matches a shell pattern (``encoder.*``)."""

    match: Name
    sparsity: Share


class Pruning(ConfigModel):
    """What all methods share.

    Attributes
    ----------
    exclude : tuple of str
        Shell patterns of layer names that stay unpruned.
    layers : tuple of LayerSparsity
        Own sparsities by pattern, the first match counts; a layer's own ``sparsity`` goes first.
    """

    exclude: Patterns = ()
    layers: Annotated[tuple[LayerSparsity, ...], Field(strict=False)] = ()


class NoPruning(Pruning):
    """Weights as they are: the zeros are the mask (a model pruned elsewhere)."""

    method: Literal["none"]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.layers or self.exclude:
            raise ValueError("method none prunes nothing: layers and exclude have no meaning")
        return self


class MagnitudePruning(Pruning):
    """The smallest magnitudes go, exactly as many as asked for; ties are drawn from the seed.

    ``scope``: ``layer`` gives each layer the sparsity, ``global`` one threshold for all layers,
    ``erk`` budgets a layer's density by Erdős–Rényi-Kernel, (fan-in + fan-out + kernel sizes) /
    their product (Evci et al., ICML 2020), so that the whole has the sparsity.
    """

    method: Literal["magnitude"]
    sparsity: Share
    scope: Literal["layer", "global", "erk"] = "layer"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.scope != "layer" and self.layers:
            raise ValueError(
                f"scope {self.scope} sets every layer's sparsity: layers must be empty"
            )
        return self


class RandomPruning(Pruning):
    """Weights drawn at random go, exactly as many as asked for."""

    method: Literal["random"]
    sparsity: Share
    scope: Literal["layer", "erk"] = "layer"


class NmPruning(Pruning):
    """N:M: of each M neighbours along the reduction the N largest magnitudes stay."""

    method: Literal["nm"]
    n: Count
    m: Annotated[int, Field(ge=2, le=256)]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.n > self.m:
            raise ValueError(f"n must be ≤ m ({self.m}), got {self.n}")
        if self.layers:
            raise ValueError("n:m gives every layer the same sparsity: layers must be empty")
        return self


class BlockPruning(Pruning):
    """Blocks of ``rows`` × ``columns`` weights with the smallest 2-norm go as a whole.

    The sparsity is hit to one block; blocks at the edge may be smaller.
    """

    method: Literal["block"]
    sparsity: Share
    rows: Annotated[int, Field(ge=1, le=4096)]
    columns: Annotated[int, Field(ge=1, le=4096)]


class RowUnevenPruning(Pruning):
    """Rows keep shares that differ, as L0 or variational dropout leaves them.

    A row's density is drawn from a Beta distribution with the mean ``1 - sparsity`` and the
    coefficient of variation ``row_cv``; inside a row the smallest magnitudes go.  The total is
    exact to one weight.
    """

    method: Literal["row_uneven"]
    sparsity: Share
    row_cv: Annotated[float, Field(ge=0.0, le=10.0, allow_inf_nan=False)]

    @model_validator(mode="after")
    def _check(self) -> Self:
        density = 1.0 - self.sparsity
        if 0.0 < density < 1.0 and self.row_cv**2 >= self.sparsity / density:
            limit = (self.sparsity / density) ** 0.5
            raise ValueError(
                f"row_cv must be < {limit:.4g} at sparsity {self.sparsity} "
                f"(shares lie between 0 and 1), got {self.row_cv}"
            )
        return self


AnyPruning = Annotated[
    NoPruning | MagnitudePruning | RandomPruning | NmPruning | BlockPruning | RowUnevenPruning,
    Field(discriminator="method"),
]


class Quantisation(ConfigModel):
    """Scales of integer weights: one a row of the matrix (``channel``) or one a ``tensor``."""

    granularity: Literal["channel", "tensor"] = "channel"
