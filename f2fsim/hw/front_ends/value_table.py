"""The loader of value codes' tables: a pass's table is loaded while the one before is in use.

`f2f_value_table`, one a machine, reads the stream ``codebook`` of a band, an item a cycle
(`item_bits`): the head, a class, a plane's rate, which planes that the same classes care for
share.  What it loads stands in registers:

==============  ==================  ==============================================================
register        bits                meaning
==============  ==================  ==============================================================
start[i]        7                   first value of the prefix window that is class i's, in canonical
                                    order (by length of prefix, then place in the table): ascending,
                                    start[0] = 0; 64 for classes not in use
base[i]         n_w                 first number of class i
suffix[i]       n_w                 ones below the suffix's bits: ``2**suffix_bits - 1``
top             ceil(log2 P)        place of the window: ``P - 1``
signed          1                   fold (below); of floats the sign is moved, not folded
centre          n_w                 taken off before, added back here (0 for floats)
shift           ceil(log2 n_w + 1)  lowest bits that are left out (0 in all kept weights)
rate[p]         log2(64 n_in)+1     encoded bits a step of plane p, in 64ths
==============  ==================  ==============================================================

Rates of two tables are used in turn: a half is free when the pass's last step has been cut.  All
others are there twice: those that are loaded go to those of the decoders with the first block of a
pass, stage by stage, and are free from then on.  The loader waits for both before it reads on.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec import EncodedTensor
from f2fsim.codec.f2f.format import read_value_code
from f2fsim.codec.f2f.rates import PlaneRates
from f2fsim.codec.f2f.value_code import ValueCode
from f2fsim.codec.f2f.value_table import table_items
from f2fsim.config.front_end import F2fFrontEnd
from f2fsim.cost.front_end_units import value_table
from f2fsim.hw.description import InPort, IntSeq, OutPort, seq
from f2fsim.hw.front_ends.contract import ONE, FrontEndJob
from f2fsim.hw.front_ends.value_decoder import built_planes

#: Tables whose rates there is room for: the one in use and the next one.
RATE_COPIES = 2
#: Units of a table in the channels behind the loader: its room, and what is loaded.
UNITS = 2
#: Items before the head: one that waits for room, and two in which the table before leaves.
WAIT_ITEMS = 3
#: Bits of a table, about: of one kept weight, and for each doubling of them.  For plans only,
#: fitted to normal weights (16 x 16 to 600 x 300, S from 0 to 0.9): 89 to 216 bits, within 25.
TABLE_BITS, DOUBLING_BITS = 52, 10
#: Bits a cycle, and cycles beside, about: the same tables of int8 take 15 to 30 cycles, within 6.
BITS_A_CYCLE, OTHER_CYCLES = 8, 2


def item_bits(code: ValueCode, rates: PlaneRates, n_in: int) -> IntSeq:
    """Return the bits that the loader takes in each cycle that a table takes.

    Between classes and planes a cycle is lost: the planes are counted then.
    """
    fields = table_items(code, rates, n_in)
    bits = [sum(width for _, width in of_item) for of_item in fields]
    n = 1 + len(code.classes)
    return np.array([0] * WAIT_ITEMS + bits[:n] + [0] + bits[n:], dtype=np.int64)


def expected_table(
    n_kept: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return bits and cycles of the tables of so many kept weights, about: for plans only."""
    bits = TABLE_BITS + DOUBLING_BITS * np.log2(n_kept)
    return bits, bits / BITS_A_CYCLE + OTHER_CYCLES


def load_cycles(encoded: EncodedTensor) -> int:
    """Return the cycles to load a band's table; one without a code has that of a single class."""
    n_in = encoded.params["n_in"]
    code, rates = read_value_code(encoded, n_in)
    if code is None:
        return WAIT_ITEMS + 3 + len(encoded.params["stored_planes"])
    return int(item_bits(code, rates, n_in).size)


def add_table(job: FrontEndJob, front_end: F2fFrontEnd) -> tuple[InPort, InPort]:
    """Add the loader; return what word aligner and value decoder take from.

    Two items a pass: one takes room, one loads the table.
    """
    starts = job.steps.starts()
    n_passes = len(job.steps.passes)
    of_band = [load_cycles(encoded) for _, encoded in job.bands]
    service = np.ones((n_passes, 2), dtype=np.int64)
    service[:, 1] = [of_band[band] - 1 for band, _ in job.steps.passes]
    inputs = job.stream("codebook")
    if inputs:
        need = np.zeros((n_passes, 2), dtype=np.int64)
        need[:, 1] = np.add.reduceat(inputs[0].need, starts[:-1])
        inputs = [replace(inputs[0], need=need.ravel())]
    (unit,) = value_table(front_end.n_in, built_planes(front_end, job.weight_bits), job.weight_bits)
    n_cycles = int(service.sum())
    rates = job.builder.channel("value table rates", UNITS * RATE_COPIES)
    classes = job.builder.channel("value table classes", UNITS)
    job.builder.component(
        "value table",
        "value_table",
        seq(service.ravel()),
        service.size,
        inputs,
        [OutPort(channel, ONE, f"{channel} in use") for channel in (rates, classes)],
        {"nand2": n_cycles * unit.gates.nand2, "dff": n_cycles * unit.gates.dff},
    )
    first, last = (np.zeros(job.steps.n_steps, dtype=np.int64) for _ in range(2))
    first[starts[:-1]] = last[starts[1:] - 1] = UNITS
    cause = "value table not loaded"
    return InPort(rates, first, cause, last, release_at_end=True), InPort(classes, first, cause)
