"""Huffman: decoders of one symbol a cycle, each with a stream of its own, out of step.

Kept weight i belongs to decoder ``i mod n_decoders``.  Each decoder fetches its own stream into a
buffer of its own, since codewords vary in length and decoders take unequally many bits: one that
finds its buffer empty waits, while the others go on until their FIFOs are full; the aligner waits
for the last of them.  An item of a decoder is what a step needs of it, so many symbols, a cycle
each, and their real bits.

A symbol is a weight, of wide floats its exponent, or two weights of at most 4 bits; aligner and
array still take a weight a decoder and cycle.

A decoder is canonical: its window of coming bits is compared with the limit of each length, and the
rank of the codeword looks the symbol up in a memory of 256 bytes.  Tables have two halves: a pass's
table is loaded while the one before is in use (`f2fsim.hw.front_ends.huffman_table`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec import PrunedTensor
from f2fsim.codec.huffman import DecoderWork, HuffmanFormat
from f2fsim.codec.huffman_symbols import (
    expected_symbols,
    expected_value_bits,
    may_pair,
    symbol_shares,
)
from f2fsim.config.arch import ArchConfig
from f2fsim.config.front_end import HuffmanFrontEnd
from f2fsim.cost import Sram
from f2fsim.cost.front_end_units import (
    COUNT_CYCLES,
    aligner_in_turn,
    huffman_decoder,
    huffman_table,
    mask_unit,
)
from f2fsim.cost.unit_spec import Units
from f2fsim.hw.description import InPort, IntSeq, OutPort, seq
from f2fsim.hw.front_ends.contract import (
    ONE,
    FrontEndJob,
    FrontEndKind,
    Least,
    Rates,
    at_rate,
    expected_mask_bits,
    fifo_units,
    mean_rounds,
    total_work,
)
from f2fsim.hw.front_ends.huffman_table import (
    COUNTED_A_CYCLE,
    TABLE_BYTES,
    TABLE_COPIES,
    add_table,
    table_memory,
)
from f2fsim.hw.front_ends.mask_unit import (
    add_mask_unit,
    mask_cycles,
    mask_format,
    mask_places,
    mask_unit_rates,
)
from f2fsim.hw.streams import weight_stream
from f2fsim.mapping.facts import LayerFacts
from f2fsim.mapping.steps import BandSteps, LayerSteps
from f2fsim.mapping.totals import Totals
from f2fsim.sharing import shared

#: Bits of a table for each length that it lists, about: for plans only.
TABLE_BITS = 2.4


class HuffmanKind(FrontEndKind[HuffmanFrontEnd]):
    """Mask, and kept weights in a Huffman code (Deep Compression, DFloat11)."""

    model = HuffmanFrontEnd
    title = "Huffman"
    streams = ("codebook", "pointers", "mask", "weights")

    def format_params(self, front_end: HuffmanFrontEnd, arch: ArchConfig) -> dict[str, object]:
        """Block, mask code, decoders and longest codeword."""
        names = ("block", "n_decoders", "max_length")
        params: dict[str, object] = {name: getattr(front_end, name) for name in names}
        return params | {"mask": mask_format(front_end)}

    def dense_block(self, front_end: HuffmanFrontEnd, arch: ArchConfig) -> int | None:
        """The aligner's width."""
        return front_end.n_decoders

    def step_weights(self, front_end: HuffmanFrontEnd, facts: LayerFacts) -> float:
        """A block of the mask, or what the aligner passes."""
        return front_end.n_decoders if facts.is_dense else front_end.block

    def unit_cycles(
        self,
        front_end: HuffmanFrontEnd,
        facts: LayerFacts,
        weights: float,
        rows: NDArray[np.float64],
    ) -> float:
        """The decoders' and the aligner's, or the mask unit's."""
        aligned = mean_rounds(weights, facts.reaching, front_end.n_decoders)
        return max(aligned, mask_cycles(front_end, facts, weights))

    def expected_bits(self, front_end: HuffmanFrontEnd, facts: LayerFacts) -> float:
        """Mask, entropy of the symbols, and what follows them."""
        tensor = facts.tensor
        each = facts.weight_bits if tensor is None else expected_value_bits(tensor)
        mask = expected_mask_bits(front_end.mask_code, facts.density)
        return facts.n_weights * (mask + facts.density * each)

    def pass_table(
        self, front_end: HuffmanFrontEnd, facts: LayerFacts, rows: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The symbols that so many kept weights have, and those between the outermost ones."""
        tensor, n = facts.tensor, front_end.n_decoders
        if facts.is_dense or tensor is None:
            return super().pass_table(front_end, facts, rows)
        shares = shared(tensor, "symbol shares", lambda: symbol_shares(tensor))
        n_kept = rows * facts.n_reduction * facts.density
        n_used, n_listed = expected_symbols(shares, n_kept)
        pointers = n * np.log2(1 + facts.weight_bits * n_kept / n)
        return TABLE_BITS * n_listed + pointers, n_listed / COUNTED_A_CYCLE + n_used

    def build(self, job: FrontEndJob, front_end: HuffmanFrontEnd) -> list[InPort]:
        """Add mask unit, decoders with their table, and the aligner."""
        masks = add_mask_unit(job, front_end, COUNT_CYCLES)
        values = job.stream("weights") if job.is_dense else _add_decoders(job, front_end)
        reaching = job.over_passes(lambda band: band.reaching)
        n_all = job.total(reaching)
        aligned = job.unit(
            "aligner",
            "aligner",
            at_rate(reaching, front_end.n_decoders),
            [InPort(masks, ONE, "mask unit empty"), *values],
            {
                "index_decode": 0 if job.is_dense else n_all,
                "fifo_byte": n_all * job.weight_bits // 8,
            },
            front_end.pipeline_cycles,
        )
        return [InPort(aligned, ONE, "aligner empty")]

    def least(self, front_end: HuffmanFrontEnd, arch: ArchConfig, totals: Totals) -> Least:
        """Raw mask, and a symbol a kept weight; of its bits nothing is known without a code."""
        n_weights = totals.n_weights
        return Least(
            bits=n_weights if front_end.mask_code == "raw" else 0 * n_weights,
            steps=-(-n_weights // front_end.block),
            cycles=-(-totals.n_kept // front_end.n_decoders),
            actions={
                "mask_bit": n_weights,
                "index_decode": totals.n_kept,
                "fifo_byte": totals.n_kept * totals.weight_bits // 8,
            },
        )

    def rates(self, front_end: HuffmanFrontEnd, steps: LayerSteps) -> Rates:
        """Kept weights, as many a cycle as there are decoders; words of the mask code."""
        n_kept = total_work(steps, lambda band: band.reaching)
        rates = {"aligner": (n_kept, front_end.n_decoders)}
        if any(band.is_dense for band in steps.bands):
            return rates
        return rates | mask_unit_rates(front_end, steps, 1)

    def units(
        self, front_end: HuffmanFrontEnd, arch: ArchConfig, weight_bits: int
    ) -> dict[str, Units]:
        """Mask unit, loader of tables, decoders; prefix sum and alignment as in bitmap."""
        n, lanes = front_end.block, front_end.n_decoders
        return {
            "mask unit": mask_unit(n, front_end.mask_code, front_end.mask_rate),
            "code table": huffman_table(lanes, front_end.max_length, weight_bits),
            "huffman decoder": huffman_decoder(lanes, front_end.max_length, weight_bits),
            "aligner": aligner_in_turn(
                n,
                lanes,
                weight_bits,
                front_end.pipeline_cycles,
                mask_places(front_end, COUNT_CYCLES),
            ),
        }

    def memories(self, front_end: HuffmanFrontEnd) -> dict[str, Sram]:
        """A bit buffer and two tables a decoder; symbols that wait in the loader."""
        n = front_end.n_decoders
        return {
            "huffman decoder": Sram(
                n * (front_end.buffer_bytes + TABLE_COPIES * TABLE_BYTES), 2 * n
            ),
            "code table": table_memory(),
        }

    def fifo_bits(
        self, front_end: HuffmanFrontEnd, arch: ArchConfig, weight_bits: int
    ) -> dict[str, int]:
        """A block of the mask; symbols of each decoder; what the aligner gives a cycle."""
        aligned = fifo_units(front_end, front_end.pipeline_cycles)
        decoded = {
            f"huffman decoder {d} out": fifo_weights(front_end, weight_bits) * weight_bits
            for d in range(front_end.n_decoders)
        }
        return decoded | {
            "mask unit out": mask_places(front_end, COUNT_CYCLES) * front_end.block,
            "aligner out": aligned * front_end.n_decoders * weight_bits,
        }


def fifo_weights(front_end: HuffmanFrontEnd, weight_bits: int) -> int:
    """Return the places of a decoder's FIFO: steps whose every position may be kept.

    The second weight of a pair may be the next step's.
    """
    most = -(-front_end.block // front_end.n_decoders)
    places = fifo_units(front_end, front_end.pipeline_cycles) * most
    return places + may_pair(weight_bits)


def _add_decoders(job: FrontEndJob, front_end: HuffmanFrontEnd) -> list[InPort]:
    """Add table and decoders; return the aligner's ports, one a decoder."""
    work = [_decoder_work(front_end, tensor) for tensor, _ in job.bands]
    bands = [
        replace(band, stream_bits=_dealt(band, of_band.bits))
        for band, of_band in zip(job.steps.bands, work, strict=True)
    ]
    n = front_end.n_decoders
    streams = ("codebook", "pointers", "mask", *(f"weights {d}" for d in range(n)))
    dealt = replace(job, steps=replace(job.steps, bands=tuple(bands)), streams=streams)
    used = [d for d in range(n) if any(of_band.symbols[:, d].any() for of_band in work)]

    def over_passes(name: str, d: int) -> IntSeq:
        return job.steps.over_passes([seq(getattr(of_band, name)[:, d]) for of_band in work])

    lanes = {
        d: _Lane(*(over_passes(name, d) for name in ("symbols", "weights", "taken"))) for d in used
    }
    tables, n_written = add_table(job, {d: lane.symbols for d, lane in lanes.items()})
    return [_add_decoder(dealt, front_end, d, lanes[d], tables[d], n_written) for d in used]


@dataclass(frozen=True, eq=False)
class _Lane:
    """A decoder's codewords, their weights, and the weights that the aligner takes, by step."""

    symbols: IntSeq
    weights: IntSeq
    taken: IntSeq


def _decoder_work(front_end: HuffmanFrontEnd, tensor: PrunedTensor) -> DecoderWork:
    """Return a band's work by step and decoder; the last symbol has the stream's padding."""
    codec = HuffmanFormat(
        block=front_end.block, n_decoders=front_end.n_decoders, max_length=front_end.max_length
    )
    work = codec.decoder_work(tensor)
    bits = work.bits.copy()
    total = bits.sum(axis=0)
    last = bits.shape[0] - 1 - np.argmax(work.symbols[::-1] > 0, axis=0)
    bits[last, np.arange(bits.shape[1])] += -total % 8
    return replace(work, bits=bits)


def _dealt(band: BandSteps, bits: IntSeq) -> dict[str, IntSeq]:
    """Return the bits of a band's streams with the decoders' in place of the one of all."""
    own = {f"weights {d}": seq(bits[:, d]) for d in range(bits.shape[1])}
    return {name: n for name, n in band.stream_bits.items() if name != "weights"} | own


def _add_decoder(
    job: FrontEndJob,
    front_end: HuffmanFrontEnd,
    d: int,
    lane: _Lane,
    table: InPort,
    n_written: int,
) -> InPort:
    """Add one decoder with its stream, its table written to; return the aligner's port."""
    name = f"weights {d}"
    source = weight_stream(
        job.builder,
        name,
        job.plan,
        job.steps,
        job.segments[name],
        buffer_bytes=front_end.buffer_bytes,
        n_sharers=front_end.n_decoders,
    )
    latency = front_end.pipeline_cycles
    fifo = job.builder.channel(
        f"huffman decoder {d} out", fifo_weights(front_end, job.weight_bits), latency
    )
    n_symbols, n_bytes = int(lane.symbols.sum()), 0
    if source is not None:
        n_bytes = int(source.need.sum()) // 8
    job.builder.component(
        f"huffman decoder {d}",
        "huffman_decoder",
        lane.symbols,
        job.steps.n_steps,
        [table, *([source] if source else [])],
        [OutPort(fifo, lane.weights, f"huffman decoder {d} out full")],
        {
            "sram_write_byte": n_bytes + n_written,
            "sram_read_byte": n_bytes + n_symbols,
            "index_decode": n_symbols,
            "fifo_byte": int(lane.taken.sum()) * job.weight_bits // 8,
        },
    )
    return InPort(fifo, lane.taken, f"huffman decoder {d} empty")
