"""``nm``: at most n kept weights in every m along the reduction (2:4 and the like)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec.base import EncodedTensor, IntArray, WorkUnits
from f2fsim.codec.checks import check_int
from f2fsim.codec.kept_zeros import decode_kept_zeros, encode_kept_zeros
from f2fsim.codec.narrow import NarrowFormat
from f2fsim.codec.streams import (
    bits_for,
    check_format,
    int_param,
    pack_equal,
    read_fields,
    unit_sizes,
    unit_sums,
)
from f2fsim.codec.tensor import PrunedTensor
from f2fsim.errors import DataError, InputError

#: Longest group.
MAX_GROUP = 1024


@dataclass(frozen=True)
class NmFormat(NarrowFormat):
    """Fixed slots for the kept weights of each group of m columns.

    A row is cut into groups of m columns, the last one padded with pruned weights.  Each group
    has n slots of a value (stream ``weights``) and a place in the group (stream ``indices``,
    ``ceil(log2 m)`` bits), places ascending; slots left over hold value 0 and place 0.  The stream
    ``mask`` exists only if a kept weight is 0 (see `f2fsim.codec.kept_zeros`).

    Attributes
    ----------
    n, m : int
        At most `n` kept weights in every group of `m`.
    groups : int
        Groups of a work unit.
    """

    name: ClassVar[str] = "nm"
    n: int = 2
    m: int = 4
    groups: int = 16

    def __post_init__(self) -> None:
        check_int("format nm: m", self.m, 1, MAX_GROUP)
        check_int("format nm: n", self.n, 1, self.m)
        check_int("format nm: groups", self.groups, 1)

    def _encode(self, tensor: PrunedTensor) -> EncodedTensor:
        """Encode `tensor`; one work unit for each `groups` groups.

        Raises
        ------
        InputError
            If a group has more than `n` kept weights.
        """
        value_bits, index_bits = tensor.weight_type.n_bits, bits_for(self.m)
        mask = _grouped(tensor.mask, self.m)
        kept = np.count_nonzero(mask, axis=1)
        self._check_groups(tensor, kept)
        group, place = np.nonzero(mask)
        slot = group * self.n + np.arange(group.shape[0]) - np.repeat(np.cumsum(kept) - kept, kept)
        n_slots = mask.shape[0] * self.n
        values = np.zeros(n_slots, dtype=tensor.patterns.dtype)
        places = np.zeros(n_slots, dtype=np.int64)
        is_kept = np.zeros(n_slots, dtype=np.bool_)
        values[slot] = tensor.patterns[tensor.mask]
        places[slot], is_kept[slot] = place, True
        zeros = np.flatnonzero(values == 0)
        sizes = unit_sizes(mask.shape[0], self.groups)
        unit_of = np.arange(mask.shape[0]) // self.groups
        extra, extra_bits, extra_params = encode_kept_zeros(
            is_kept[zeros], zeros // (self.n * self.groups), sizes.shape[0]
        )
        work = WorkUnits(
            stream_bits={
                "weights": sizes * (self.n * value_bits),
                "indices": sizes * (self.n * index_bits),
                **extra_bits,
            },
            n_weights=unit_sums(unit_of, sizes.shape[0], _group_sizes(tensor.shape, self.m)),
            n_kept=unit_sums(unit_of, sizes.shape[0], kept),
            n_stored=sizes * self.n,
            n_patches=np.zeros_like(sizes),
        )
        streams = {
            "weights": pack_equal(values, value_bits),
            "indices": pack_equal(places, index_bits),
            **extra,
        }
        params = {"n": self.n, "m": self.m, "groups": self.groups, **extra_params}
        return EncodedTensor(
            self.name, tensor.name, tensor.shape, tensor.weight_type, params, streams, work
        )

    def _decode(self, encoded: EncodedTensor) -> PrunedTensor:
        """Return the tensor that was encoded."""
        check_format(encoded, self.name)
        m = int_param(encoded, "m", 1, MAX_GROUP)
        n = int_param(encoded, "n", 1, m)
        n_rows, n_cols = encoded.shape
        n_groups = -(-n_cols // m)
        n_slots = n_rows * n_groups * n
        kind = encoded.weight_type
        values = read_fields(encoded, "weights", kind.n_bits, n_slots)
        places = read_fields(encoded, "indices", bits_for(m), n_slots).astype(np.int64)
        is_kept = values != 0
        zeros = np.flatnonzero(~is_kept)
        is_kept[zeros] = decode_kept_zeros(encoded, zeros.shape[0])
        _check_slots(encoded, places.reshape(-1, n), is_kept.reshape(-1, n), m)
        slot = np.flatnonzero(is_kept)
        group = slot // n
        # A group stands at row group // n_groups, columns (group % n_groups) * m onwards.
        columns = group % max(n_groups, 1) * m + places[slot]
        if (columns >= n_cols).any():
            raise DataError(f"{encoded.label}: a slot points beyond column {n_cols - 1}")
        patterns = np.zeros(encoded.shape, dtype=kind.pattern_dtype)
        mask = np.zeros(encoded.shape, dtype=np.bool_)
        rows = group // max(n_groups, 1)
        patterns[rows, columns] = values[slot]
        mask[rows, columns] = True
        return PrunedTensor(encoded.name, patterns, mask, kind)

    def _check_groups(self, tensor: PrunedTensor, kept: NDArray[Any]) -> None:
        full = np.flatnonzero(kept > self.n)
        if not full.size:
            return
        row, group = divmod(int(full[0]), -(-tensor.shape[1] // self.m))
        raise InputError(
            f"{tensor.label} is not {self.n}:{self.m}: row {row}, columns "
            f"{group * self.m} to {min((group + 1) * self.m, tensor.shape[1]) - 1} keep "
            f"{int(kept[full[0]])} weights ({full.size} of {kept.size} groups keep too many); "
            f"prune it to {self.n}:{self.m} first"
        )


def _grouped(mask: NDArray[np.bool_], m: int) -> NDArray[np.bool_]:
    """Return the mask as ``[n_groups, m]``, the last group of each row padded."""
    n_rows, n_cols = mask.shape
    n_groups = -(-n_cols // m)
    padded = np.zeros((n_rows, n_groups * m), dtype=np.bool_)
    padded[:, :n_cols] = mask
    return padded.reshape(n_rows * n_groups, m)


def _group_sizes(shape: tuple[int, int], m: int) -> IntArray:
    """Return the columns of each group, padding not counted, int64 ``[n_groups]``."""
    return np.tile(unit_sizes(shape[1], m), shape[0])


def _check_slots(
    encoded: EncodedTensor, places: IntArray, is_kept: NDArray[np.bool_], m: int
) -> None:
    """Refuse places out of the group or order, and slots left over before used ones."""
    good = bool((places < m).all()) and not (places * ~is_kept).any()
    follows = is_kept[:, 1:]
    good = good and not (follows & ~is_kept[:, :-1]).any()
    if not good or (follows & (np.diff(places, axis=1) <= 0)).any():
        raise DataError(f"{encoded.label}: the slots of a group are out of order")
