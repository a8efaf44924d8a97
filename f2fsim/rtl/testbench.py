"""A self-checking test bench of a decoder group, and its vectors as hex files.

The bench plays the sources and the consumer with given gaps, compares every block bit for bit and
its cycle with the expected one, and ends with a line ``PASS`` or ``FAIL``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from f2fsim.rtl.design import GroupDesign
from f2fsim.rtl.emit import emit_design, group_parameters
from f2fsim.rtl.fields import Beats
from f2fsim.rtl.timing import (
    Environment,
    mask_beats,
    output_cycles,
    patch_beats,
)
from f2fsim.rtl.vectors import GroupVectors

IntArray = NDArray[np.int64]

#: Cycles after the last expected block until the bench gives up.
PATIENCE_CYCLES = 1000


@dataclass(frozen=True)
class _Source:
    """One input of the group in the bench: its ports, number of puts and width of its data."""

    name: str
    n_puts: int
    width: str
    counted: str = ""


def bench_files(design: GroupDesign, vectors: GroupVectors, world: Environment) -> dict[str, str]:
    """Return Verilog, test bench and vectors by file name.

    The expected cycles are those of the event engine (`f2fsim.rtl.timing.output_cycles`).
    """
    cycles = output_cycles(design, vectors, world)
    return {
        **emit_design(design),
        "f2f_tb.v": _bench(design, vectors, world, int(cycles[-1]) if cycles.size else 0),
        **_vector_files(design, vectors, world, cycles),
    }


def _hex_rows(bits: NDArray[np.bool_]) -> str:
    """Return rows of bits, bit 0 first in the array and lowest in the number, as hex lines."""
    n, width = bits.shape
    padded = np.zeros((n, -(-width // 8) * 8), dtype=np.bool_)
    padded[:, :width] = bits
    rows = np.packbits(padded, axis=1, bitorder="little")[:, ::-1]
    digits = -(-width // 4)
    return "".join(f"{row.tobytes().hex()[-digits:]}\n" for row in rows) or "0\n"


def _hex_numbers(values: IntArray) -> str:
    return "".join(f"{value:x}\n" for value in values.tolist()) or "0\n"


def _hex_fields(values: IntArray, width: int, per_put: IntArray, rate: int) -> str:
    """Return lines of `rate` fields of `width` bits, the first field lowest."""
    slots = np.zeros((per_put.size, rate), dtype=np.int64)
    slots[np.arange(rate) < per_put[:, None]] = values
    bits = (slots[..., None] >> np.arange(width)) & 1
    return _hex_rows(bits.reshape(per_put.size, rate * width).astype(np.bool_))


def _vector_files(
    design: GroupDesign, vectors: GroupVectors, world: Environment, cycles: IntArray
) -> dict[str, str]:
    n, n_in = vectors.n_blocks, design.n_in
    parameters = group_parameters(design)
    words = ((vectors.words[..., None] >> np.arange(n_in)) & 1).reshape(n, -1)
    patches, masks = patch_beats(design, vectors), mask_beats(design, vectors)
    fields = (vectors.patches[:, 1] << parameters["POSITION"]) | vectors.patches[:, 2]
    width = parameters["PLANE"] + parameters["POSITION"]
    if design.mask_code == "raw":
        mask_text = _hex_rows(vectors.mask)
    else:
        values = vectors.zero_runs(design.run_bits).values
        mask_text = _hex_fields(values, design.run_bits, masks.per_put, design.mask_rate)
    return {
        "word.hex": _hex_rows(words.astype(np.bool_)),
        "word_gap.hex": _hex_numbers(world.word_gaps),
        "count.hex": _hex_numbers(vectors.patch_counts),
        "count_gap.hex": _hex_numbers(world.count_gaps),
        "patch.hex": _hex_fields(fields, width, patches.per_put, design.patch_rate),
        "patch_n.hex": _hex_numbers(patches.per_put),
        "patch_gap.hex": _hex_numbers(world.patch_gaps),
        "mask.hex": mask_text,
        "mask_n.hex": _hex_numbers(masks.per_put),
        "mask_gap.hex": _hex_numbers(world.mask_gaps),
        "out.hex": _hex_rows(vectors.expected.reshape(n, -1)),
        "out_mask.hex": _hex_rows(vectors.mask),
        "out_gap.hex": _hex_numbers(world.output_gaps),
        "out_cycle.hex": _hex_numbers(cycles),
    }


_SOURCE = """\
    // Source of {name}s: waits its gap, then offers the item until it is taken.
    reg [{width}-1:0] {name}_items [0:{top}];
    reg [31:0] {name}_gaps [0:{top}];
    reg [31:0] {name}_next, {name}_wait;
    wire {name}_ready;
    wire {name}_valid = ({name}_next < {n}) & ({name}_wait == 0);
    wire [{width}-1:0] {name}_item = {name}_items[{name}_next];
{counted}    initial begin
        $readmemh("{name}.hex", {name}_items);
        $readmemh("{name}_gap.hex", {name}_gaps);
    end
    always @(posedge clk) begin
        if (rst) begin
            {name}_next <= 0;
            {name}_wait <= {name}_gaps[0];
        end else if ({name}_valid & {name}_ready) begin
            {name}_next <= {name}_next + 1;
            {name}_wait <= ({name}_next + 1 < {n}) ? {name}_gaps[{name}_next + 1] - 1 : 0;
        end else if ({name}_wait != 0) {name}_wait <= {name}_wait - 1;
    end
