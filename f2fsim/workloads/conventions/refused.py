"""Conventions that are known and not read: their weights are refused by name, never guessed at."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from f2fsim.workloads.conventions.table import Table
from f2fsim.workloads.readers.elements import kind_of


@dataclass(frozen=True)
class Unreadable:
    """A packed convention.

    Attributes
    ----------
    name : str
        Its name in messages.
    weights : str
        Ending of the tensor that holds the codes.
    beside : tuple of str
        Endings of which at least one must lie beside it (empty: the ending alone tells).
    companions : tuple of str
        Further endings that belong to it.
    """

    name: str
    weights: str
    beside: tuple[str, ...] = ()
    companions: tuple[str, ...] = ()


UNREADABLE = (
    Unreadable("HQQ", ".W_q", (), (
        ".scale", ".zero", ".meta", ".nbits", ".group_size", ".axis", ".shape", ".packing",
        ".channel_wise", ".compute_dtype", ".encoded_state_dict", ".optimize", ".round_zero",
        ".stores_quant_config", ".unpack_view_dtype", ".view_as_float", ".quant_scale",
        ".quant_zero", ".offload_meta", ".scale_q", ".zero_q", ".meta_scale", ".meta_zero")),
    Unreadable("EXL2", ".q_weight", (".q_scale", ".q_invperm"),
               (".q_scale", ".q_scale_max", ".q_invperm", ".q_perm", ".q_groups", ".q_group_map")),
    Unreadable("EXL3", ".trellis", (".suh", ".svh", ".su", ".sv"),
               (".suh", ".svh", ".su", ".sv", ".mcg", ".mul1")),
    Unreadable("AQLM", ".codes", (".codebooks",), (".codebooks", ".scales")),
    Unreadable("QuIP#", ".Qidxs", (), (".SU", ".SV", ".Wscale", ".codebook_id")),
    Unreadable("VPTQ", ".indices", (".centroids", ".centroids.weight"),
               (".centroids", ".centroids.weight", ".res_centroids", ".res_centroids.weight",
                ".outlier_centroids.weight", ".outlier_indices", ".perm", ".weight_scale",
                ".weight_bias")),
    Unreadable("Marlin", ".B", (".s",), (".s", ".workspace", ".B_meta")),
    Unreadable("Marlin 2:4", ".weight_packed", (".meta",), (".scale_packed", ".meta")),
    Unreadable("EETQ", ".qweight", (".weight_scales",), (".weight_scales",)),
    Unreadable("optimum-quanto, fewer than 8 bits", ".weight._data", (".weight._shift",),
               (".weight._scale", ".weight._shift", ".input_scale", ".output_scale")),
    Unreadable("optimum-quanto, fewer than 8 bits", ".weight._data._data", (),
               (".weight._scale", ".weight._shift", ".input_scale", ".output_scale")),
    Unreadable("movement pruning (scores without their threshold)", ".mask_scores", (".weight",),
               (".weight",)),
    Unreadable("packed integers without scales", ".qweight", (), (".qzeros", ".g_idx")),
    Unreadable("compressed-tensors, companions missing", ".weight_packed", (),
               (".weight_scale", ".weight_global_scale", ".weight_zero_point", ".weight_g_idx")),
    Unreadable("compressed-tensors, companions missing", ".weight.compressed", (),
               (".weight.bitmask", ".weight.shape", ".weight.row_offsets")),
)  # fmt: skip
_BITSANDBYTES = (".absmax", ".quant_map", ".nested_absmax", ".nested_quant_map")


def unreadable_weights(table: Table) -> None:
    """Refuse the weights of each convention of `UNREADABLE`, with what belongs to them."""
    for kind in UNREADABLE:
        for name, base, _ in table.ending(kind.weights):
            if name not in table.entries:
                continue
            if kind.beside and not any(base + other in table.entries for other in kind.beside):
                continue
            table.refuse(name, f"packed by {kind.name}, which is not read")
            for other in kind.companions:
                if base + other in table.entries:
                    table.leave_out(base + other, f"{kind.name}: belongs to {name}")


def bytes_with_scales(table: Table) -> None:
    """Refuse byte matrices that a float scale or maximum lies beside: packed codes, not weights.

    BitNet packs four ternary weights a byte with one scale; bitsandbytes' 4 bits need their state.
    """
    modules: dict[str, list[str]] = {}
    for name in table.entries:
        modules.setdefault(name.rpartition(".")[0], []).append(name)
    for name in list(table.entries):
        entry = table.entries.get(name)
        if entry is None or kind_of(entry.dtype) != "byte" or len(entry.shape) < 2:
            continue
        if entry.convention:
            continue
        maxima = [name + ending for ending in _BITSANDBYTES if name + ending in table.entries]
        if maxima:
            table.refuse(name, "packed by bitsandbytes, whose quant_state is missing")
            for other in maxima:
                table.leave_out(other, f"bitsandbytes: belongs to {name}")
            continue
        scale = name + "_scale"
        if entry.dtype in ("U8", "uint8") and scale in table.entries:
            single = table.entries[scale].shape in ((), (1,))
            what = "BitNet (four weights a byte)" if single else "a convention that is not declared"
            table.refuse(name, f"packed by {what}, which is not read")
            table.leave_out(scale, f"scales: belong to {name}")
            continue
        others = [n for n in _unexplained(modules, name) if n in table.entries]
        if others:
            table.refuse(name, f"8-bit codes beside {others[0]!r}, which no known convention reads")


#: What may lie beside plain 8-bit weights: biases, other weights, scales of activations.
_EXPLAINED = re.compile(r"bias|weight|^(in|input|out|output|act|activation|q|k|v)_|_amax$|^_?amax")


def _unexplained(modules: Mapping[str, list[str]], name: str) -> list[str]:
    """Return tensors of the same layer that would say what 8-bit codes mean, if one knew how.

    Parameters
    ----------
    modules : mapping of str to list of str
        Tensors by what stands before the last dot of their names.
    name : str
        The codes.
    """
    module, _, last = name.rpartition(".")
    found = list(modules.get(name, ()))
    for other in modules.get(module, ()):
        word = other.rpartition(".")[2]
        # Without modules (arrays of a file) only a name that continues this one is of its layer.
        foreign = bool(module) and not _EXPLAINED.search(word)
        if other != name and (foreign or word.startswith(last + "_")):
            found.append(other)
    return [n for n in found if "bias" not in n and not n.endswith("_amax")]


#: safetensors' words for elements of less than a byte.
_NARROW_WORDS = ("F4", "F6_E2M3", "F6_E3M2")

#: What only has a meaning beside its weights: ending, where the weights are called without it
#: (``X``) or otherwise, and whose it is.
_COMPANIONS = (
    (r"(.+)_mask", "{0}", "PyTorch pruning buffers"),
    (r"(.+\.weight|weight)_(?:scale(?:_inv|_2)?|zero_point|shape|global_scale|g_idx)", "{0}",
     "scaled or packed weights"),
    (r"(.+)\.(?:qzeros|g_idx)", "{0}.qweight", "GPTQ or AWQ"),
    (r"(.+)\.SCB", "{0}.weight", "bitsandbytes int8"),
    (r"(.+)\.(?:absmax|quant_map|nested_absmax|nested_quant_map)", "{0}", "bitsandbytes 4-bit"),
    (r"(.+)\.(?:bitmask|row_offsets)", "{0}.compressed", "compressed-tensors bit masks"),
    (r"(.+proj)_scales", "{0}_blocks", "MXFP4 blocks"),
    (r"(.+\.parametrizations\..+\.original)1", "{0}0", "weight norm"),
)  # fmt: skip
#: Halves of a weight norm, and the names that say they are something else (gates, projections).
_HALVES = re.compile(r"(.*\bweight)_([gv])$")
_OTHER_THAN_NORM = "qkifo"


def orphans(table: Table) -> None:
    """Refuse companions whose weights are not there, as in one shard of several.

    Raises
    ------
    DataError
        Naming the convention and the first such tensor.
    """
    for name, entry in table.entries.items():
        last = name.rpartition(".")[2]
        if last.endswith("_mask") and "weight" not in last:
            continue
        for pattern, weights, convention in _COMPANIONS:
            found = re.fullmatch(pattern, name)
            wanted = weights.format(found[1]) if found else name
            if wanted not in table.entries:
                raise table.error(convention, name, f"has no {wanted!r} beside it")
        half = _HALVES.match(name)
        if half is None or len(entry.shape) < 2:
            continue
        others = [f"{half[1]}_{letter}" for letter in _OTHER_THAN_NORM]
        other = half[1] + ("_v" if half[2] == "g" else "_g")
        if other not in table.entries and not any(item in table.entries for item in others):
            raise table.error("weight norm", name, f"has no {other!r} beside it")


def element_types(table: Table) -> None:
    """Refuse matrices of elements and blocks that have no reader."""
    for name in list(table.entries):
        word = table.entries[name].dtype
        if word.startswith("GGML ") or word in _NARROW_WORDS:
            table.refuse(name, f"packed as {word}, which is not read")


def declared_methods(table: Table) -> None:
    """Refuse byte and word matrices under a declared method that no reader here knows."""
    method = str(table.config.get("quant_method", "")).lower()
    if method in READ_METHODS or not method:
        return
    for name in list(table.entries):
        entry = table.entries[name]
        if entry.convention:
            continue
        packed = re.search(r"weight$|qweight$|_packed$|_data$", name) is not None
        if kind_of(entry.dtype) in ("byte", "integer") and len(entry.shape) > 1 and packed:
            table.refuse(name, f"packed by {method}, as the metadata say, which is not read")


#: Values of ``quant_method`` whose tensors have a reader.
READ_METHODS = ("gptq", "awq", "compressed-tensors", "bitsandbytes", "fp8", "fbgemm_fp8", "mxfp4",
                "modelopt")  # fmt: skip
