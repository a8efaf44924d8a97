"""Which format object an architecture's front end reads."""

from __future__ import annotations

import numpy as np

from f2fsim.codec import FORMATS, PrunedTensor, WeightFormat
from f2fsim.codec.dense import DenseFormat
from f2fsim.codec.f2f.matrix import DecoderMatrix
from f2fsim.codec.f2f.params import F2FParams, matrix_rows
from f2fsim.config.arch import ArchConfig
from f2fsim.config.front_end import (
    BitmapFrontEnd,
    CscRelativeFrontEnd,
    CsrFrontEnd,
    DenseFrontEnd,
    F2fFrontEnd,
    NmFrontEnd,
    RleFrontEnd,
)


def format_of(arch: ArchConfig) -> WeightFormat:
    """Return the weight format, with its parameters, that `arch` reads."""
    return FORMATS[arch.format](**_parameters(arch))


def layer_format(arch: ArchConfig, tensor: PrunedTensor) -> WeightFormat:
    """Return the format in which `arch` reads one layer.

    An N:M machine reads a layer of another pattern densely (`dense_fallback`).  F2F decoders with
    ``outputs: matched`` use as many of their outputs as the layer's density lets be matched,
    ``n_in / density``, so that a dense layer takes its own size and no flood of patches.
    """
    fallback = dense_fallback(arch, tensor)
    if fallback is not None:
        return fallback
    front_end = arch.front_end
    if not isinstance(front_end, F2fFrontEnd) or front_end.outputs == "all":
        return format_of(arch)
    n_used = used_outputs(front_end, tensor.n_weights, tensor.n_kept)
    if n_used == front_end.n_out:
        return format_of(arch)
    rows = F2FParams(
        n_in=front_end.n_in,
        n_out=front_end.n_out,
        n_s=front_end.n_s,
        taps=front_end.taps,
        seed=front_end.seed,
    ).matrix.bits[:n_used]
    matrix = DecoderMatrix(rows, front_end.n_in, n_used, front_end.n_s)
    parameters = {**_parameters(arch), "n_out": n_used, "rows": matrix_rows(matrix)}
    return FORMATS[arch.format](**parameters)


def used_outputs(front_end: F2fFrontEnd, n_weights: int, n_kept: int) -> int:
    """Return how many decoder outputs a layer uses: ``n_in / density``, from n_in to n_out."""
    matched = front_end.n_in * n_weights // n_kept if n_kept else front_end.n_out
    return max(front_end.n_in, min(front_end.n_out, matched))


def dense_fallback(arch: ArchConfig, tensor: PrunedTensor) -> WeightFormat | None:
    """Return the dense format that an N:M machine reads for a layer of another pattern.

    Such machines run layers that keep more than n of m weights (those left unpruned) densely;
    None where the arch's own format holds the tensor.
    """
    front_end = arch.front_end
    if not isinstance(front_end, NmFrontEnd):
        return None
    n_rows, n_cols = tensor.shape
    padded = np.zeros((n_rows, -(-n_cols // front_end.m) * front_end.m), dtype=np.bool_)
    padded[:, :n_cols] = tensor.mask
    if int(padded.reshape(-1, front_end.m).sum(axis=1).max(initial=0)) <= front_end.n:
        return None
    return DenseFormat(block=front_end.m * front_end.groups_per_cycle)


def _parameters(arch: ArchConfig) -> dict[str, object]:
    front_end = arch.front_end
    match front_end:
        case F2fFrontEnd():
            return {
                "n_in": front_end.n_in,
                "n_out": front_end.n_out,
                "n_s": front_end.n_s,
                "taps": front_end.taps,
                "seed": front_end.seed,
                "encoder": front_end.encoder,
                "order": front_end.order,
                "shuffle_seed": front_end.shuffle_seed,
                "n_groups": front_end.groups,
                "mask_code": front_end.mask_code,
                "invert": front_end.invert,
                "codebook_bits": front_end.codebook_bits,
            }
        case DenseFrontEnd():
            return {"block": front_end.weights_per_cycle}
        case CsrFrontEnd():
            return {
                "index_bits": front_end.index_bits,
                "pointer_bits": front_end.pointer_bits,
                "pointers": "counts",
                "interleave": getattr(arch.pe_array, "n_pes", 1),
            }
        case CscRelativeFrontEnd():
            return {"run_bits": front_end.run_bits, "n_pes": getattr(arch.pe_array, "n_pes", 1)}
        case BitmapFrontEnd():
            return {"block": front_end.block, "mask": front_end.mask_code}
        case NmFrontEnd():
            return {"n": front_end.n, "m": front_end.m, "groups": front_end.groups_per_cycle}
        case RleFrontEnd():
            return {"run_bits": front_end.run_bits, "chunk": front_end.entries_per_cycle}