"""

_COUNTED = """\
    reg [{width}-1:0] {name}_ns [0:{top}];
    wire [{width}-1:0] {name}_n = {name}_ns[{name}_next];
    initial $readmemh("{name}_n.hex", {name}_ns);
"""

_HEAD = """\
// f2f_tb: self-checking test bench of f2f_group; generated, do not edit.
//
// Plays the sources and the consumer with the gaps in *_gap.hex, compares every block with
// out.hex and out_mask.hex and its cycle with out_cycle.hex (cycle 0 is the first after reset).
// The last line printed begins with PASS or FAIL.
module f2f_tb;
{parameters}
    reg clk, rst;
    reg [31:0] cycle;
    initial begin
        clk = 1'b0;
        rst = 1'b1;
        #20 rst = 1'b0;
    end
    always #5 clk = ~clk;
    always @(posedge clk) cycle <= rst ? 0 : cycle + 1;
"""

_TAIL = """\
    // Consumer: takes a block, then is busy for its gap.
    reg [PLANES*N_OUT-1:0] want [0:{top}];
    reg [N_OUT-1:0] want_mask [0:{top}];
    reg [31:0] want_cycle [0:{top}];
    reg [31:0] out_gaps [0:{top}];
    reg [31:0] out_next, out_wait;
    wire out_valid;
    wire out_ready = (out_wait == 0);
    wire [PLANES*N_OUT-1:0] out_data;
    wire [N_OUT-1:0] out_mask;
    initial begin
        $readmemh("out.hex", want);
        $readmemh("out_mask.hex", want_mask);
        $readmemh("out_cycle.hex", want_cycle);
        $readmemh("out_gap.hex", out_gaps);
    end
    always @(posedge clk) begin
        if (rst) begin
            out_next <= 0;
            out_wait <= 0;
        end else begin
            if (out_valid & out_ready) begin
                if (out_data !== want[out_next] || out_mask !== want_mask[out_next]) begin
                    $display("FAIL block %0d: bits differ in cycle %0d", out_next, cycle);
                    $finish;
                end else if (cycle !== want_cycle[out_next]) begin
                    $display("FAIL block %0d: cycle %0d, expected %0d", out_next, cycle,
                             want_cycle[out_next]);
                    $finish;
                end else if (out_next == {top}) begin
                    $display("PASS %0d blocks, last cycle %0d", out_next + 1, cycle);
                    $finish;
                end
                out_next <= out_next + 1;
                out_wait <= out_gaps[out_next] - 1;
            end else if (out_wait != 0) out_wait <= out_wait - 1;
            if (cycle > {limit}) begin
                $display("FAIL block %0d: nothing until cycle %0d", out_next, cycle);
                $finish;
            end
        end
    end

    f2f_group dut (
        .clk(clk), .rst(rst), .invert({invert}), .n_used(USED),
        .in_word_valid(word_valid), .in_word_ready(word_ready), .in_word(word_item),
        .in_count_valid(count_valid), .in_count_ready(count_ready), .in_count(count_item),
        .in_patch_valid(patch_valid), .in_patch_ready(patch_ready), .in_patch_n(patch_n),
        .in_patch(patch_item),
        .in_mask_valid(mask_valid), .in_mask_ready(mask_ready), .in_mask_n(mask_n),
        .in_mask(mask_item), .mask_ended(mask_next >= {n_mask}),
        .out_valid(out_valid), .out_ready(out_ready), .out_data(out_data), .out_mask(out_mask)
    );
endmodule
"""


def _source_text(source: _Source) -> str:
    values = {
        "name": source.name,
        "n": source.n_puts,
        "top": max(0, source.n_puts - 1),
        "width": source.width,
    }
    counted = _COUNTED.format(**{**values, "width": source.counted}) if source.counted else ""
    return _SOURCE.format(**values, counted=counted)


def _bench(design: GroupDesign, vectors: GroupVectors, world: Environment, last_cycle: int) -> str:
    if vectors.n_blocks == 0:
        raise ValueError("a test bench needs at least one block")
    parameters = "".join(
        f"    localparam {name} = {value};\n" for name, value in group_parameters(design).items()
    )
    parameters += f"    localparam [PLACE-1:0] USED = {vectors.n_used};\n"
    masks: Beats = mask_beats(design, vectors)
    sources = (
        _Source("word", vectors.n_blocks, "PLANES*N_IN"),
        _Source("count", vectors.n_blocks, "COUNT"),
        _Source("patch", world.patch_gaps.size, "PATCH_RATE*(PLANE+POSITION)", "COUNT"),
        _Source("mask", masks.per_put.size, "MASK_RATE*MASK_WIDTH", "MASK_COUNT"),
    )
    invert = "".join("1" if flag else "0" for flag in vectors.inverted[::-1])
    return (
        _HEAD.format(parameters=parameters)
        + "".join(_source_text(source) for source in sources)
        + _TAIL.format(
            top=vectors.n_blocks - 1,
            limit=last_cycle + PATIENCE_CYCLES,
            invert=f"{design.n_planes}'b{invert}",
            n_mask=masks.per_put.size,
        )
    )
