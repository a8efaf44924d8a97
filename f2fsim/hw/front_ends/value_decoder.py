"""Value codes in the machine: table, word aligner, and a value decoder at every output.

Which layer has which code is data (`f2fsim.codec.f2f.value_code`, docs/codec.md).  The units below
are built for ``n_planes = n_w + spare_planes`` XOR decoders a group and for any code of at most
`MAX_CLASSES` classes, prefixes of at most `MAX_PREFIX_BITS` bits and codewords of at most
``n_planes``.  A layer of P ≤ n_planes planes uses the XOR decoders 0 … P-1; the others stand still.
A layer without a value code is the code of one class: base 0, a suffix of ``n_w`` bits, no prefix.

**Table** (`f2f_value_table`, one a machine): `f2fsim.hw.front_ends.value_table`.

**Word aligner** (`f2f_plane_words`, one a group).  A step takes
``fill[p] = floor(rate[p] (t + 1) / 64) - floor(rate[p] t / 64)`` bits for plane p, t counting from
the band's first step: an accumulator of 6 bits a plane, whose carry adds one to ``rate[p] >> 6``.
The fields of a block follow one another in the stream, plane 0 lowest, so plane p's begins at
``fill[0] + … + fill[p-1]``: plane after plane the low `n_in` bits are taken and the rest moves down
by ``fill[p]`` places.  Bits of a word beyond its fill are 0.  One block a cycle, `ALIGNER_CYCLES`
deep; all groups have the same fills at a step, so accumulators are built once.

**Value decoder** (`f2f_value_decoder`, one an output, behind the patch unit).  Ports of one output:
``planes[n_planes]``, ``kept``, out ``pattern[n_w]``, ``kept``.  One weight a cycle, `VALUE_CYCLES`
deep, no stall of its own; registers of an output whose weight is pruned hold still:

1. *class*: ``window = planes[P-1 … P-6]``, zeros below plane 0, the highest plane on top;
   ``hit[i] = window >= start[i] and not window >= start[i+1]`` (one hot);
2. *number*: ``u = base[hit] + (planes[n_w-1 … 0] & suffix[hit])``, both chosen by AND-OR;
3. *pattern*, modulo ``2**(n_w - shift)``, then shifted up by ``shift``: not ``signed``:
   ``u + centre``; ``signed`` and ``float``: u rotated right by one place (bit 0 becomes the sign);
   ``signed`` alone: ``(u >> 1) ^ -(u & 1)`` plus ``centre``.

The values are those of `ValueCode.decode`; every codeword, damaged ones included, gives a pattern.
"""

from __future__ import annotations

from f2fsim.codec import EncodedTensor
from f2fsim.codec.f2f.format import read_value_code
from f2fsim.config.front_end import F2fFrontEnd
from f2fsim.cost.front_end_units import plane_words, value_decoder, value_table
from f2fsim.cost.unit_spec import Units
from f2fsim.hw.description import InPort
from f2fsim.hw.front_ends.contract import ONE, FrontEndJob, fifo_units

#: Depth of the word aligner and of the value decoder, cycles.
ALIGNER_CYCLES = 4
VALUE_CYCLES = 3


def has_values(front_end: F2fFrontEnd) -> bool:
    """Whether the machine has the units of value codes."""
    return front_end.value_code != "none"


def built_planes(front_end: F2fFrontEnd, weight_bits: int) -> int:
    """Return the XOR decoders of a group."""
    return weight_bits + (front_end.spare_planes if has_values(front_end) else 0)


def stored_planes(encoded: EncodedTensor) -> int:
    """Return the planes of an encoding: those of its value code, or those that vary."""
    if "codebook" not in encoded.streams:
        return len(encoded.params["stored_planes"])
    code, _ = read_value_code(encoded, encoded.params["n_in"])
    return code.n_planes if code else 0


def add_word_aligner(job: FrontEndJob, front_end: F2fFrontEnd, rates: InPort) -> str:
    """Add the units that deal the bits of a step to the planes; return their FIFO."""
    words = job.over_passes(lambda band: band.bits_of("weights"))
    n_planes = built_planes(front_end, job.weight_bits)
    return job.unit(
        "word aligner",
        "word_aligner",
        ONE,
        [*job.stream("weights"), rates],
        {
            "fifo_byte": job.total(words) // 8,
            "register_byte": job.steps.n_steps * n_planes,
        },
        ALIGNER_CYCLES,
    )


def add_value_decoder(
    job: FrontEndJob, front_end: F2fFrontEnd, patched: str, classes: InPort
) -> str:
    """Add the value decoders of all outputs; return their FIFO.  Pruned outputs stand still."""
    (unit,) = value_decoder(1, built_planes(front_end, job.weight_bits), job.weight_bits, 1)
    n_kept = job.total(job.over_passes(lambda band: band.n_kept))
    return job.unit(
        "value decoder",
        "value_decoder",
        ONE,
        [InPort(patched, ONE, "patch unit empty"), classes],
        {
            "nand2": n_kept * unit.gates.nand2,
            "dff": n_kept * unit.gates.dff,
            "fifo_byte": job.n_weight_bytes(),
        },
        VALUE_CYCLES,
    )


def value_units(front_end: F2fFrontEnd, weight_bits: int) -> dict[str, Units]:
    """Return the units that value codes add, by component."""
    n_planes, groups = built_planes(front_end, weight_bits), front_end.groups
    return {
        "value table": value_table(front_end.n_in, n_planes, weight_bits),
        "word aligner": plane_words(front_end.n_in, n_planes, groups),
        "value decoder": value_decoder(front_end.n_out, n_planes, weight_bits, groups),
    }


def value_fifo_bits(front_end: F2fFrontEnd, weight_bits: int) -> dict[str, int]:
    """Return the bits of the FIFOs that value codes add; tables are registers of the loader."""
    n_planes = built_planes(front_end, weight_bits)
    words = front_end.groups * front_end.n_in * n_planes
    weights = front_end.groups * front_end.n_out * (weight_bits + 1)
    return {
        "word aligner out": fifo_units(front_end, ALIGNER_CYCLES) * words,
        "value decoder out": fifo_units(front_end, VALUE_CYCLES) * weights,
    }
