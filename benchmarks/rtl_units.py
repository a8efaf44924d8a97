"""Units that are synthesised: small ones to fit and hold out, and machines of equal throughput."""

from rtl_devices import bitmap, blocks, compaction, csr, decoder, f2f, huffman, runs

from f2fsim.rtl.csc import CscDevice
from f2fsim.rtl.huffman_table import HuffmanTableDevice
from f2fsim.rtl.lane_path import RowSumsDevice, WideReadDevice
from f2fsim.rtl.nm import NmDevice
from f2fsim.rtl.plane_words import PlaneWordsDevice
from f2fsim.rtl.row_order import BenesDevice, SorterDevice
from f2fsim.rtl.run_length import RunLengthDevice
from f2fsim.rtl.scatter import ScatterDevice
from f2fsim.rtl.skipping import CompactorDevice
from f2fsim.rtl.value_table import ValueTableDevice
from f2fsim.rtl.values import ValueDevice

BIT_BUFFERS = ((8, 2, 1, 16), (16, 3, 2, 40), (24, 4, 2, 80))
FIELD_BUFFERS = [
    bitmap(max(64, 2 * lanes), lanes, weight, None, fifo)
    for lanes, weight, fifo in (
        (256, 1, 512),  # as wide as a server's, in single bits
        (4, 8, 8),
        (8, 8, 16),
        (8, 4, 24),
        (16, 8, 32),
        (4, 16, 16),
        (32, 8, 64),
        (8, 16, 16),
        (16, 4, 40),
    )
]

SCATTERS = [
    ScatterDevice(*s)
    for s in (
        (4, 8, 4, 16),
        (8, 8, 6, 32),
        (8, 32, 4, 32),
        (16, 16, 6, 8),
        (16, 64, 6, 32),
        (32, 16, 5, 8),
        (8, 16, 6, 64),
        (32, 64, 6, 32),
    )
]

