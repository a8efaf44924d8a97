"""Choosing `n_out` and block order for a layer: fewest bits, patches and mask counted.

A model that only counts kept weights ranks the candidates: a register of ``(n_s + 1) * n_in`` bits
is a reserve of unknowns that gains `n_in` and loses `n_u` at each step, and what it cannot supply
becomes checks, each of which costs so many patch bits.  The best few are then really encoded (on a
sample where the tensor is large) to learn what a check really costs there.  The sample prices the
checks, the whole layer counts them: rows that are denser than the sampled ones mislead nobody.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec.f2f import _order
from f2fsim.codec.f2f.care import CareList, care_from_mask
from f2fsim.codec.f2f.decode import decode_values
from f2fsim.codec.f2f.elimination import encode_elimination
from f2fsim.codec.f2f.format import patch_places
from f2fsim.codec.f2f.matrix import MAX_N_OUT
from f2fsim.codec.f2f.orders import BlockOrder
from f2fsim.codec.f2f.params import F2FParams
from f2fsim.codec.f2f.patches import to_fields
from f2fsim.codec.f2f.rates import CHECK_BITS, CHECK_BITS_NO_SEARCH
from f2fsim.codec.f2f.threads import run
from f2fsim.codec.mask_code import MaskShape
from f2fsim.codec.masks import fit_mask
from f2fsim.codec.streams import unit_counts
from f2fsim.codec.tensor import PrunedTensor
from f2fsim.errors import ConfigError

#: Candidates that are really encoded, and the weights and planes of a trial.
N_TRIALS = 4
TRIAL_WEIGHTS = 200_000
TRIAL_PLANES = 2
TRIAL_PIECES = 8
#: Checks at the model's price that a trial's own are mixed with: few checks tell little.
_PRIOR_CHECKS = 64
#: Candidates whose modelled bits exceed the fewest by more than this factor are not tried: the
#: price of a check is off by less.
WORTH_A_TRIAL = 1.02
#: Orders to choose from: kind and seed of the row shuffle.
ORDERS: tuple[tuple[str, int | None], ...] = (
    ("diagonal", None),
    ("diagonal", 1),
    ("column", None),
    ("row", None),
)
_SPAN = (0.90, 1.06)
_MAX_WIDTHS = 16

P = TypeVar("P", bound=F2FParams)


@dataclass(frozen=True)
class Candidate:
    """One choice of order and width.

    Attributes
    ----------
    order : str
    shuffle_seed : int or None
    n_out : int
    bits : float
        Modelled or measured bits of all stored planes and the mask.
    mask_bits : int
        Bits of the mask, part of `bits`.
    n_checks : int
        Checks of a plane of the whole layer.
    """

    order: str
    shuffle_seed: int | None
    n_out: int
    bits: float
    mask_bits: int
    n_checks: int


class MaskBits:
    """What codes of a tensor's mask take in its orders; each is found once.

    For several choices for one tensor, whose mask must not change between them.
    """

    def __init__(self, tensor: PrunedTensor) -> None:
        self._tensor = tensor
        self._found: dict[tuple[str, BlockOrder | None], int] = {}

    def of(self, code: str, order: BlockOrder, mask: NDArray[np.bool_]) -> int:
        """Return the bits of `mask`, which is the tensor's in `order`, by a code."""
        # By class of row and column it is nearly the same in every order, and slow to find.
        if code == "classes":
            return self._classes()
        if (code, order) not in self._found:
            self._found[code, order] = fit_mask(mask, code)[2]
        found = self._found[code, order]
        return min(found, self._classes()) if code == "auto" else found

    def _classes(self) -> int:
        tensor, key = self._tensor, ("classes", None)
        if key not in self._found:
            self._found[key] = tensor.n_weights
            if tensor.n_kept < tensor.n_weights:
                shape = MaskShape(0, *tensor.shape)
                self._found[key] = fit_mask(tensor.mask.ravel(), "classes", shape)[2]
        return self._found[key]


def auto_format(
    tensor: PrunedTensor,
    base: P,
    max_register_bits: int = 256,
    orders: tuple[tuple[str, int | None], ...] = ORDERS,
    n_outs: tuple[int, ...] | None = None,
    n_threads: int = 1,
    mask_bits: MaskBits | None = None,
) -> P:
    """Return `base` with the `n_out`, order and row shuffle of fewest bits for this tensor.

    Parameters
    ----------
    tensor : PrunedTensor
        The layer.
    base : F2FParams or F2FFormat
        Everything else, ``n_in`` and ``n_s`` included.
    max_register_bits : int
        Largest ``(n_s + 1) * n_in``.
    orders : tuple of (order, shuffle seed)
        Orders to choose from.
    n_outs : tuple of int, optional
        Widths to choose from; by default those around ``n_in / density``.
    n_threads : int
        Threads that trials are encoded on.
    mask_bits : MaskBits, optional
        Of this tensor, where several formats are chosen for it.

    Raises
    ------
    ConfigError
        If the registers of `base` are larger.
    """
    if (base.n_s + 1) * base.n_in > max_register_bits:
        raise ConfigError(
            f"n_s: registers of ({base.n_s} + 1) * {base.n_in} bits exceed {max_register_bits}"
        )
    if not tensor.n_kept:
        return base
    # Of a mask without holes all orders are alike, and so are its bits.  The first one mixes rows,
    # whose values differ: row order costs opennsfw 1.4 % with a value code.
    has_holes = tensor.n_kept < tensor.n_weights
    given = orders if has_holes else orders[:1]
    masks = {key: _mask_sequence(tensor, base, key) for key in given}
    known = mask_bits or MaskBits(tensor)
    found = [
        c for key, mask in masks.items() for c in _modelled(tensor, base, key, mask, n_outs, known)
    ]
    found.sort(key=lambda c: c.bits)
    near = [c for c in found[:N_TRIALS] if c.bits <= WORTH_A_TRIAL * found[0].bits]
    if len(near) == 1:
        best = near[0]
        return replace(base, n_out=best.n_out, order=best.order, shuffle_seed=best.shuffle_seed)

    def trial(candidate: Candidate) -> Candidate:
        mask = masks[candidate.order, candidate.shuffle_seed]
        return _measured(tensor, base, candidate, mask)

    trials = run(trial, near, n_threads)
    best = min(trials, key=lambda c: c.bits)
    return replace(base, n_out=best.n_out, order=best.order, shuffle_seed=best.shuffle_seed)


