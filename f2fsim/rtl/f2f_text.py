"""Wiring of a decoder group as Verilog."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from f2fsim.rtl.mask_path import MaskPath
from f2fsim.rtl.patch_fields import WORD_BITS
from f2fsim.rtl.text import channel, instance


@dataclass(frozen=True, eq=False)
class GroupWiring:
    """What the wiring of a group depends on: sizes by parameter name, depths by channel."""

    sizes: dict[str, int]
    parameters: dict[str, dict[str, int]]
    mask_path: MaskPath
    depths: dict[str, int]
    pipeline_depth: int

    def ports(self) -> list[str]:
        """Return the ports of the top module."""
        s = self.sizes
        return [
            f"input  wire [{s['PLANES'] - 1}:0] invert",
            *("input  wire in_word_valid", "output wire in_word_ready"),
            f"input  wire [{s['PLANES'] * s['N_IN'] - 1}:0] in_word",
            *self.mask_path.ports(),
            *("input  wire in_patch_valid", "output wire in_patch_ready"),
            f"input  wire [{s['BITS'] - 1}:0] in_patch_n",
            f"input  wire [{WORD_BITS - 1}:0] in_patch",
            "input  wire patch_ended",
            f"input  wire [{s['PLANE']}:0] n_stored",
            f"input  wire [{s['PLANES'] - 1}:0] plane_stored",
            f"input  wire [{s['PLANES'] * s['PLANE'] - 1}:0] plane_number",
            *("input  wire [4:0] patch_base", "input  wire [2:0] patch_step"),
            f"input  wire [{3 * s['GAP'] - 1}:0] patch_offsets",
            f"input  wire [{s['GAP'] - 1}:0] patch_escape",
            *("output wire out_valid", "input  wire out_ready"),
            f"output wire [{(s['PLANES'] + 1) * s['N_OUT'] - 1}:0] out",
        ]

    def body(self) -> str:
        """Return the instances."""
        return self._decode() + self._masks() + self._patches() + self._patch_unit()

    def _decode(self) -> str:
        s, depths = self.sizes, self.depths
        words, block = s["PLANES"] * s["N_IN"], s["PLANES"] * s["N_OUT"]
        return (
            "    wire word_valid, word_ready, decoded_valid, decoded_ready;\n"
            "    wire block_valid, block_ready, fixed_valid, fixed_ready;\n"
            f"    wire [{words - 1}:0] word;\n    wire [{block - 1}:0] decoded, block;\n"
            + channel("words", words, depths["words"], 1, "in_word", "word")
            + self._instance(
                "f2f_decoder",
                "decoder",
                "invert",
                *_between("in", "word"),
                *("in_data=word", "out_data=decoded"),
                *_between("out", "decoded"),
            )
            + channel("blocks", block, depths["blocks"], self.pipeline_depth, "decoded", "block")
        )

    def _masks(self) -> str:
        s, depth = self.sizes, self.depths["masks"]
        return (
            "    // A mask goes to the patch unit, the number of its kept weights to the placer.\n"
            "    wire made_valid, made_ready, mask_in_ready, count_in_ready;\n"
            "    wire mask_valid, mask_ready, kept_valid, kept_ready;\n"
            f"    wire [{s['N_OUT'] - 1}:0] made, mask;\n"
            f"    wire [{s['KEPT'] - 1}:0] n_made, kept;\n"
            "    assign made_ready = mask_in_ready & count_in_ready;\n"
            "    wire mask_in_valid = made_valid & count_in_ready;\n"
            "    wire count_in_valid = made_valid & mask_in_ready;\n"
            f"    wire [{s['N_OUT'] - 1}:0] mask_in = made;\n"
            f"    wire [{s['KEPT'] - 1}:0] count_in = n_made;\n"
            + self.mask_path.text()
            + "    f2f_count count (.bits(made), .total(n_made));\n"
            + channel("masks", s["N_OUT"], depth, 1, "mask_in", "mask")
            + channel("counts", s["KEPT"], depth, 1, "count_in", "kept")
        )

    def _patches(self) -> str:
        s, depths = self.sizes, self.depths
        gap = 1 + s["GAP"]
        placed = s["RATE"] * (1 + s["PLANE"] + s["KEPT"]) + 1
        bits = {"WIDTH": 1, "DEPTH": depths["bits"], "WRITE": WORD_BITS}
        bits |= {"READ": s["RATE"] * s["WIDE"], "COUNT": s["BITS"]}
        gaps = {"WIDTH": gap, "DEPTH": depths["gaps"], "WRITE": s["RATE"]}
        gaps |= {"READ": s["RATE"] + 1, "COUNT": s["GAPS"]}
        return (
            f"    wire [{s['BITS'] - 1}:0] bits_visible, bits_take;\n"
            f"    wire [{s['RATE'] * s['WIDE'] - 1}:0] bits_window;\n"
            "    wire cut_valid, cut_ready, located_valid, located_ready;\n"
            "    wire placed_valid, placed_ready;\n"
            f"    wire [{s['N'] - 1}:0] cut_n;\n"
            f"    wire [{s['RATE'] * gap - 1}:0] cut;\n"
            f"    wire [{s['GAPS'] - 1}:0] gaps_visible, gaps_take;\n"
            f"    wire [{(s['RATE'] + 1) * gap - 1}:0] gaps_window;\n"
            f"    wire [{placed - 1}:0] located, placed;\n"
            "    // No gap comes any more once the stream and what is cut of it are empty.\n"
            "    wire gaps_ended = patch_ended & ~cut_valid & ~(|bits_visible);\n"
            + instance(
                "f2f_fields",
                "patch_bits",
                bits,
                [
                    *("clk", "rst", "in_count=in_patch_n", "in_data=in_patch", "take=bits_take"),
                    *_between("in", "in_patch"),
                    *("visible=bits_visible", "window=bits_window"),
                ],
            )
            + self._instance(
                "f2f_gap_decoder",
                "gap_decoder",
                *(f"{name}=patch_{name}" for name in ("base", "step", "offsets", "escape")),
                *("ended=patch_ended", "visible=bits_visible", "window=bits_window"),
                *("take=bits_take", "out_count=cut_n", "out_data=cut"),
                *_between("out", "cut"),
            )
            + instance(
                "f2f_fields",
                "gaps",
                gaps,
                [
                    *("clk", "rst", f"in_count={{{s['GAPS'] - s['N']}'d0, cut_n}}", "in_data=cut"),
                    *_between("in", "cut"),
                    *("visible=gaps_visible", "window=gaps_window", "take=gaps_take"),
                ],
            )
            + self._instance(
                "f2f_patch_place",
                "placer",
                *("n_stored", "kept_valid", "kept_ready", "kept", "ended=gaps_ended"),
                *("visible=gaps_visible", "window=gaps_window", "take=gaps_take"),
                *_between("out", "located"),
                "out_data=located",
            )
            + channel("places", placed, 2, 1, "located", "placed")
        )

    def _patch_unit(self) -> str:
        s = self.sizes
        item = (s["PLANES"] + 1) * s["N_OUT"]
        return (
            f"    wire [{item - 1}:0] fixed;\n"
            + self._instance(
                "f2f_patch_unit",
                "patch_unit",
                *("plane_stored", "plane_number", "block_data=block", "mask_data=mask"),
                *(f"{n}_{end}" for n in ("block", "mask", "placed") for end in ("valid", "ready")),
                *("placed_data=placed", "out_data=fixed"),
                *_between("out", "fixed"),
            )
            + channel("patched", item, self.depths["patched"], 1, "fixed", "out")
        )

    def _instance(self, module: str, name: str, *ports: Any) -> str:
        return instance(module, name, self.parameters[module], ["clk", "rst", *ports])


def _between(inner: str, outer: str) -> list[str]:
    return [f"{inner}_{end}={outer}_{end}" for end in ("valid", "ready")]
