"""What the tensors of a checkpoint mean: by names, companions and metadata, never by shape.

`open_checkpoint` opens a file and applies `CONVENTIONS` in their order.  Each is one reader that
takes its tensors off a table and puts what they mean in their place; every stored tensor ends as
an entry, left out with a reason, or refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from f2fsim.workloads.conventions.bitsandbytes import eight_bits, four_bits
from f2fsim.workloads.conventions.compressed_tensors import (
    bitmasks,
    packed_floats,
    packed_integers,
)
from f2fsim.workloads.conventions.copies import averages, optimiser_state, weight_drop
from f2fsim.workloads.conventions.fp4 import mxfp4_blocks, nvfp4_weights
from f2fsim.workloads.conventions.gptq_awq import packed_words
from f2fsim.workloads.conventions.kernels import kernels
from f2fsim.workloads.conventions.masks import masks_beside, pruning_buffers
from f2fsim.workloads.conventions.norms import parametrised_masks, spectral_norm, weight_norm
from f2fsim.workloads.conventions.refused import (
    bytes_with_scales,
    declared_methods,
    element_types,
    orphans,
    unreadable_weights,
)
from f2fsim.workloads.conventions.scaled import quanto_weights, scaled_weights
from f2fsim.workloads.conventions.table import Table


@dataclass(frozen=True)
class Convention:
    """One way in which tools store weights, and its reader."""

    name: str
    apply: Callable[[Table], None]


#: In this order: what only lies beside the model goes first, then how its weights are packed, then
#: what is done to unpacked weights, and last what is known and cannot be read.
CONVENTIONS = (
    Convention("optimiser state", optimiser_state),
    Convention("averaged copies", averages),
    Convention("AWD-LSTM weight drop", weight_drop),
    Convention("compressed-tensors bit masks", bitmasks),
    Convention("compressed-tensors packed integers", packed_integers),
    Convention("compressed-tensors packed floats", packed_floats),
    Convention("NVFP4 (ModelOpt)", nvfp4_weights),
    Convention("MXFP4 blocks", mxfp4_blocks),
    Convention("bitsandbytes 4-bit", four_bits),
    Convention("bitsandbytes int8", eight_bits),
    Convention("GPTQ and AWQ", packed_words),
    Convention("optimum-quanto", quanto_weights),
    Convention("packed weights that are not read", unreadable_weights),
    Convention("weights with scales", scaled_weights),
    Convention("bytes with scales", bytes_with_scales),
    Convention("declared methods", declared_methods),
    Convention("elements that are not read", element_types),
    Convention("spectral norm", spectral_norm),
    Convention("pruning buffers", pruning_buffers),
    Convention("weight norm", weight_norm),
    Convention("parametrisations", parametrised_masks),
    Convention("masks beside weights", masks_beside),
    Convention("Flax and Keras kernels", kernels),
    Convention("companions without weights", orphans),
)
