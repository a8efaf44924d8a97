"""Which tensors of a file are weights of layers, and why the others are not: one rule for all.

A tensor's name says what it is.  `workload from` makes its layers of these tensors, and `encode`
encodes them.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from f2fsim.workloads.conventions.checkpoint import Checkpoint
from f2fsim.workloads.conventions.table import LeftOut
from f2fsim.workloads.readers import ModelFile
from f2fsim.workloads.readers.elements import kind_of


def _named(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


#: Names of what is no product of a matrix, and what to say of it; the first match counts.
NO_WEIGHTS = (
    (_named(r"(^|[._/])bias(es)?(:0)?$|_bias$|bias_[ih]h(_l\d+)?(_reverse)?$"),
     "bias: added, no product"),
    (_named(r"(^|\.)(A_logs?|ssm_a|A_real|log_A)$"), "state matrix of a state-space layer"),
    (_named(r"(^|[._])time_(mix|decay|first|faaaa|maa|state)(_[a-z])?$"),
     "element-wise mixing weights"),
    (_named(r"(mask|cls|class|dist|distillation|register|query|sep|pad|null|bos|storage)_?tokens?"
            r"$|(^|\.)(latents?|queries|query_tokens?|no_mask_embed)$"),
     "learned token: an input, no product"),
    (_named(r"(^|\.)[^.]*prompt[^.]*$|(^|\.)(ctx|(token_)?(prefix|suffix)(_tokens?)?|soft_prefix)$|"
            r"prefix_encoder\.embedding"),
     "learned prompt: an input, no product"),
    (_named(r"(^|[._/])(layer_?norm|rms_?norm|batch_?norm|group_?norm|instance_?norm|norm\d*|"
            r"ln_?\w{0,3}|bn\d*)[._/](weight|scale|gamma)$|running_(mean|var)$|moving_(mean|var"
            r"iance)$"),
     "normalisation: element-wise"),
    (_named(r"(^|[._])(gamma|lambda|layer_scale|ls|alpha)(_?\d)?$|(^|\.)(pe|inv_freq|freqs?_cis|"
            r"sin|cos|sin_cached|cos_cached|rope_freqs)$|(^|[._])(logit|temperature)_scale$"),
     "constants of element-wise work"),
    (_named(r"(^|[._])(attn_|attention_|causal_|padding_|src_|tgt_)?mask(ed_bias)?$"),
     "mask that belongs to no weights of the file"),
    (_named(r"codebook|codevectors|(^|\.)(vq|quantize|quantizer)\.(embed\w*|e)(\.weight)?$"),
     "codebook: table look-up, no product"),
    (_named(r"(scales?|scale_inv|q?zeros?|zero_points?|absmax|quant_map|g_idx|SCB|weight_format|"
            r"weight_shape|global_scale|scale_weight)(_2)?$|(^|\.)(input|output|act|activation|"
            r"[kqv])_(scale|amax|quantizer\._amax)$|_amax$"),
     "scales or zero points of quantised weights"),
    (_named(r"(position|relative)\w*_(index|bucket|ids)$|(^|\.)(num_batches_tracked|n_averaged)$"),
     "indices or counters"),
)  # fmt: skip
_BIAS = NO_WEIGHTS[0][0]
_EMBEDDING = _named(
    r"embed|embd|(^|\.)(wte|wpe|shared)(\.|$)|position|token_type|rel_pos|relative_attention|"
    r"rotary|relative_position_bias_table|token_types|attn_rel_b|(^|\.)encoder\.emb\.|emb_dp"
)
_PROJECTION = _named(
    r"lm_head|proj|mapping|dense|linear|mlp|embedder\.weight|time_embed|timestep|label_emb|"
    r"(^|[._])fc"
)
_EXPERTS = _named(r"expert|_exps(\.|$)")
_DEPTHWISE_STATE = _named(r"(^|\.)ssm_conv1d\.weight$")


#: Architectures of GGUF files without an output projection.
_NO_OUTPUT = _named(r"bert|clip|t5encoder|embedding|wavtokenizer")


def tied_output(model: ModelFile) -> str | None:
    """Return the embedding table that is also the output projection of a GGUF language model.

    llama.cpp multiplies by ``token_embd.weight`` where a model has no ``output.weight``.
    """
    table = "token_embd.weight"
    language = bool(model.architecture) and not _NO_OUTPUT.search(model.architecture)
    own = "output.weight" in model.infos
    return table if language and not own and table in model.infos else None


def is_bias(name: str, n_dimensions: int) -> bool:
    """Return whether a tensor is added and not multiplied: nobody prunes it."""
    return n_dimensions < 2 or _BIAS.search(name) is not None


@dataclass(frozen=True)
class Roles:
    """The weights of a file and the rest.

    Attributes
    ----------
    weights : dict of str to str
        Tensor to kind (``linear``, ``experts``, ``convolution``), in the file's order.
    left_out : list of LeftOut
        All other tensors, each with its reason.
    """

    weights: dict[str, str]
    left_out: list[LeftOut]


def roles_of(model: ModelFile) -> Roles:
    """Say which tensors of a file are weights of layers.

    Raises
    ------
    DataError
        If weights are packed under a convention that is not read, or bytes of the file are in no
        tensor.
    """
    if isinstance(model, Checkpoint):
        model.require_readable()
    weights: dict[str, str] = {}
    tied = tied_output(model)
    left_out = list(model.left_out) if isinstance(model, Checkpoint) else []
    for name in model.names():
        shape = model.shape(name)
        reason = reason_to_leave(name, shape, model.dtype(name))
        if reason and name != tied:
            n_bytes = model.infos[name].n_bytes
            left_out.append(LeftOut(name, reason, math.prod(shape), n_bytes))
        else:
            weights[name] = kind_of_weights(name, shape)
    if isinstance(model, Checkpoint):
        model.account(set(weights))
    return Roles(weights, left_out)


def kind_of_weights(name: str, shape: tuple[int, ...]) -> str:
    """Return ``linear``, ``experts`` (a stack of linear layers) or ``convolution``."""
    if len(shape) == 2:
        return "linear"
    return "experts" if len(shape) == 3 and _EXPERTS.search(name) else "convolution"


def reason_to_leave(name: str, shape: tuple[int, ...], dtype: str) -> str:
    """Return why a tensor is no weights of a layer, empty if it is."""
    if math.prod(shape) == 0:
        return "empty"
    if len(shape) < 2:
        return "vector: biases and norms, no product"
    for pattern, reason in NO_WEIGHTS:
        if pattern.search(name):
            return reason
    if kind_of(dtype) not in ("float", "byte"):
        return f"{dtype} elements are no weights"
    table = len(shape) == 2 or shape[0] == 1
    if table and _EMBEDDING.search(name) and not _PROJECTION.search(name):
        return "looks like an embedding: table look-up, no product"
    if _DEPTHWISE_STATE.search(name):
        return "short convolution of a state-space layer: no product of matrices"
    if len(shape) > 5 or (len(shape) > 2 and shape[:2] == (1, 1) and "weight" not in name):
        return "looks like a buffer"
    return ""
