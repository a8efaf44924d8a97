"""Convolutions, plain and transposed, as the matrix products that they are."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal

from f2fsim.config.layer import Counts, Layer, Pads
from f2fsim.config.quantity import Count


class ConvLayer(Layer):
    """A convolution by im2col: M = C_out/groups, K = C_in/groups · kernel, N = batch · outputs.

    Sizes are in the order of the tensor's spatial axes.  ``padding`` holds one number an axis
    (both ends) or two an axis (all begins, then all ends, as in ONNX).  The tensor is
    (C_out, C_in/groups, *kernel); K runs over channels first, then the kernel in row-major order.

    Attributes
    ----------
    in_channels, out_channels : int
        Feature maps before and after.
    kernel, input_size : tuple of int
        Kernel and input feature map, values an axis.
    stride, dilation : tuple of int or None
        Steps of the kernel and of its taps, values an axis; None: 1.
    padding : tuple of int or None
        Zeros around the input, one number an axis or two; None: 0.
    groups : int
        Groups of channels that see each other only.
    """

    in_channels: Count
    out_channels: Count
    kernel: Counts
    input_size: Counts
    stride: Counts | None = None
    padding: Pads | None = None
    dilation: Counts | None = None
    groups: Count = 1

    def _check_geometry(self) -> None:
        rank = self._rank()
        for what in ("kernel", "input_size", "stride", "dilation"):
            sizes = getattr(self, what)
            if sizes is not None and len(sizes) != rank:
                raise ValueError(f"{what} must have {rank} numbers for {self.kind}, got {sizes}")
        if self.padding is not None and len(self.padding) not in (rank, 2 * rank):
            raise ValueError(f"padding must have {rank} or {2 * rank} numbers, got {self.padding}")
        for what in ("in_channels", "out_channels"):
            if getattr(self, what) % self.groups:
                raise ValueError(
                    f"{what} must be a multiple of groups ({self.groups}), "
                    f"got {getattr(self, what)}"
                )
        if min(self.output_size) < 1:
            raise ValueError(
                f"the kernel does not fit: input_size {self.input_size} gives output "
                f"{self.output_size}"
            )

    def _rank(self) -> int:
        return {"conv1d": 1, "conv2d": 2, "conv3d": 3}.get(self.kind, len(self.kernel))

    @property
    def strides(self) -> tuple[int, ...]:
        """Stride of each axis."""
        return self.stride or (1,) * len(self.kernel)

    @property
    def dilations(self) -> tuple[int, ...]:
        """Dilation of each axis."""
        return self.dilation or (1,) * len(self.kernel)

    @property
    def pads(self) -> tuple[tuple[int, int], ...]:
        """Zeros before and after each axis."""
        rank, pads = len(self.kernel), self.padding or (0,) * len(self.kernel)
        ends = pads[rank:] if len(pads) == 2 * rank else pads
        return tuple(zip(pads[:rank], ends, strict=True))

    @property
    def output_size(self) -> tuple[int, ...]:
        """Output size of each axis: floor((in + pads - dilation·(kernel-1) - 1) / stride) + 1."""
        return _output_size(self.input_size, self.pads, self.dilations, self.kernel, self.strides)

    @property
    def n_groups(self) -> int:
        """Groups: each sees its own channels only."""
        return self.groups

    @property
    def n_outputs(self) -> int:
        """M: output channels of a group."""
        return self.out_channels // self.groups

    @property
    def n_reduction(self) -> int:
        """K: input channels of a group times kernel positions."""
        return self.in_channels // self.groups * math.prod(self.kernel)

    @property
    def columns_per_sample(self) -> int:
        """Output positions of a sample."""
        return math.prod(self.output_size)

    @property
    def n_input_values(self) -> int:
        """Values of the input feature maps."""
        return (self.batch or 1) * self.in_channels * math.prod(self.input_size)


@lru_cache(maxsize=4096)
def _output_size(
    input_size: tuple[int, ...],
    pads: tuple[tuple[int, int], ...],
    dilations: tuple[int, ...],
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
) -> tuple[int, ...]:
    """Return the output size: planning asks for it again and again."""
    axes = zip(input_size, pads, dilations, kernel, strides, strict=True)
    return tuple(
        (size + begin + end - dilation * (taps - 1) - 1) // stride + 1
        for size, (begin, end), dilation, taps, stride in axes
    )


class Conv1dLayer(ConvLayer):
    """A convolution along one axis."""

    op: Literal["conv1d"]


class Conv2dLayer(ConvLayer):
    """A convolution over two axes."""

    op: Literal["conv2d"]


class Conv3dLayer(ConvLayer):
    """A convolution over three axes."""

    op: Literal["conv3d"]


class ConvTransposeLayer(ConvLayer):
    """A transposed convolution: each input position times C_out/groups · kernel weights.

    M = C_out/groups · kernel, K = C_in/groups, N = batch · inputs; the overlapping products are
    added afterwards.  The tensor is (C_in, C_out/groups, *kernel).

    Attributes
    ----------
    output_padding : tuple of int or None
        Values that the output is longer at the end of each axis; None: 0.
    """

    op: Literal["conv_transpose"]
    output_padding: Pads | None = None

    @property
    def output_size(self) -> tuple[int, ...]:
        """Output size: (in - 1)·stride - pads + dilation·(kernel-1) + output_padding + 1."""
        extra = self.output_padding or (0,) * len(self.kernel)
        return tuple(
            (size - 1) * stride - begin - end + dilation * (kernel - 1) + more + 1
            for size, (begin, end), dilation, kernel, stride, more in zip(
                self.input_size,
                self.pads,
                self.dilations,
                self.kernel,
                self.strides,
                extra,
                strict=True,
            )
        )

    @property
    def n_outputs(self) -> int:
        """M: output channels of a group times kernel positions."""
        return self.out_channels // self.groups * math.prod(self.kernel)

    @property
    def n_reduction(self) -> int:
        """K: input channels of a group."""
        return self.in_channels // self.groups

    @property
    def columns_per_sample(self) -> int:
        """Input positions of a sample."""
        return math.prod(self.input_size)

    @property
    def n_output_values(self) -> int:
        """Values of the output feature maps."""
        return (self.batch or 1) * self.out_channels * math.prod(self.output_size)


#: The convolutions by their ``op``.
Convolution = Conv1dLayer | Conv2dLayer | Conv3dLayer | ConvTransposeLayer
