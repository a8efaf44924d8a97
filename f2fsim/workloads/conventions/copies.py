"""What a training run saves beside the model: optimiser state, averages, dropped-out copies."""

from __future__ import annotations

import re
from itertools import pairwise

from f2fsim.workloads.conventions.table import Table

#: A component of a tensor's name that says it belongs to an optimiser, scheduler or scaler.
_OPTIMISER = re.compile(
    r"^(([a-z0-9]+[_-])*(optim|optims|optimi[sz]ers?)([_-][a-z0-9]+)*|opt_(states?|state_dict|[a-z])|"
    r"lr_schedulers?|schedulers?(_state_dict)?|"
    r"grad_scaler|scaler|amp|amp_scaler|rng_state.*|cuda_rng_state.*|random_rng_state)$",
    re.IGNORECASE,
)
#: Last component of an optimiser's own tensors, where a file is flat.
_MOMENTS = re.compile(
    r"^(exp_avg|exp_avg_sq|exp_inf|max_exp_avg_sq|momentum_buffer|square_avg|grad_avg|acc_delta|"
    r"adam_m|adam_v|fp32_master_weights?)$"
)
_AVERAGE = re.compile(
    r"^([a-z0-9]+[_-])*(ema|swa|polyak|averaged?|avg|moving_average|shadow(_params)?|teacher|"
    r"average_model|swa_model|encoder_k)$|^(ema|swa)_.*|^target_(encoder|network|net|model)$",
    re.IGNORECASE,
)
_ROOTS = re.compile(
    r"^(((online|base|main|source|orig|original)_)?(model|net|network|module|encoder)|encoder_q|"
    r"state_dict|model_state(_dict)?|params|online|student|weights)$"
)
OPTIMISER_REASON = "optimiser state: no part of the network"
AWD_LSTM = "AWD-LSTM weight drop"


def optimiser_state(table: Table) -> None:
    """Leave out what optimisers, schedulers and scalers keep."""
    for name in list(table.entries):
        parts = name.split(".")
        named = any(_OPTIMISER.match(part) for part in parts[:2])
        short = any(pair == ("opt", "state") for pair in pairwise(parts[:3]))
        if named or short or _MOMENTS.match(parts[-1]):
            table.leave_out(name, OPTIMISER_REASON)


def averages(table: Table) -> None:
    """Leave out averaged copies (EMA, SWA, a teacher) of weights that the file holds too.

    A copy is told by its prefix *and* by a tensor of the same name outside that prefix; a file
    that holds nothing but the average keeps it.
    """
    plain = [name for name in table.entries if not _is_average(name)]
    originals: dict[str, str] = {}
    for name in plain:
        originals.setdefault(_core(name), name)
    for name in list(table.entries):
        if not _is_average(name):
            continue
        original = originals.get(_core(name))
        listed = "shadow_params" in name.split(".") and bool(plain)
        if listed:
            table.leave_out(name, "averaged copy (shadow_params) of the model's parameters")
        elif original is not None and table.entries[name].shape == table.entries[original].shape:
            table.leave_out(name, f"averaged copy of {original}")


def _is_average(name: str) -> bool:
    parts = name.split(".")
    return any(_AVERAGE.match(part) for part in parts[:2] if part)


def _core(name: str) -> str:
    """Return a name without prefixes of containers, and without dots (some averages drop them)."""
    parts = name.split(".")
    while len(parts) > 1 and (_AVERAGE.match(parts[0]) or _ROOTS.match(parts[0])):
        parts.pop(0)
    return "".join(parts)


def weight_drop(table: Table) -> None:
    """Give AWD-LSTM's raw recurrent weights their place, and leave out their dropped-out copies."""
    for name, base, _ in table.ending("_raw"):
        prefix, _, tensor = base.rpartition(".")
        if "weight_hh" not in tensor and "weight_ih" not in tensor:
            continue
        inside = f"{prefix}.module.{tensor}" if prefix else f"module.{tensor}"
        partner = inside.replace("weight_hh", "weight_ih")
        target = inside if partner in table.entries or inside in table.entries else base
        if target in table.entries:
            table.leave_out(target, f"{AWD_LSTM}: dropped-out copy of {name}")
        table.rename(name, target, AWD_LSTM)
