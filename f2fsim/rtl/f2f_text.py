"""Wiring of a decoder group as Verilog."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from f2fsim.rtl.field_buffer import FieldBuffer
from f2fsim.rtl.mask_path import MaskPath
from f2fsim.rtl.text import channel, instance, pipe


@dataclass(frozen=True, eq=False)
class GroupWiring:
    """What the wiring of a group depends on.

    Attributes
    ----------
    sizes : dict
        Sizes by parameter name.
    parameters : dict
        Parameters by module.
    mask_path : MaskPath
    gaps : FieldBuffer
        Gaps, summed up to places.
    fifos : dict
        Depth and latency by channel.
    """

    sizes: dict[str, int]
    parameters: dict[str, dict[str, int]]
    mask_path: MaskPath
    gaps: FieldBuffer
    fifos: dict[str, tuple[int, int]]

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
            f"input  wire [{s['WORD'] - 1}:0] in_patch",
            "input  wire patch_ended",
            f"input  wire [{s['PLANE']}:0] n_stored",
            f"input  wire [{s['PLANES'] - 1}:0] plane_stored",
            f"input  wire [{s['PLANES'] * s['PLANE'] - 1}:0] plane_number",
            f"input  wire [{4 * s['LONG'] - 1}:0] patch_lengths",
            f"input  wire [{3 * s['GAP'] - 1}:0] patch_offsets",
            *("output wire out_valid", "input  wire out_ready"),
            f"output wire [{(s['PLANES'] + 1) * s['N_OUT'] - 1}:0] out",
        ]

    def body(self) -> str:
        """Return the instances."""
        return self._decode() + self._masks() + self._patches() + self._patch_unit()

    def _decode(self) -> str:
        s = self.sizes
        words, block = s["PLANES"] * s["N_IN"], s["PLANES"] * s["N_OUT"]
        return (
            "    wire word_valid, word_ready, decoded_valid, decoded_ready;\n"
            "    wire block_valid, block_ready, fixed_valid, fixed_ready;\n"
            f"    wire [{words - 1}:0] word;\n    wire [{block - 1}:0] decoded, block;\n"
            + channel("words", words, *self.fifos["words"], "in_word", "word")
            + self._instance(
                "f2f_decoder",
                "decoder",
                "invert",
                *_between("in", "word"),
                *("in_data=word", "out_data=decoded"),
                *_between("out", "decoded"),
            )
            + channel("blocks", block, *self.fifos["blocks"], "decoded", "block")
        )

    def _masks(self) -> str:
        s = self.sizes
        width = s["W"] + s["KEPT"] + s["N_OUT"]
        return (
            "    // A mask with the end of its block's care bits and its kept weights.\n"
            "    // Its place is given back when the patch unit takes the block.\n"
            "    wire made_valid, made_ready, mask_valid, mask_ready;\n"
            "    wire mask_in_ready, place_in_ready, mask_place_valid, mask_place;\n"
            "    assign made_ready = mask_in_ready & place_in_ready;\n"
            "    wire mask_in_valid = made_valid & place_in_ready;\n"
            "    wire place_in_valid = made_valid & mask_in_ready;\n"
            "    wire place_in = 1'b0;\n    wire mask_place_ready = block_valid & block_ready;\n"
            "    wire unused_place = &{1'b0, mask_place_valid, mask_place};\n"
            f"    wire [{s['N_OUT'] - 1}:0] made;\n    wire [{width - 1}:0] late_mask, mask;\n"
            + self.mask_path.text()
            + pipe("masks", width, *self.fifos["masks"], "mask_in", "late_mask", "mask")
            + channel("places", 1, *self.fifos["mask_places"], "place_in", "mask_place")
            + self._instance(
                "f2f_care",
                "care",
                "n_stored",
                "mask=made",
                f"arrive=masks_way[{self.fifos['masks'][1] - 1}]",
                "late_data=late_mask",
            )
        )

    def _patches(self) -> str:
        s, gaps = self.sizes, self.gaps
        placed = s["RATE"] * (1 + s["PLANE"] + s["KEPT"]) + 1 + s["N_OUT"] + s["BASES"]
        cut = s["RATE"] * s["WIDE"]
        return (
            gaps.wires("gaps")
            + "    wire bits_empty, cut_valid, cut_ready, located_valid, located_ready;\n"
            "    wire placed_valid, placed_ready;\n"
            f"    wire [{s['N'] - 1}:0] n_cut;\n    wire [{cut - 1}:0] cut;\n"
            f"    wire [{s['GAPS'] - 1}:0] cut_n = {{{s['GAPS'] - s['N']}'d0, n_cut}};\n"
            f"    wire [{s['RATE'] * gaps.width - 1}:0] summed;\n"
            f"    wire [{placed - 1}:0] located, placed;\n"
            "    // No gap comes any more once the stream and what is cut of it are empty.\n"
            "    wire gaps_ended =\n"
            "        patch_ended & ~cut_valid & ~(|gaps_way[4:1]) & bits_empty;\n"
            + self._instance(
                "f2f_patch_bits",
                "cutter",
                *("lengths=patch_lengths", "ended=patch_ended", "empty=bits_empty"),
                *_between("in", "in_patch"),
                *("in_count=in_patch_n", "in_data=in_patch", "out_count=n_cut", "out_data=cut"),
                *_between("out", "cut"),
            )
            + gaps.text("cut", "gaps", "summed")
            + self._instance(
                "f2f_gap_sum",
                "gap_sums",
                *("lengths=patch_lengths", "offsets=patch_offsets", "in_count=n_cut"),
                *("in_data=cut", "arrive=gaps_way[3]", "late_data=summed"),
            )
            + self._instance(
                "f2f_patch_place",
                "placer",
                *("block_valid=mask_valid", "block_ready=mask_ready", "block_data=mask"),
                *(f"{end}=gaps_{end}" for end in ("ended", "visible", "window", "take", "fire")),
                *_between("out", "located"),
                "late_data=located",
            )
            + pipe("placed_ones", placed, *self.fifos["placed"], "located", "located", "placed")
        )

    def _patch_unit(self) -> str:
        s = self.sizes
        item = (s["PLANES"] + 1) * s["N_OUT"]
        return (
            f"    wire [{item - 1}:0] fixed;\n"
            + self._instance(
                "f2f_patch_unit",
                "patch_unit",
                *("plane_stored", "plane_number", "block_data=block"),
                *(f"{n}_{end}" for n in ("block", "placed") for end in ("valid", "ready")),
                *("placed_data=placed", "out_data=fixed"),
                *_between("out", "fixed"),
            )
            + channel("patched", item, *self.fifos["patched"], "fixed", "out")
        )

    def _instance(self, module: str, name: str, *ports: Any) -> str:
        return instance(module, name, self.parameters[module], ["clk", "rst", *ports])


def _between(inner: str, outer: str) -> list[str]:
    return [f"{inner}_{end}={outer}_{end}" for end in ("valid", "ready")]
