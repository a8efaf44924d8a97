"""Reparametrised weights: weight norm, spectral norm and masks of ``parametrizations``."""

from __future__ import annotations

import re
from functools import partial

import numpy as np
from numpy.typing import NDArray

from f2fsim.workloads.conventions.masks import as_mask
from f2fsim.workloads.conventions.table import Table, as_float32
from f2fsim.workloads.readers.stored import Stored

WEIGHT_NORM = "weight norm"
SPECTRAL_NORM = "spectral norm"
PARAMETRISED = "torch.nn.utils.parametrizations"

_OLD_G = re.compile(r"^(?P<base>.*(?:weight|bias|weight_[ih]h_l\d+(?:_reverse)?|kernel))_g$")
_ORIGINAL = re.compile(
    r"^(?P<module>(?:.*\.)?)parametrizations\.(?P<tensor>[^.]+)\.original(?P<which>\d*)$"
)


def weight_norm(table: Table) -> None:
    """Fold ``X_g`` and ``X_v`` into ``X`` = g · v / |v|, also under ``parametrizations``."""
    for name in list(table.entries):
        found = _OLD_G.match(name)
        if found and name in table.entries and found["base"] + "_v" in table.entries:
            _fold(table, found["base"], name, found["base"] + "_v")
    for name in list(table.entries):
        found = _ORIGINAL.match(name)
        if found and name in table.entries and found["which"] == "0":
            direction = name[:-1] + "1"
            if direction not in table.entries:
                raise table.error(WEIGHT_NORM, name, f"has no {direction!r} beside it")
            _fold(table, found["module"] + found["tensor"], name, direction)


def _fold(table: Table, name: str, magnitude: str, direction: str) -> None:
    g, v = table.entries[magnitude].shape, table.entries[direction].shape
    if g and (len(g) != len(v) or any(a not in (1, b) for a, b in zip(g, v, strict=True))):
        raise table.error(WEIGHT_NORM, magnitude, f"has shape {g}, the direction {v}")

    def read(stored: list[Stored]) -> Stored:
        return Stored(normed(stored[0].values, stored[1].values), stored[0].mask)

    table.combine(name, [direction, magnitude], v, WEIGHT_NORM, read)


def normed(v: NDArray[np.generic], g: NDArray[np.generic]) -> NDArray[np.float32]:
    """Return g · v / |v|, the norm over the axes along which `g` has one element."""
    exact = v.astype(np.float64)
    axes = tuple(axis for axis in range(v.ndim) if g.ndim == 0 or g.shape[axis] == 1)
    length = np.sqrt(np.sum(np.square(exact), axis=axes, keepdims=True))
    scaled = exact * (g.astype(np.float64) / np.where(length == 0, 1.0, length))
    return scaled.astype(np.float32)


def spectral_norm(table: Table) -> None:
    """Divide weights by their largest singular value, as the stored vectors estimate it."""
    for name, base, _ in table.ending("_orig"):
        if base + "_u" in table.entries:
            extra = [base + "_v"] if base + "_v" in table.entries else []
            _divide(table, base, [name, base + "_u", *extra])
    for name in list(table.entries):
        found = _ORIGINAL.match(name)
        if not found or found["which"] or name not in table.entries:
            continue
        steps = f"{found['module']}parametrizations.{found['tensor']}."
        u = [item for item in table.entries if re.fullmatch(re.escape(steps) + r"\d+\._u", item)]
        if len(u) == 1 and u[0][:-1] + "v" in table.entries:
            target = found["module"] + found["tensor"]
            _divide(table, target, [name, u[0], u[0][:-1] + "v"])


def _divide(table: Table, name: str, taken: list[str]) -> None:
    shape, n = table.entries[taken[0]].shape, table.entries[taken[1]].shape
    if not shape or n != shape[:1]:
        raise table.error(SPECTRAL_NORM, taken[1], f"has shape {n}, the weights {shape}")

    def read(stored: list[Stored]) -> Stored:
        weight = as_float32(stored[0].values)
        matrix = weight.reshape(shape[0], -1).astype(np.float64)
        u = stored[1].values.astype(np.float64)
        v = stored[2].values.astype(np.float64) if len(stored) == 3 else matrix.T @ u
        if len(stored) == 2:
            v /= max(float(np.linalg.norm(v)), 1e-12)
        if v.shape != (matrix.shape[1],):
            what = f"has shape {v.shape}, the weights {shape}"
            raise table.error(SPECTRAL_NORM, taken[-1], what)
        sigma = float(u @ matrix @ v)
        return Stored((weight / sigma).astype(np.float32))

    table.combine(name, taken, shape, SPECTRAL_NORM, read)


def parametrised_masks(table: Table) -> None:
    """Apply the mask of a sparsifier (``torch.ao.pruning``) and refuse other parametrisations."""
    for name in list(table.entries):
        found = _ORIGINAL.match(name)
        if not found or name not in table.entries:
            continue
        steps = f"{found['module']}parametrizations.{found['tensor']}."
        others = [item for item in table.entries if item.startswith(steps) and item != name]
        if len(others) == 1 and re.fullmatch(re.escape(steps) + r"\d+\.mask", others[0]):
            _masked(table, found["module"] + found["tensor"], name, others[0])
            continue
        if len(table.entries[name].shape) < 2:
            table.leave_out(name, "vector of a parametrisation, no product")
        else:
            table.refuse(name, f"{PARAMETRISED}: it is not known how its weights are computed")
        for item in others:
            table.leave_out(item, f"{PARAMETRISED}: belongs to {name}")


def _masked(table: Table, name: str, weight: str, mask: str) -> None:
    shape, other = table.entries[weight].shape, table.entries[mask].shape
    if shape != other:
        raise table.error(PARAMETRISED, mask, f"has shape {other}, the weights {shape}")

    def read(stored: list[Stored]) -> Stored:
        return stored[0].masked(as_mask(table, PARAMETRISED, mask, stored[1].values))

    table.check(mask, partial(as_mask, table, PARAMETRISED, mask))
    table.combine(name, [weight, mask], shape, f"{PARAMETRISED}: mask", read)
