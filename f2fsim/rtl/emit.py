"""Verilog-2001 of a decoder group: the generated modules, and the library's beside them.

`f2f_xor` (the matrix, common subexpressions shared) and `f2f_group` (parameters and wiring) are
generated; the others come from ``f2fsim/rtl/library`` unchanged.
"""

from __future__ import annotations

from pathlib import Path

from f2fsim.cost.cse import share_xors
from f2fsim.rtl import library
from f2fsim.rtl.design import GroupDesign, bits_for

ZERO = "1'b0"

_XOR_HEADER = """\
// f2f_xor: y = M . w over GF(2); generated, do not edit.
//
//   N_IN  {n_in}   N_OUT  {n_out}   N_S  {n_s}   taps  {n_taps}
//   {n_xor2} two-input XORs after sharing ({n_shared} shared), {depth} on the longest path
//
// w[j*N_IN + i] is bit i of the word j steps back. One procedure in place of an assignment a
// signal: event-driven simulators then evaluate the network once a word, without glitches.
module f2f_xor (
    input  wire [{w_top}:0] w,
    output reg  [{y_top}:0] y
);
    reg [{y_top}:0] sum;
"""


def library_files(design: GroupDesign) -> dict[str, str]:
    """Return the library modules that a design uses, by file name."""
    names = ["f2f_channel", "f2f_fields", "f2f_decoder", "f2f_patch_unit"]
    names.append("f2f_mask_raw" if design.mask_code == "raw" else "f2f_mask_runs")
    folder = Path(library.__file__).parent
    return {f"{name}.v": (folder / f"{name}.v").read_text(encoding="utf-8") for name in names}


def emit_xor(design: GroupDesign) -> str:
    """Return module `f2f_xor`: the matrix as shared two-input XORs."""
    network = share_xors(design.matrix)
    n = network.n_inputs

    def signal(s: int) -> str:
        return f"w[{s}]" if s < n else f"t[{s - n}]"

    text = _XOR_HEADER.format(
        n_in=design.n_in,
        n_out=design.n_out,
        n_s=design.n_s,
        n_taps=int(design.matrix.sum()),
        n_xor2=network.n_xor2,
        n_shared=len(network.shared),
        depth=network.depth,
        w_top=n - 1,
        y_top=design.n_out - 1,
    )
    if network.shared:
        text += f"    reg [{len(network.shared) - 1}:0] t;\n"
    text += "    always @(w) begin\n"
    for i, (a, b) in enumerate(network.shared):
        text += f"        t[{i}] = {signal(a)} ^ {signal(b)};\n"
    for i, row in enumerate(network.rows):
        text += f"        sum[{i}] = {' ^ '.join(map(signal, row)) or ZERO};\n"
    text += "        y = sum;\n    end\n"
    return text + "endmodule\n"


def group_parameters(design: GroupDesign) -> dict[str, int]:
    """Return the parameters of module `f2f_group`, in order."""
    patch_depth, mask_depth = design.patch_fifo, design.mask_fifo
    count_top = max(design.max_patches, patch_depth + design.patch_rate)
    return {
        "N_IN": design.n_in,
        "N_OUT": design.n_out,
        "N_S": design.n_s,
        "PLANES": design.n_planes,
        "DEPTH": design.pipeline_depth,
        "WORD_FIFO": design.word_fifo,
        "BLOCK_FIFO": design.block_fifo,
        "PATCHED_FIFO": design.patched_fifo,
        "PATCH_RATE": design.patch_rate,
        "PATCH_FIFO": patch_depth,
        "COUNT": bits_for(count_top),
        "POSITION": bits_for(design.n_out - 1),
        "PLANE": bits_for(design.n_planes - 1),
        "MASK_RATE": design.mask_rows,
        "MASK_FIFO": mask_depth,
        "MASK_COUNT": bits_for(mask_depth + design.mask_rows),
        "MASK_WIDTH": design.n_out if design.mask_code == "raw" else design.run_bits,
        "PLACE": bits_for(design.n_out + 2**design.run_bits),
    }


_MEANING = {
    "N_IN": "bits of an encoded word of one plane",
    "N_OUT": "weights of a block",
    "N_S": "words remembered beside the newest",
    "PLANES": "bit planes",
    "DEPTH": "latency of the channel of decoded blocks",
    "WORD_FIFO": "capacity of the channel of words",
    "BLOCK_FIFO": "capacity of the channel of decoded blocks, pipeline included",
    "PATCHED_FIFO": "capacity of the channels before the output",
    "PATCH_RATE": "patches a cycle",
    "PATCH_FIFO": "patches that wait at the patch unit",
    "COUNT": "bits of patch counts",
    "POSITION": "bits of a patch's position in the block",
    "PLANE": "bits of a patch's plane",
    "MASK_RATE": "mask items a cycle",
    "MASK_FIFO": "mask items that wait at the mask unit",
    "MASK_COUNT": "bits of mask item counts",
    "MASK_WIDTH": "bits of a mask item (raw: a block's mask, zero runs: a code word)",
    "PLACE": "bits of a place in the mask unit (zero runs)",
}

