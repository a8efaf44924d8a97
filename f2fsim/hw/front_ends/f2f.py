"""XOR decoders, patch unit and mask unit: ``groups`` groups of each in lock step."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec import FORMATS, EncodedTensor, PrunedTensor, WeightFormat
from f2fsim.codec.f2f.format import F2FFormat, read_params
from f2fsim.codec.f2f.matrix import DecoderMatrix, find_problem
from f2fsim.codec.f2f.orders import BlockOrder
from f2fsim.codec.f2f.params import F2FParams, matrix_rows
from f2fsim.config.arch import ArchConfig
from f2fsim.config.front_end import F2fFrontEnd
from f2fsim.cost import (
    GateCount,
    estimate_decoder_gates,
)
from f2fsim.cost.cse import share_xors
from f2fsim.cost.front_end_units import (
    COUNT_CYCLES,
    MASK_CYCLES,
    PLACED_CYCLES,
    compaction,
    mask_unit,
    patch_unit,
    position_decoder,
)
from f2fsim.cost.unit_spec import Units
from f2fsim.hw.description import InPort, IntSeq
from f2fsim.hw.front_ends.contract import (
    ONE,
    FrontEndJob,
    FrontEndKind,
    Least,
    Rates,
    UnitParts,
    at_rate,
    expected_mask_bits,
    fifo_units,
    total_work,
)
from f2fsim.hw.front_ends.mask_unit import (
    add_mask_unit,
    mask_cycles,
    mask_format,
    mask_places,
    mask_unit_rates,
)
from f2fsim.hw.front_ends.patch_estimates import (
    PATCH_BITS,
    Patching,
    mask_patches,
    random_patches,
)
from f2fsim.hw.front_ends.value_decoder import (
    ALIGNER_CYCLES,
    VALUE_CYCLES,
    add_value_decoder,
    add_word_aligner,
    built_planes,
    has_values,
    stored_planes,
    value_fifo_bits,
    value_units,
)
from f2fsim.hw.front_ends.value_table import add_table, expected_table
from f2fsim.mapping.facts import LayerFacts
from f2fsim.mapping.steps import LayerSteps
from f2fsim.mapping.totals import Totals
from f2fsim.sharing import shared

#: Block orders that run through all rows of a band.
ALL_ROWS_ORDERS = ("diagonal", "column")


#: From a mask until its patches have their positions: kept weights counted and their care bits
#: added up, the placer, places to planes and ranks.
POSITION_CYCLES = MASK_CYCLES + 1 + PLACED_CYCLES


def dealing_cycles(front_end: F2fFrontEnd, arch: ArchConfig) -> int:
    """Return the cycles from a patched step until it can be taken: compaction for skipping."""
    if getattr(arch.pe_array, "zeros", "") != "skip":
        return 1
    return COUNT_CYCLES + 1 + front_end.pipeline_cycles


#: Cycles that a pass's first block takes beside the pipeline, patches among them; fitted to runs of
#: value codes in 64 and 128 bands: 13 to 18 until the next table may be loaded, of 10 of pipeline.
FIRST_CYCLES = 4

#: Kept weights of a block over those that its words can match, as a ratio: a half percent more
#: than the density says, so that a kept weight too many does not waste an output.
OVER_MATCHED = (201, 200)


def used_outputs(front_end: F2fFrontEnd, n_weights: int, n_kept: int) -> int:
    """Return the decoder outputs that a row band uses: ``n_in / density``, from n_in to n_out."""
    if not n_kept:
        return front_end.n_out
    over, per = OVER_MATCHED
    matched = over * front_end.n_in * n_weights // (per * n_kept)
    return max(front_end.n_in, min(front_end.n_out, matched))


class F2fKind(FrontEndKind[F2fFrontEnd]):
    """Fixed-to-fixed: ``groups`` groups of ``n_w`` XOR decoders."""

    model = F2fFrontEnd
    title = "F2F"
    streams = ("mask", "weights", "patches")
    is_fixed_to_fixed = True

    def format_params(self, front_end: F2fFrontEnd, arch: ArchConfig) -> dict[str, object]:
        """Decoder, order, groups and codes."""
        same = ("n_in", "n_out", "n_s", "taps", "seed", "encoder", "order", "shuffle_seed")
        params = {name: getattr(front_end, name) for name in same}
        params["n_groups"] = front_end.groups
        codes = ("invert", "value_code", "spare_planes")
        params |= {name: getattr(front_end, name) for name in codes}
        return params | {"mask_code": mask_format(front_end)}

    def fetched(self, front_end: F2fFrontEnd) -> tuple[str, ...]:
        """The tables of value codes beside."""
        return ("codebook", *self.streams) if has_values(front_end) else self.streams

    def layer_format(
        self, front_end: F2fFrontEnd, arch: ArchConfig, tensor: PrunedTensor
    ) -> WeightFormat:
        """Of a layer without holes the mask has words of no bits.

        As the dense way of other formats, a flag of the layer says so.
        """
        params = self.format_params(front_end, arch)
        if tensor.n_kept == tensor.n_weights:
            params["mask_code"] = "block32"
        return FORMATS[self.format_name](**params)

    def band_format(
        self, front_end: F2fFrontEnd, of_layer: WeightFormat, band: PrunedTensor
    ) -> WeightFormat:
        """With ``outputs: matched`` use the outputs that the band's density lets be matched.

        A dense band then takes its own size and no flood of patches.
        """
        n_used = used_outputs(front_end, band.n_weights, band.n_kept)
        if front_end.outputs == "all" or n_used == front_end.n_out:
            return of_layer
        names = ("n_in", "n_out", "n_s", "taps", "seed")
        assert isinstance(of_layer, F2FFormat)
        return _with_outputs(of_layer, tuple(getattr(front_end, name) for name in names), n_used)

    def step_weights(self, front_end: F2fFrontEnd, facts: LayerFacts) -> float:
        """The outputs in use of all groups."""
        n_used = front_end.n_out
        if front_end.outputs != "all":
            n_used = used_outputs(
                front_end, facts.n_weights, round(facts.density * facts.n_weights)
            )
        return front_end.groups * n_used

    def expected_bits(self, front_end: F2fFrontEnd, facts: LayerFacts) -> float:
        """Mask, and words of all planes; kept values by their entropy if they have a code."""
        mask = expected_mask_bits(front_end.mask_code, facts.density) if facts.density < 1 else 0.0
        if has_values(front_end):
            return facts.n_weights * (mask + facts.density * facts.value_bits)
        used = self.step_weights(front_end, facts) / front_end.groups
        return facts.n_weights * (mask + facts.weight_bits * front_end.n_in / used)

    def unit_cycles(
        self,
        front_end: F2fFrontEnd,
        facts: LayerFacts,
        weights: float,
        rows: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """The patch unit's, or those of the mask units if these are slower."""
        cycles, _ = _patches(front_end, facts, rows)
        masks = 1.0
        if facts.density < 1:
            n_used, n_units = weights / front_end.groups, front_end.groups
            masks = mask_cycles(front_end, facts, n_used, n_units)
        return np.maximum(cycles * weights / (rows * facts.n_reduction), masks)

    def pass_table(
        self, front_end: F2fFrontEnd, facts: LayerFacts, rows: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Patches, and the value code's table."""
        _, patches = _patches(front_end, facts, rows)
        if not has_values(front_end):
            return PATCH_BITS * patches, np.zeros_like(rows)
        kept = np.maximum(rows * facts.n_reduction * facts.density, 1.0)
        bits, cycles = expected_table(kept)
        return bits + PATCH_BITS * patches, cycles

    def table_turn(self, front_end: F2fFrontEnd, arch: ArchConfig) -> int:
        """A table of values waits for the first block of a pass to come to the value decoders."""
        if not has_values(front_end):
            return 0
        return self.depth_cycles(front_end, arch) + FIRST_CYCLES

    def depth_cycles(self, front_end: F2fFrontEnd, arch: ArchConfig) -> int:
        """Decoders, with the units of value codes, or mask and positions; then the patch unit."""
        values = has_values(front_end)
        decoded = front_end.pipeline_cycles + (ALIGNER_CYCLES if values else 0)
        patched = max(decoded, POSITION_CYCLES + 1) + dealing_cycles(front_end, arch)
        return patched + (VALUE_CYCLES if values else 0)

    def units_per_step(self, front_end: F2fFrontEnd) -> int:
        """A block of each group."""
        return front_end.groups

    def is_all_rows(self, front_end: F2fFrontEnd) -> bool:
        """Diagonal and column orders do."""
        return front_end.order in ALL_ROWS_ORDERS

    def block_order(self, front_end: F2fFrontEnd, shape: tuple[int, int]) -> BlockOrder:
        """That of the format, rows as they are."""
        return F2FParams(order=front_end.order).block_order(shape)

    def build(self, job: FrontEndJob, front_end: F2fFrontEnd) -> list[InPort]:
        """Add decoders, mask unit, and the patch unit, which needs the mask to find positions.

        With value codes, aligners of the words before and value decoders behind them.
        """
        words = job.stream("weights") if not has_values(front_end) else []
        if has_values(front_end):
            rates, classes = add_table(job, front_end)
            aligned = add_word_aligner(job, front_end, rates)
            words = [InPort(aligned, ONE, "word aligner empty")]
        n_steps = [band.n_steps for band in job.steps.bands]
        planes = [stored_planes(encoded) for _, encoded in job.bands]
        n_words = job.over_bands([n * p for n, p in zip(n_steps, planes, strict=True)])
        decoded = job.unit(
            "xor decoder",
            "xor_decoder",
            ONE,
            words,
            {
                "xor_decode": n_words * front_end.groups,
                "register_byte": n_words * front_end.groups * front_end.n_in // 8,
            },
            front_end.pipeline_cycles,
        )
        masks = add_mask_unit(job, front_end, POSITION_CYCLES)
        patched = job.unit(
            "patch unit",
            "patch_unit",
            at_rate(job.over_passes(lambda band: band.most_patches), front_end.patch_rate),
            [
                InPort(decoded, ONE, "xor decoder empty"),
                InPort(masks, ONE, "mask unit empty"),
                *job.stream("patches"),
            ],
            {
                "patch": job.total(job.over_passes(lambda band: band.n_patches)),
                "fifo_byte": job.n_weight_bytes(),
            },
            dealing_cycles(front_end, job.builder.arch),
        )
        if not has_values(front_end):
            return [InPort(patched, ONE, "patch unit empty")]
        valued = add_value_decoder(job, front_end, patched, classes)
        return [InPort(valued, ONE, "value decoder empty")]

    def place_order(
        self, front_end: F2fFrontEnd, encoded: EncodedTensor, shape: tuple[int, int]
    ) -> tuple[IntSeq, IntSeq]:
        """The block order of the encoding."""
        order = _order(encoded, shape)
        return order.flat_indices(0, shape[0] * shape[1]), order.row_order

    def kept_places(
        self, front_end: F2fFrontEnd, encoded: EncodedTensor, mask: NDArray[np.bool_]
    ) -> tuple[IntSeq, IntSeq, IntSeq]:
        """Along the block order."""
        order = _order(encoded, mask.shape)
        kept = np.flatnonzero(order.mask_sequence(mask))
        return kept, *order.matrix_places(kept)

    def every_place(
        self, front_end: F2fFrontEnd, encoded: EncodedTensor, shape: tuple[int, int]
    ) -> tuple[IntSeq, IntSeq]:
        """Along the block order."""
        return _order(encoded, shape).matrix_places(np.arange(shape[0] * shape[1]))

    def least(self, front_end: F2fFrontEnd, arch: ArchConfig, totals: Totals) -> Least:
        """Raw mask, but where nothing is pruned; planes that vary, no patch.

        With matched outputs the bands' words hold their care bits, whatever their densities:
        ``1 / used`` is at least the density over ``n_in`` (but for `OVER_MATCHED`), and at least
        ``1 / n_out``.  Of a code of masks or values nothing is known without encoding.
        """
        n_weights, n_out, n_in = totals.n_weights, front_end.n_out, front_end.n_in
        blocks, planes = -(-n_weights // n_out), totals.plane_places // n_out
        if front_end.outputs != "all":
            over, per = OVER_MATCHED
            blocks = np.maximum(blocks, -(-per * totals.n_kept // (over * n_in)))
            planes = np.maximum(planes, per * totals.care_bits // (over * n_in))
        if has_values(front_end):
            planes = np.zeros_like(planes)
        has_mask = (front_end.mask_code == "raw") & (totals.n_kept < n_weights)
        return Least(
            bits=planes * n_in + np.where(has_mask, n_weights, 0),
            steps=-(-blocks // front_end.groups),
            actions={
                "xor_decode": planes,
                "mask_bit": n_weights,
                "fifo_byte": n_weights * totals.weight_bits // 8,
            },
        )

    def rates(self, front_end: F2fFrontEnd, steps: LayerSteps) -> Rates:
        """Patches, and words of the mask code."""
        n_patches = total_work(steps, lambda band: band.n_patches)
        rates = {"patches": (n_patches, front_end.patch_rate * front_end.groups)}
        return rates | mask_unit_rates(front_end, steps, front_end.groups)

    def units(self, front_end: F2fFrontEnd, arch: ArchConfig, weight_bits: int) -> dict[str, Units]:
        """Mask unit, position decoder and patch unit of each group; compaction for skipping."""
        n_out, rate, groups = front_end.n_out, front_end.patch_rate, front_end.groups
        masks = mask_places(front_end, POSITION_CYCLES)
        planes = built_planes(front_end, weight_bits)
        found = value_units(front_end, weight_bits) if has_values(front_end) else {}
        found |= {
            "mask unit": mask_unit(n_out, front_end.mask_code, front_end.mask_rate, groups),
            "patch unit": (
                *position_decoder(n_out, planes, rate, masks, groups),
                *patch_unit(n_out, planes, rate, groups),
            ),
        }
        if getattr(arch.pe_array, "zeros", "") == "skip":
            lanes = int(getattr(arch.pe_array, "weights_per_cycle", 1))
            n, stages = groups * n_out, front_end.pipeline_cycles
            steps = fifo_units(front_end, dealing_cycles(front_end, arch))
            found["compaction"] = compaction(n, lanes, weight_bits, stages, steps)
        return found

    def parts(self, front_end: F2fFrontEnd, arch: ArchConfig, weight_bits: int) -> UnitParts:
        """Decoders beside the units."""
        found = super().parts(front_end, arch, weight_bits)
        n_decoders = built_planes(front_end, weight_bits) * front_end.groups
        decoders = self.decoder_gates(front_end).times(n_decoders)
        return UnitParts({"xor decoder": decoders, **found.gates})

    def fifo_bits(
        self, front_end: F2fFrontEnd, arch: ArchConfig, weight_bits: int
    ) -> dict[str, int]:
        """All outputs of all groups; the mask goes with the weights behind the patch units."""
        n_out = front_end.groups * front_end.n_out
        decoded = fifo_units(front_end, front_end.pipeline_cycles)
        patched = fifo_units(front_end, dealing_cycles(front_end, arch))
        planes = built_planes(front_end, weight_bits)
        found = value_fifo_bits(front_end, weight_bits) if has_values(front_end) else {}
        return found | {
            "xor decoder out": decoded * n_out * planes,
            "patch unit out": patched * n_out * (planes + 1),
            "mask unit out": mask_places(front_end, POSITION_CYCLES) * n_out,
        }

    def decoder_levels(self, front_end: F2fFrontEnd) -> dict[str, int]:
        """XORs on the longest path after sharing, cut by the pipeline, and the inversion."""
        names = ("n_in", "n_out", "n_s", "taps", "seed")
        depth = _decoder_depth(*(getattr(front_end, name) for name in names)) + 1
        return {"xor decoder": -(-depth // front_end.pipeline_cycles)}

    def decoder_gates(self, front_end: F2fFrontEnd) -> GateCount:
        """Return the cells of one XOR decoder."""
        names = ("n_in", "n_out", "n_s", "taps", "seed", "pipeline_cycles", "invert")
        return _decoder_gates(*(getattr(front_end, name) for name in names))


def _patches(
    front_end: F2fFrontEnd, facts: LayerFacts, rows: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the cycles of the patch unit in bands of so many rows, and the patches, about.

    A diagonal evens out rows and columns of other density, an order row by row does not.
    """
    by = Patching(
        (front_end.groups, front_end.n_in, front_end.n_out, front_end.n_in * front_end.n_s),
        (0, 1) if front_end.outputs == "all" else OVER_MATCHED,
        facts.weight_bits,
        front_end.patch_rate,
        fits=has_values(front_end),
    )
    sizes, place = np.unique(rows.astype(np.int64), return_inverse=True)
    counts, mask = tuple(sizes.tolist()), facts.weights.mask
    is_row = front_end.order == "row" and front_end.shuffle_seed is None
    if is_row and facts.tensor is not None and mask.shape == (facts.n_rows, facts.n_reduction):
        found = shared(
            facts.tensor, ("patches", counts, by), lambda: mask_patches(mask, counts, by)
        )
    else:
        density = round(facts.density, 4)
        found = {n: random_patches(n * facts.n_reduction, density, by) for n in counts}
    both = np.array([found[n] for n in counts])[place].reshape(*rows.shape, 2)
    return both[..., 0], both[..., 1]


def _order(encoded: EncodedTensor, shape: tuple[int, int]) -> BlockOrder:
    """Return the block order of an encoding."""
    return read_params(encoded).block_order(shape)


@lru_cache(maxsize=1024)
def _first_rows(
    n_in: int, n_out: int, n_s: int, taps: int | str, seed: int, n_used: int
) -> tuple[str, ...]:
    """Return the first `n_used` rows of a decoder matrix, as parameters of a format hold them."""
    whole = F2FParams(n_in=n_in, n_out=n_out, n_s=n_s, taps=taps, seed=seed)
    return matrix_rows(DecoderMatrix(whole.matrix.bits[:n_used], n_in, n_used, n_s))


@lru_cache(maxsize=1024)
def _with_outputs(whole: F2FFormat, decoder: tuple[Any, ...], n_used: int) -> F2FFormat:
    """Return the format that uses the first outputs of a decoder; many bands use as many.

    As many more as it takes for rows that are a decoder: all of them are.
    """
    n_in, n_out, n_s, taps, seed = decoder
    bits = F2FParams(n_in=n_in, n_out=n_out, n_s=n_s, taps=taps, seed=seed).matrix.bits
    while n_used < n_out and find_problem(bits[:n_used]) is not None:
        n_used += 1
    return replace(whole, n_out=n_used, rows=_first_rows(*decoder, n_used))


@lru_cache(maxsize=256)
def _decoder_depth(n_in: int, n_out: int, n_s: int, taps: int | str, seed: int) -> int:
    matrix = DecoderMatrix.random(n_in, n_out, n_s, taps, seed)
    return share_xors(np.asarray(matrix.bits, dtype=np.bool_)).depth


@lru_cache(maxsize=256)
def _decoder_gates(
    n_in: int, n_out: int, n_s: int, taps: int | str, seed: int, pipeline_cycles: int, invert: bool
) -> GateCount:
    """Return the cells of one XOR decoder; machines of a sweep share decoders."""
    matrix = DecoderMatrix.random(n_in, n_out, n_s, taps, seed)
    return estimate_decoder_gates(
        np.asarray(matrix.bits, dtype=np.bool_),
        n_in=n_in,
        pipeline_depth=pipeline_cycles,
        invertible=invert,
    )