#: Module and devices.  The last two of each module (`HELD_OUT`) are held out.
UNITS = {
    "f2f_count": [bitmap(n, 4) for n in (16, 40, 64, 100, 24, 80, 128)],
    "f2f_dealer": [
        *(bitmap(*s) for s in ((16, 4), (32, 4), (32, 8, 8, None, 0, 2), (64, 8), (48, 16))),
        bitmap(64, 8, 8, None, 0, 1),
        *(compaction(*s) for s in ((16, 4, 4), (32, 8, 8), (64, 8, 4, 2), (48, 16, 8))),
        compaction(32, 4, 16, 4),
        bitmap(128, 16),
        compaction(96, 16, 4),
        bitmap(64, 16, 8, None, 0, 4),
        compaction(64, 16, 4, 2),
        bitmap(24, 8),
        compaction(24, 8, 8),
    ],
    "f2f_fields": [
        # Bits of the block code, before and behind the unranking.
        *((blocks(b, c, r, n, 3), which) for b, c, r, n in BIT_BUFFERS for which in (0, 1)),
        *FIELD_BUFFERS,
    ],
    "f2f_pipe": [
        f2f(n, 4, 1, None, masks)
        for n, masks in ((16, 4), (40, 8), (26, 12), (80, 3), (16, 16), (26, 6), (40, 10))
    ],
    "f2f_csr_walk": [
        csr(*s)
        for s in (
            (4, 8, 4),
            (8, 8, 4),
            (8, 16, 4, 12, 9, 7),
            (16, 16, 4),
            (32, 16, 4),
            (6, 8, 4),
            (12, 16, 4, 10, 8, 6),
        )
    ],
    "f2f_csr_decoder": [
        csr(*s)
        for s in (
            (4, 8, 4),
            (8, 8, 4, 9, 7, 5, 8, 2),
            (8, 16, 4, 12, 9, 7),
            (16, 16, 4),
            (6, 8, 4),
            (12, 16, 4, 10, 8, 6, 8, 2),
        )
    ],
    "f2f_gather_queue": [
        csr(*s)
        for s in (
            (4, 8, 4),
            (4, 8, 8),
            (4, 16, 16),
            (4, 8, 8, 12, 9, 8),
            (4, 32, 12),
            (4, 16, 8, 11, 8, 7),
        )
    ],
    "f2f_gather_grant": [
        *(
            csr(*s, shared=shared)
            for s in ((4, 8, 4), (8, 16, 4), (16, 16, 4), (24, 32, 4, 12))
            for shared in (False, True)
        ),
        *(
            csr(*s, shared=shared)
            for s in ((12, 16, 4, 10), (16, 32, 4), (64, 128, 4, 12))
            for shared in (False, True)
        ),
    ],
    "f2f_gather_read": [
        csr(*s)
        for s in ((4, 8, 4), (8, 16, 4), (16, 16, 4), (8, 32, 4, 12), (12, 16, 4, 10), (16, 32, 4))
    ],
    "f2f_select": [
        csr(4, b, 4, 12, act=a) for b, a in ((8, 8), (16, 8), (64, 4), (32, 16), (32, 8), (16, 16))
    ],
    "f2f_csc_pe": [
        CscDevice(1, 4, a, n, r)
        for a, n, r in ((8, 4, 6), (12, 6, 8), (14, 5, 10), (10, 7, 7), (11, 5, 6), (13, 7, 9))
    ],
    "f2f_nm_decoder": [
        NmDevice(*s) for s in ((2, 4, 4), (1, 4, 8), (2, 4, 16), (4, 8, 4), (2, 4, 8), (2, 8, 6))
    ],
    "f2f_run_decoder": [
        RunLengthDevice(e, k, 20, entry_fifo=2 * e, pipeline_cycles=c)
        for e, k, c in ((4, 4, 2), (8, 4, 2), (8, 5, 3), (16, 4, 1), (6, 5, 2), (12, 4, 3))
    ],
    "f2f_shift_fields": [f2f(26, 4, r) for r in (1, 2, 4, 3)],
    "f2f_patch_bits": [f2f(16, 4, r) for r in (1, 2, 4, 3)],
    "f2f_gap_sum": [f2f(16, 4, r) for r in (1, 2, 4, 3)],
    "f2f_care": [f2f(n, p, 2) for n, p in ((16, 4), (40, 8), (80, 8), (64, 4), (26, 8), (48, 8))],
    "f2f_patch_place": [
        f2f(*s)
        for s in (
            (20, 4, 1),
            (40, 8, 1),
            (40, 8, 2),
            (80, 4, 2),
            (26, 8, 3),
            (64, 8, 2),
            (48, 8, 1),
        )
    ],
    "f2f_patch_unit": [
        f2f(*s)
        for s in (
            (18, 2, 1),
            (26, 4, 1),
            (40, 8, 1),
            (26, 4, 3),
            (40, 4, 2),
            (32, 8, 2),
            (48, 4, 1),
        )
    ],
    "f2f_mask_raw": [bitmap(n, 4) for n in (16, 64, 40)],
    "f2f_run_sums": [runs(16, r) for r in (1, 2, 4, 8, 3, 6)],
    "f2f_mask_runs": [
        runs(n, r) for n, r in ((16, 1), (40, 2), (64, 1), (26, 4), (64, 3), (32, 2), (48, 1))
    ],
    "f2f_mask_blocks": [
        blocks(b, c, r)
        for b, c, r in (
            (8, 2, 1),
            (16, 3, 1),
            (16, 5, 2),
            (32, 3, 1),
            (32, 6, 3),
            (24, 4, 2),
            (16, 4, 1),
        )
    ],
    "f2f_unrank": [
        blocks(b, c, 1, 32, s)
        for b, c, s in (
            (8, 2, 5),
            (16, 3, 9),
            (16, 5, 17),
            (32, 3, 17),
            (32, 6, 17),
            (32, 6, 24),
            (24, 4, 13),
            (16, 4, 12),
        )
    ],
    "f2f_value_decoder": [
        ValueDevice(*s)
        for s in (
            (4, 9, 8),
            (2, 12, 8),
            (2, 18, 16),
            (4, 5, 4),
            (8, 10, 8),
            (2, 14, 12),
            (6, 10, 8),
            (3, 16, 16),
        )
    ],
    "f2f_value_table": [
        ValueTableDevice(n_in, 8, n_planes, weight)
        for n_in, n_planes, weight in (
            (5, 6, 4),
            (8, 10, 8),
            (16, 18, 16),
            (4, 14, 8),
            (16, 9, 4),
            (8, 32, 32),
            (16, 10, 8),
            (8, 16, 12),
        )
    ],
    "f2f_plane_words": [
        PlaneWordsDevice(*s)
        for s in ((4, 5), (8, 5), (5, 8), (8, 10), (16, 6), (16, 10), (8, 12), (12, 8), (16, 18))
    ],
    "f2f_row_sums": [
        RowSumsDevice(*s)
        for s in (
            (4, 8, 16),
            (8, 16, 24),
            (16, 8, 16, 2),
            (16, 16, 32),
            (8, 16, 32, 3),
            (8, 8, 20, 2),
            (32, 8, 16),
        )
    ],
    "f2f_wide_read": [
        WideReadDevice(*s) for s in ((4, 8), (8, 16), (16, 8), (32, 4), (16, 16), (32, 8))
    ],
    "f2f_huffman_decoder": [
        huffman(8, w, e, length)
        for w, e, length in (
            (8, 0, 8),
            (8, 0, 16),
            (4, 0, 12),
            (16, 8, 10),
            (32, 8, 12),
            (8, 0, 10),
            (16, 5, 14),
            (8, 0, 14),
            (16, 8, 12),
        )
    ],
    "f2f_huffman_join": [huffman(8, w, e) for w, e in ((16, 8), (32, 8), (16, 5))],
    "f2f_huffman_table": [
        HuffmanTableDevice(1, *s)
        for s in (
            (8, 0, 8),
            (8, 0, 16),
            (4, 0, 12),
            (16, 5, 10),
            (8, 0, 12),
            (16, 5, 14),
        )
    ],
    "f2f_huffman_half": [HuffmanTableDevice(1, 8, 0, length) for length in (8, 16, 12)],
    "f2f_turns": [
        huffman(*s) for s in ((4, 8), (8, 8), (16, 4), (8, 16, 8), (32, 8), (16, 8), (16, 16, 8))
    ],
    "f2f_sorter": [
        SorterDevice(*s)
        for s in (
            (4, 6, 8, 1),
            (8, 9, 8, 1),
            (8, 17, 24, 2),
            (16, 12, 12, 2),
            (8, 9, 16, 3),
            (16, 17, 8, 1),
            (8, 12, 20, 2),
            (16, 17, 24, 2),
        )
    ],
    "f2f_benes": [
        BenesDevice(*s)
        for s in (
            (4, 9, 8),
            (8, 17, 4),
            (16, 9, 8),
            (8, 41, 8),
            (32, 9, 8),
            (16, 25, 4),
            (16, 41, 8),
            (32, 17, 8),
        )
    ],
    "f2f_scatter": SCATTERS,
    "f2f_scatter_bank": SCATTERS,
    "f2f_mask_cut": [blocks(16, 3, 1, n) for n in (16, 64, 40)],
}
HELD_OUT = dict.fromkeys(
    (
        *("f2f_shift_fields", "f2f_patch_bits", "f2f_gap_sum", "f2f_mask_raw", "f2f_mask_cut"),
        "f2f_csr_walk",
    ),
    1,
)
HELD_OUT["f2f_huffman_join"] = HELD_OUT["f2f_huffman_half"] = 1
HELD_OUT |= {"f2f_count": 3, "f2f_gather_grant": 6}