_GROUP_HEADER = """\
// f2f_group: one F2F decoder group; generated, do not edit.
//
// Parameters
{parameters}
//
// Mask code: {mask_code}. All inputs and the output have a valid/ready handshake; items are
// taken in block order. A patch is {{plane, position}}; in_patch_n says how many patches (the
// lowest lanes of in_patch) a put carries, in_mask_n likewise for mask items. mask_ended is high
// once the last mask item has been put (zero runs). out_data holds plane p in bits
// p*N_OUT .. p*N_OUT + N_OUT - 1, pruned weights as zeros.
// invert (planes stored inverted) and n_used (outputs that the layer uses, 1 .. N_OUT; a raw
// mask has zeros from there on) are constant while a layer is decoded.
module f2f_group #(
{declarations}
) (
    input  wire                                     clk,
    input  wire                                     rst,
    input  wire [PLANES-1:0]                        invert,
    input  wire [PLACE-1:0]                         n_used,
    input  wire                                     in_word_valid,
    output wire                                     in_word_ready,
    input  wire [PLANES*N_IN-1:0]                   in_word,
    input  wire                                     in_count_valid,
    output wire                                     in_count_ready,
    input  wire [COUNT-1:0]                         in_count,
    input  wire                                     in_patch_valid,
    output wire                                     in_patch_ready,
    input  wire [COUNT-1:0]                         in_patch_n,
    input  wire [PATCH_RATE*(PLANE+POSITION)-1:0]   in_patch,
    input  wire                                     in_mask_valid,
    output wire                                     in_mask_ready,
    input  wire [MASK_COUNT-1:0]                    in_mask_n,
    input  wire [MASK_RATE*MASK_WIDTH-1:0]          in_mask,
    input  wire                                     mask_ended,
    output wire                                     out_valid,
    input  wire                                     out_ready,
    output wire [PLANES*N_OUT-1:0]                  out_data,
    output wire [N_OUT-1:0]                         out_mask
);
"""

_RAW_MASK = """\
    // Raw masks: in_mask_n, mask_ended and n_used are not used.
    wire mask_item_valid, mask_item_ready;
    wire [N_OUT-1:0] mask_item;
    wire unused = &{1'b0, in_mask_n, mask_ended, n_used};
"""

_RUN_MASK = """\
    wire [MASK_COUNT-1:0] mask_visible, mask_take;
    wire [MASK_RATE*MASK_WIDTH-1:0] mask_window;
    f2f_fields #(
        .WIDTH(MASK_WIDTH), .DEPTH(MASK_FIFO), .WRITE(MASK_RATE), .READ(MASK_RATE),
        .COUNT(MASK_COUNT)
    ) mask_fields (
        .clk(clk), .rst(rst),
        .in_valid(in_mask_valid), .in_ready(in_mask_ready), .in_count(in_mask_n),
        .in_data(in_mask), .visible(mask_visible), .window(mask_window), .take(mask_take)
    );
    f2f_mask_runs #(
        .N_OUT(N_OUT), .RUN(MASK_WIDTH), .RATE(MASK_RATE), .COUNT(MASK_COUNT), .PLACE(PLACE)
    ) mask_unit (
        .clk(clk), .rst(rst), .size(n_used), .ended(mask_ended),
        .visible(mask_visible), .window(mask_window), .take(mask_take),
        .out_valid(made_valid), .out_ready(made_ready), .out_data(made)
    );
"""


def _channel(
    name: str, width: str, depth: str, latency: int | str, capacity: int, source: str, sink: str
) -> str:
    """Return an instance of f2f_channel between the signals `source`* and `sink`*."""
    return f"""\
    f2f_channel #(
        .WIDTH({width}), .DEPTH({depth}), .LATENCY({latency}),
        .POINTER({bits_for(capacity - 1)}), .COUNT({bits_for(capacity)})
    ) {name} (
        .clk(clk), .rst(rst),
        .in_valid({source}_valid), .in_ready({source}_ready), .in_data({source}),
        .out_valid({sink}_valid), .out_ready({sink}_ready), .out_data({sink})
    );
"""


