"""Layers of a workload and the matrix product that each one is.

Every layer with weights is ``n_groups`` products (M×K)·(K×N), run ``repeat`` times one after
another: M = `Layer.n_outputs`, K = `Layer.n_reduction`, N = `Layer.n_columns`.  Owns this
geometry; knows nothing of files.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from f2fsim.config.pruning import AnyRule
from f2fsim.config.quantity import ConfigModel, Count, Name, Share

#: Where an activation density comes from.
ActivationOrigin = Literal["given", "measured", "assumed"]

Counts = Annotated[tuple[Count, ...], Field(strict=False, min_length=1, max_length=3)]
Pads = Annotated[
    tuple[Annotated[int, Field(ge=0, le=2**20)], ...],
    Field(strict=False, min_length=1, max_length=6),
]
Indices = Annotated[
    tuple[Annotated[int, Field(ge=0, le=2**20)], ...], Field(strict=False, max_length=4)
]

WeightTypeName = Literal[
    "int4", "uint4", "int8", "uint8", "fp8_e4m3", "fp8_e5m2", "fp16", "bf16", "fp32"
]
#: Types whose activations have 8 bits: they may stand in one workload.
NARROW_TYPES = ("int4", "uint4", "int8", "uint8", "fp8_e4m3", "fp8_e5m2")

#: Most weights of one layer: a matrix has to fit into memory.
MAX_WEIGHTS = 2**36


class Layer(ConfigModel):
    """What all layers share; a subclass gives the geometry.

    Attributes
    ----------
    name : str
        Unique in the workload.
    tensor : str or None
        Name of the weights in the model file; None for synthetic weights.
    mask : str or None
        Name of the mask (what is not zero is kept) in the workload's file of masks.
    index : tuple of int
        Elements taken of the tensor's first axes before use (direction of an LSTM, expert).
    repeat : int
        How many times the same weights run one after another (steps of an LSTM, layers that share
        their weights).  Layers with other weights are layers of their own.
    batch : int or None
        Samples at once; None: the workload's.
    weight_type : str or None
        Type of this layer's weights; None: the workload's.
    sparsity : float or None
        Share of pruned weights by the workload's method; None: as the workload's pruning says.
    pruning : AnyRule or None
        This layer's own method, in place of the workload's.
    activation_density, activation_origin
        Share of input activations that are not zero, and where the figure comes from; None: the
        workload's.
    inputs : tuple of str or None
        Layers and operations that make the input activations (``input``: the network's own); None:
        the layer before.
    """

    name: Name
    tensor: Name | None = None
    mask: Name | None = None
    index: Indices = ()
    repeat: Count = 1
    batch: Count | None = None
    weight_type: WeightTypeName | None = None
    sparsity: Share | None = None
    pruning: AnyRule | None = None
    activation_density: Share | None = None
    activation_origin: ActivationOrigin | None = None
    inputs: Annotated[tuple[Name, ...], Field(strict=False, min_length=1)] | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.activation_density is None) != (self.activation_origin is None):
            raise ValueError("activation_density and activation_origin must be given together")
        own = [key for key in ("mask", "sparsity", "pruning") if getattr(self, key) is not None]
        if len(own) > 1:
            raise ValueError(f"{' and '.join(own)} cannot be given together")
        self._check_geometry()
        if self.n_weights > MAX_WEIGHTS:
            raise ValueError(f"has {self.n_weights} weights, at most {MAX_WEIGHTS} are supported")
        return self

    def _check_geometry(self) -> None:
        """Raise `ValueError` if the sizes contradict each other."""

    @property
    def kind(self) -> str:
        """The layer's operation (``op`` of the file)."""
        return str(getattr(self, "op", ""))

    @property
    def n_outputs(self) -> int:
        """M: output rows of one group's product."""
        raise NotImplementedError

    @property
    def n_reduction(self) -> int:
        """K: length of a dot product."""
        raise NotImplementedError

    @property
    def columns_per_sample(self) -> int:
        """Columns of the product for a batch of one."""
        raise NotImplementedError

    @property
    def n_groups(self) -> int:
        """Independent products of this shape (groups of a convolution)."""
        return 1

    @property
    def n_columns(self) -> int:
        """N: activation columns of one run, the batch included."""
        return (self.batch or 1) * self.columns_per_sample

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the weight matrix: all groups below each other, times K."""
        return (self.n_groups * self.n_outputs, self.n_reduction)

    @property
    def n_weights(self) -> int:
        """Weights of the layer, biases not counted."""
        return self.n_groups * self.n_outputs * self.n_reduction

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one run, as if dense; `repeat` runs do as many each."""
        return self.n_weights * self.n_columns

    @property
    def n_input_values(self) -> int:
        """Input activations of one run (a feature map once, not its im2col copies)."""
        return self.n_groups * self.n_reduction * self.n_columns

    @property
    def n_output_values(self) -> int:
        """Output activations of one run."""
        return self.n_groups * self.n_outputs * self.n_columns


class LinearLayer(Layer):
    """A fully connected layer or a projection: each of ``n_tokens`` columns times the weights.

    Attributes
    ----------
    in_features, out_features : int
        K and M of the product.
    n_tokens : int
        Columns of a sample: tokens of a sequence.
    transposed : bool
        Whether the tensor is (in_features, out_features), not (out_features, in_features).
    """

    op: Literal["linear"]
    in_features: Count
    out_features: Count
    n_tokens: Count = 1
    transposed: bool = False

    @property
    def n_outputs(self) -> int:
        """M: output features."""
        return self.out_features

    @property
    def n_reduction(self) -> int:
        """K: input features."""
        return self.in_features

    @property
    def columns_per_sample(self) -> int:
        """Tokens of a sample."""
        return self.n_tokens


class LstmLayer(Layer):
    """A recurrent cell: every step multiplies (gates·hidden)×(input+hidden) by one column a sample.

    ``repeat`` is the number of steps.  The input weights (gates·hidden, input) and the recurrent
    ones (gates·hidden, hidden) stand side by side in one matrix.

    Attributes
    ----------
    input_size, hidden_size : int
        Values that a step reads, and values of the state.
    n_gates : int
        4 for an LSTM, 3 for a GRU, 1 for a plain cell.
    projection_size : int or None
        Values fed back to the next step, where a projection (a layer of its own) makes them of
        the state; None: the state itself.
    recurrent_tensor : str or None
        Name of the recurrent weights in the model file, beside `tensor`.
    recurrent_mask : str or None
        Name of their mask in the file of masks, beside `mask`.
    """

    op: Literal["lstm"]
    input_size: Count
    hidden_size: Count
    projection_size: Count | None = None
    n_gates: Literal[1, 3, 4] = 4
    recurrent_tensor: Name | None = None
    recurrent_mask: Name | None = None

    def _check_geometry(self) -> None:
        if (self.tensor is None) != (self.recurrent_tensor is None):
            raise ValueError("tensor and recurrent_tensor must be given together")
        if (self.mask is None) != (self.recurrent_mask is None):
            raise ValueError("mask and recurrent_mask must be given together: two matrices")

    @property
    def n_outputs(self) -> int:
        """M: gates times hidden size."""
        return self.n_gates * self.hidden_size

    @property
    def n_reduction(self) -> int:
        """K: input values and those fed back from the step before."""
        return self.input_size + self.recurrent_size

    @property
    def recurrent_size(self) -> int:
        """Values fed back: the hidden ones, or their projection."""
        return self.projection_size or self.hidden_size

    @property
    def columns_per_sample(self) -> int:
        """One column: steps depend on each other."""
        return 1