#: Front ends of equal throughput with 8 activation columns of 8 bits.
MACHINES = {
    "bitmap": bitmap(256, 32),
    "csr": csr(32, 64, 16, 12, 10, 8, 64, shared=True),
    "csc_relative": CscDevice(32, 8, 14, 8, 10),
    "nm 2:4": NmDevice(2, 4, 16),
    "rle": RunLengthDevice(32, 4, 24),
    "f2f": f2f(80, 8, 2),
    "f2f decoder": decoder(80, 15),
    "f2f values": ValueDevice(16, 10, 8),
    "f2f words": PlaneWordsDevice(16, 10),
    "f2f value table": ValueTableDevice(16, 128, 10, 8),
    "compaction": CompactorDevice(240, 32),
    "mask zero_runs": runs(80, 8),
    "mask block": blocks(32, 6, 3, 80, 17),
    "row sums": RowSumsDevice(32, levels_a_stage=2),
    "wide reads": WideReadDevice(32, 8),
    "huffman": huffman(32, block=256),
    "huffman table": HuffmanTableDevice(32),
    "benes": BenesDevice(32, 17),
    "sorter": SorterDevice(32),
    "scatter": ScatterDevice(32, 64, 6, 32),
}

#: Whole front ends by kind, with their sizes.
WHOLE = (
    ("huffman", huffman(4, block=32), {"BLOCK": 32, "DECODERS": 4}),
    ("huffman", huffman(8, block=64), {"BLOCK": 64, "DECODERS": 8}),
    ("huffman", huffman(32, block=256), {"BLOCK": 256, "DECODERS": 32}),
    ("huffman", huffman(16, block=128), {"BLOCK": 128, "DECODERS": 16}),
    ("huffman", huffman(64, block=512), {"BLOCK": 512, "DECODERS": 64}),
)