def emit_group(design: GroupDesign) -> str:
    """Return module `f2f_group`: parameters in the header, channels and units wired up."""
    parameters = group_parameters(design)
    declarations = ",\n".join(f"    parameter {name} = {n}" for name, n in parameters.items())
    listed = "\n".join(f"//   {name:<13}{n:>6}  {_MEANING[name]}" for name, n in parameters.items())
    text = _GROUP_HEADER.format(
        parameters=listed, declarations=declarations, mask_code=design.mask_code
    )
    return text + _decode_path(design) + _mask_path(design) + _JOIN + "endmodule\n"


def _decode_path(design: GroupDesign) -> str:
    bits = "PLANES*N_OUT"
    return (
        """\
    wire word_valid, word_ready, decoded_valid, decoded_ready, block_valid, block_ready;
    wire count_valid, count_ready, fixed_valid, fixed_ready, patched_valid, patched_ready;
    wire [PLANES*N_IN-1:0] word;
    wire [PLANES*N_OUT-1:0] decoded, block, fixed, patched;
    wire [COUNT-1:0] count, patch_visible, patch_take;
    wire [PATCH_RATE*(PLANE+POSITION)-1:0] patch_window;
"""
        + _channel("words", "PLANES*N_IN", "WORD_FIFO", 1, design.word_fifo, "in_word", "word")
        + """\
    f2f_decoder #(.N_IN(N_IN), .N_OUT(N_OUT), .N_S(N_S), .PLANES(PLANES)) decoder (
        .clk(clk), .rst(rst), .invert(invert),
        .in_valid(word_valid), .in_ready(word_ready), .in_data(word),
        .out_valid(decoded_valid), .out_ready(decoded_ready), .out_data(decoded)
    );
"""
        + _channel("blocks", bits, "BLOCK_FIFO", "DEPTH", design.block_fifo, "decoded", "block")
        + _channel("counts", "COUNT", "BLOCK_FIFO", 1, design.block_fifo, "in_count", "count")
        + """\
    f2f_fields #(
        .WIDTH(PLANE+POSITION), .DEPTH(PATCH_FIFO), .WRITE(PATCH_RATE), .READ(PATCH_RATE),
        .COUNT(COUNT)
    ) patches (
        .clk(clk), .rst(rst),
        .in_valid(in_patch_valid), .in_ready(in_patch_ready), .in_count(in_patch_n),
        .in_data(in_patch), .visible(patch_visible), .window(patch_window), .take(patch_take)
    );
    f2f_patch_unit #(
        .N_OUT(N_OUT), .PLANES(PLANES), .RATE(PATCH_RATE), .COUNT(COUNT), .POSITION(POSITION),
        .PLANE(PLANE)
    ) patch_unit (
        .clk(clk), .rst(rst),
        .block_valid(block_valid), .block_ready(block_ready), .block_data(block),
        .count_valid(count_valid), .count_ready(count_ready), .count_data(count),
        .visible(patch_visible), .window(patch_window), .take(patch_take),
        .out_valid(fixed_valid), .out_ready(fixed_ready), .out_data(fixed)
    );
"""
        + _channel(
            "patched_blocks", bits, "PATCHED_FIFO", 1, design.patched_fifo, "fixed", "patched"
        )
    )


def _mask_path(design: GroupDesign) -> str:
    text = """\
    wire made_valid, made_ready, mask_valid, mask_ready;
    wire [N_OUT-1:0] made, mask;
"""
    if design.mask_code == "raw":
        text += _RAW_MASK
        text += _channel(
            "mask_words", "N_OUT", "MASK_FIFO", 1, design.mask_fifo, "in_mask", "mask_item"
        )
        text += """\
    f2f_mask_raw #(.N_OUT(N_OUT)) mask_unit (
        .clk(clk), .rst(rst),
        .in_valid(mask_item_valid), .in_ready(mask_item_ready), .in_data(mask_item),
        .out_valid(made_valid), .out_ready(made_ready), .out_data(made)
    );
"""
    else:
        text += _RUN_MASK
    return text + _channel("masks", "N_OUT", "PATCHED_FIFO", 1, design.patched_fifo, "made", "mask")


_JOIN = """\
    // A block leaves when it and its mask are both there.
    assign out_valid = patched_valid & mask_valid;
    assign patched_ready = out_ready & mask_valid;
    assign mask_ready = out_ready & patched_valid;
    assign out_data = patched & {PLANES{mask}};
    assign out_mask = mask;
"""


def emit_design(design: GroupDesign) -> dict[str, str]:
    """Return all Verilog files of a decoder group, by file name, the top module first."""
    return {
        "f2f_group.v": emit_group(design),
        "f2f_xor.v": emit_xor(design),
        **library_files(design),
    }
