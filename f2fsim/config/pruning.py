"""How weights are pruned and quantised: the choices of a file, not their execution.

A *rule* is a method with its parameters, for one layer; a workload's *pruning* is the rule of all
layers that have none of their own.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from f2fsim.config.quantity import ConfigModel, Count, Name, Share

Patterns = Annotated[tuple[Name, ...], Field(strict=False)]


class NoRule(ConfigModel):
    """Weights as they are: the zeros are the mask (a model pruned elsewhere)."""

    method: Literal["none"]


class MagnitudeRule(ConfigModel):
    """The smallest magnitudes go, exactly as many as asked for; ties are drawn from the seed."""

    method: Literal["magnitude"]
    sparsity: Share


class RandomRule(ConfigModel):
    """Weights drawn at random go, exactly as many as asked for."""

    method: Literal["random"]
    sparsity: Share


class NmRule(ConfigModel):
    """N:M: of each M neighbours along the reduction the N largest magnitudes stay.

    Attributes
    ----------
    n, m : int
        Kept weights of a group, and weights of a group.
    """

    method: Literal["nm"]
    n: Count
    m: Annotated[int, Field(ge=2, le=256)]

    @model_validator(mode="after")
    def _check_pattern(self) -> Self:
        if self.n > self.m:
            raise ValueError(f"n must be ≤ m ({self.m}), got {self.n}")
        return self


class BlockRule(ConfigModel):
    """Blocks of ``rows`` × ``columns`` weights with the smallest 2-norm go as a whole.

    The sparsity is hit to one block; blocks at the edge may be smaller.

    Attributes
    ----------
    rows, columns : int
        Weights of a block, along the outputs and along the reduction.
    """

    method: Literal["block"]
    sparsity: Share
    rows: Annotated[int, Field(ge=1, le=4096)]
    columns: Annotated[int, Field(ge=1, le=4096)]


class RowUnevenRule(ConfigModel):
    """Rows keep shares that differ, as L0 or variational dropout leaves them.

    A row's density is drawn from a Beta distribution with the mean ``1 - sparsity`` and the
    coefficient of variation ``row_cv``; inside a row the smallest magnitudes go.  The total is
    exact to one weight.

    Attributes
    ----------
    row_cv : float
        Coefficient of variation of the rows' densities.
    """

    method: Literal["row_uneven"]
    sparsity: Share
    row_cv: Annotated[float, Field(ge=0.0, le=10.0, allow_inf_nan=False)]

    @model_validator(mode="after")
    def _check_spread(self) -> Self:
        density = 1.0 - self.sparsity
        if 0.0 < density < 1.0 and self.row_cv**2 >= self.sparsity / density:
            limit = (self.sparsity / density) ** 0.5
            raise ValueError(
                f"row_cv must be < {limit:.4g} at sparsity {self.sparsity} "
                f"(shares lie between 0 and 1), got {self.row_cv}"
            )
        return self


#: The rule of one layer.
AnyRule = Annotated[
    NoRule | MagnitudeRule | RandomRule | NmRule | BlockRule | RowUnevenRule,
    Field(discriminator="method"),
]


class LayerPruning(ConfigModel):
    """A sparsity or a rule for all layers whose name matches a shell pattern (``encoder.*``).

    Attributes
    ----------
    match : str
        Shell pattern of layer names.
    pruning
        A rule of their own, in place of a sparsity.
    """

    match: Name
    sparsity: Share | None = None
    pruning: AnyRule | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.sparsity is None) == (self.pruning is None):
            raise ValueError("exactly one of sparsity and pruning must be given")
        return self


class Pruning(ConfigModel):
    """What a workload's pruning has beside its rule.

    Attributes
    ----------
    exclude : tuple of str
        Shell patterns of layer names that stay unpruned.
    layers : tuple of LayerPruning
        Own sparsities (by the general method) or rules by pattern, the first match counts; a
        layer's own ``sparsity``, ``pruning`` or ``mask`` goes first.
    """

    exclude: Patterns = ()
    layers: Annotated[tuple[LayerPruning, ...], Field(strict=False)] = ()

    def has_own_sparsities(self) -> bool:
        """Whether a pattern gives layers another sparsity by the general method."""
        return any(entry.sparsity is not None for entry in self.layers)


class NoPruning(Pruning, NoRule):
    """No general rule: layers are as they are unless they have rules of their own."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.exclude or self.has_own_sparsities():
            raise ValueError(
                "method none prunes nothing: exclude, and sparsities in layers, have no meaning"
            )
        return self


class MagnitudePruning(Pruning, MagnitudeRule):
    """Magnitudes over all layers.

    Attributes
    ----------
    scope : str
        ``layer`` gives each layer the sparsity, ``global`` one threshold for all layers, ``erk``
        budgets a layer's density by Erdős–Rényi-Kernel, (fan-in + fan-out + kernel sizes) / their
        product (Evci et al., ICML 2020), so that the whole has the sparsity.
    """

    scope: Literal["layer", "global", "erk"] = "layer"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.scope != "layer" and self.has_own_sparsities():
            raise ValueError(
                f"scope {self.scope} sets every layer's sparsity: layers must have no sparsity"
            )
        return self


class RandomPruning(Pruning, RandomRule):
    """Random weights of all layers.

    Attributes
    ----------
    scope : str
        ``layer`` or ``erk``, as for magnitude pruning.
    """

    scope: Literal["layer", "erk"] = "layer"


class NmPruning(Pruning, NmRule):
    """One N:M pattern for all layers."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.has_own_sparsities():
            raise ValueError("n:m fixes the sparsity: layers must have no sparsity of their own")
        return self


class BlockPruning(Pruning, BlockRule):
    """Blocks of all layers."""


class RowUnevenPruning(Pruning, RowUnevenRule):
    """Uneven rows in all layers."""


AnyPruning = Annotated[
    NoPruning | MagnitudePruning | RandomPruning | NmPruning | BlockPruning | RowUnevenPruning,
    Field(discriminator="method"),
]


class Quantisation(ConfigModel):
    """Scales of integer weights.

    Attributes
    ----------
    granularity : str
        ``channel``: one scale a row of the matrix; ``tensor``: one for all; ``group``: one for
        each `group` columns of a row.
    group : int or None
        Columns that share a scale.
    symmetric : bool
        False: a zero point, itself a code, stands beside each scale of integers; floats have none.
    scale_type : str
        Number format of a scale.
    """

    granularity: Literal["channel", "tensor", "group"] = "channel"
    group: Annotated[int, Field(ge=2, le=2**20)] | None = None
    symmetric: bool = True
    scale_type: Literal["fp32", "fp16", "bf16"] = "fp32"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.granularity == "group") != (self.group is not None):
            raise ValueError("granularity group and group must be given together")
        return self
