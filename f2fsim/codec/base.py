"""The contract of a weight format, what an encoding is, and the visible registry's types.

Owns the interface between formats and everything above (mapping, container, reports).  A format
is stateless: all that decoding needs is in the `EncodedTensor`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec.tensor import PrunedTensor, WeightType
from f2fsim.errors import in_a_line

IntArray = NDArray[np.int64]

#: Name of the stream of scales and zero points, which no format makes.
SCALES = "scales"


@dataclass(frozen=True, eq=False)
class BitStream:
    """A named stream as it lies in memory.

    Attributes
    ----------
    data : ndarray of uint8, shape (ceil(n_bits / 8),)
        Bit *i* of the stream is bit ``i % 8`` (least significant first) of byte ``i // 8``;
        unused bits of the last byte are 0.
    n_bits : int
        Exact number of bits.
    """

    data: NDArray[np.uint8]
    n_bits: int

    def __post_init__(self) -> None:
        if self.data.dtype != np.uint8 or self.data.shape != ((self.n_bits + 7) // 8,):
            raise ValueError(
                f"a stream of {self.n_bits} bits needs {(self.n_bits + 7) // 8} uint8, "
                f"got {self.data.dtype} {self.data.shape}"
            )


def scale_shares(n_weights: IntArray, n_bits: int) -> dict[str, IntArray]:
    """Return the stream of scales: as large a share of its bits for each unit as its positions.

    Parameters
    ----------
    n_weights : ndarray of int64, shape (n_units,)
        Weight positions of each unit; their sum is not 0.
    n_bits : int
        Of all scales; without any there is no stream.
    """
    if not n_bits:
        return {}
    covered = np.cumsum(n_weights)
    # In floats: bits times positions may exceed 64 bits.  The last share is 1 exactly.
    upto = np.floor(covered / covered[-1] * n_bits).astype(np.int64)
    return {SCALES: np.diff(upto, prepend=0)}


@dataclass(frozen=True, eq=False)
class WorkUnits:
    """What the machine does for each unit of an encoding, in stream order.

    A unit is what a weight front end takes in one step: a block of an F2F, dense, bitmap or N:M
    stream, a row of CSR, a column slice of EIE's format, a run chunk.  All arrays have length
    ``n_units``; timing uses them as they are, never their averages.

    Attributes
    ----------
    stream_bits : mapping of str to ndarray of int64
        Bits of each stream that the unit consumes; each array sums to the stream's ``n_bits``.
    n_weights : ndarray of int64
        Weight positions that the unit covers, pruned ones included.
    n_kept : ndarray of int64
        Unpruned weights of the unit.
    n_stored : ndarray of int64
        Entries that a sparse front end walks through (kept weights plus padding zeros); equal to
        ``n_weights`` for formats that store or generate every position.
    n_patches : ndarray of int64
        Corrections that the patch unit applies (zero outside F2F).
    n_mask_symbols : ndarray of int64 or None
        Code words that the mask unit decodes; None for formats without a mask stream, or where it
        is one a unit.
    """

    stream_bits: Mapping[str, IntArray]
    n_weights: IntArray
    n_kept: IntArray
    n_stored: IntArray
    n_patches: IntArray
    n_mask_symbols: IntArray | None = None

    @property
    def n_units(self) -> int:
        """Number of units."""
        return int(self.n_weights.shape[0])


@dataclass(frozen=True, eq=False)
class EncodedTensor:
    """A tensor in one format: everything `WeightFormat.decode` needs, and its exact bits.

    Attributes
    ----------
    format : str
        Name of the format in `f2fsim.codec.FORMATS`.
    name : str
        Name of the tensor.
    shape : (int, int)
        Rows and columns of the decoded matrix.
    weight_type : WeightType
        Type of the decoded weights.
    params : mapping
        JSON-serialisable parameters of the format, all that decoding needs beside the streams.
    streams : mapping of str to BitStream
        Streams by the field's names: ``weights``, ``mask``, ``patches``, ``indices``,
        ``pointers``, ``codebook``.
    work : WorkUnits
        Per-unit work for the timing model.
    stats : mapping of str to float
        What the encoder measured (for F2F: ``efficiency``, ``n_care_bits``, ``n_unmatched_bits``).
    scale_bits : int
        Bits of the scales and zero points that a machine fetches beside the streams
        (`with_scales`); a container holds scales of its own.
    """

    format: str
    name: str
    shape: tuple[int, int]
    weight_type: WeightType
    params: Mapping[str, Any]
    streams: Mapping[str, BitStream]
    work: WorkUnits
    stats: Mapping[str, float] = field(default_factory=dict)
    scale_bits: int = 0

    def with_scales(self, n_bits: int) -> EncodedTensor:
        """Return the encoding with scales beside it, the same for every format.

        They come as the stream `SCALES` in step with the weights that they belong to: each unit
        takes as large a share of their bits as it covers of the weight positions.
        """
        if not n_bits or not self.n_weights:
            return self
        bits = {**self.work.stream_bits, **scale_shares(self.work.n_weights, n_bits)}
        return replace(self, work=replace(self.work, stream_bits=bits), scale_bits=n_bits)

    @property
    def label(self) -> str:
        """What messages call it."""
        return f"tensor {in_a_line(self.name)}"

    @property
    def n_weights(self) -> int:
        """Number of weights, pruned ones included."""
        return self.shape[0] * self.shape[1]

    @property
    def n_bits(self) -> int:
        """Bits of all streams, the mask counted."""
        return sum(stream.n_bits for stream in self.streams.values())

    @property
    def n_bits_without_mask(self) -> int:
        """Bits of all streams but ``mask``."""
        return sum(s.n_bits for name, s in self.streams.items() if name != "mask")


class WeightFormat(ABC):
    """A weight format: a frozen set of parameters with an exact encoder and decoder.

    Contract (``tests/codec/test_conformance.py`` runs it on every entry of ``FORMATS``):

    * ``decode(encode(t))`` equals ``t`` in every bit of every weight and of the mask;
    * ``encode`` is deterministic and does not change its argument; ``decode`` needs nothing but
      the `EncodedTensor`;
    * ``stream_bits`` of the work units sum to each stream's exact ``n_bits``, ``n_weights`` to
      the tensor's size, ``n_kept`` to its kept weights;
    * any shape works, tensors with no kept or no pruned weight and of one weight included;
    * damaged streams raise `f2fsim.errors.DataError`, never another exception.
    """

    #: Name in the registry, in configurations and in containers.
    name: ClassVar[str]

    @abstractmethod
    def encode(self, tensor: PrunedTensor) -> EncodedTensor:
        """Encode a pruned tensor."""

    @abstractmethod
    def decode(self, encoded: EncodedTensor) -> PrunedTensor:
        """Return the tensor that was encoded, bit for bit."""