def _mask_sequence(
    tensor: PrunedTensor, base: F2FParams, key: tuple[str, int | None]
) -> NDArray[np.bool_]:
    return _block_order(tensor, base, key).mask_sequence(tensor.mask)


def _block_order(tensor: PrunedTensor, base: F2FParams, key: tuple[str, int | None]) -> BlockOrder:
    return replace(base, order=key[0], shuffle_seed=key[1]).block_order(tensor.shape)


def _widths(base: F2FParams, density: float) -> list[int]:
    """Return the `n_out` to try: around ``n_in / density``, thinned where there are many."""
    low = max(base.n_in, int(base.n_in / density * _SPAN[0]))
    high = min(MAX_N_OUT, max(low, int(base.n_in / density * _SPAN[1]) + 1))
    if (base.n_s + 1) * base.n_in < 10:
        high = min(high, (1 << ((base.n_s + 1) * base.n_in)) - 1)
    low = min(low, high)
    return sorted({int(x) for x in np.linspace(low, high, min(high - low + 1, _MAX_WIDTHS))})


def _modelled(
    tensor: PrunedTensor,
    base: F2FParams,
    key: tuple[str, int | None],
    mask: NDArray[np.bool_],
    n_outs: tuple[int, ...] | None,
    known: MaskBits,
) -> list[Candidate]:
    """Return candidates of one order with their modelled bits."""
    n, planes = tensor.n_weights, tensor.weight_type.n_bits
    mask_bits = known.of(base.mask_code, _block_order(tensor, base, key), mask)
    out = []
    for n_out in n_outs or _widths(base, tensor.n_kept / n):
        checks = _count_checks(base, mask, n_out)
        bits = planes * (-(-n // n_out) * base.n_in + _price(base) * checks) + mask_bits
        out.append(Candidate(*key, n_out, bits, mask_bits, checks))
    return out


def _price(base: F2FParams) -> float:
    return CHECK_BITS if base.search else CHECK_BITS_NO_SEARCH


def _count_checks(base: F2FParams, mask: NDArray[np.bool_], n_out: int) -> int:
    """Return the equations of a plane that the registers have no unknown left for."""
    fill = np.array([base.n_in], dtype=np.uint8)
    return _order.count_checks(unit_counts(mask, n_out), fill, base.n_s, base.n_groups)


def _measured(
    tensor: PrunedTensor, base: F2FParams, candidate: Candidate, mask: NDArray[np.bool_]
) -> Candidate:
    """Return a candidate with its checks at the price of a real encoding of a sample."""
    n_out = candidate.n_out
    n_blocks = -(-mask.shape[0] // n_out)
    n_taken = max(1, TRIAL_WEIGHTS // TRIAL_PIECES // n_out)
    if n_blocks > TRIAL_PIECES * n_taken:  # pieces from all over: layers are not uniform
        starts = np.linspace(0, n_blocks - 1 - n_taken, TRIAL_PIECES).astype(np.int64) * n_out
        mask = np.concatenate([mask[at : at + n_taken * n_out] for at in starts])
    care = care_from_mask(mask, n_out)
    planes = min(TRIAL_PLANES, tensor.weight_type.n_bits)
    bits = np.random.default_rng(0).integers(0, 1 << planes, care.n_kept)
    care = care.with_values(bits.astype(np.uint32))
    patches = _patch_bits(replace(base, n_out=n_out), care, planes) / planes
    sampled = _count_checks(base, mask, n_out)
    price = (patches + _PRIOR_CHECKS * _price(base)) / (sampled + _PRIOR_CHECKS)
    per_plane = n_blocks * base.n_in + price * candidate.n_checks
    total = per_plane * tensor.weight_type.n_bits
    return replace(candidate, bits=total + candidate.mask_bits)


def _patch_bits(params: F2FParams, care: CareList, n_planes: int) -> int:
    """Return the patch bits of planes of random bits, by the elimination encoder."""
    matrix = params.matrix
    words = encode_elimination(matrix, care, n_planes, params.n_groups, search=params.search)
    wrong = decode_values(matrix, words, care, params.n_groups) ^ care.val
    return int(to_fields(patch_places(care, wrong, n_planes)).widths.sum())
