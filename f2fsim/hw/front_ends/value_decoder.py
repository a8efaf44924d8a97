"""Value codes in the machine: table, word aligner, and a value decoder at every output.

Which layer has which code is data (`f2fsim.codec.f2f.value_code`, docs/codec.md).  The units below
are built for ``n_planes = n_w + spare_planes`` XOR decoders a group and for any code of at most
`MAX_CLASSES` classes, prefixes of at most `MAX_PREFIX_BITS` bits and codewords of at most
``n_planes``.  A layer of P ≤ n_planes planes uses the XOR decoders 0 … P-1; the others stand still.
A layer without a value code is the code of one class: base 0, a suffix of ``n_w`` bits, no prefix.

**Table** (`f2f_value_table`, one a machine).  Reads the stream ``codebook`` of a band,
`TABLE_BITS_PER_CYCLE` a cycle, into the registers of one of two halves: one holds the table in use,
the other that of the next pass, which is loaded meanwhile and taken over with the pass's first
step.  Half a table holds, in registers:

==============  ================  ================================================================
register        bits              meaning
==============  ================  ================================================================
start[i]        6                 first value of the prefix window that is class i's, in canonical
                                  order (by length of prefix, then place in the table): ascending,
                                  start[0] = 0; 64 (a seventh bit, `used`) for classes not in use
base[i]         n_w               first number of class i
suffix[i]       n_w               ones below the suffix's bits: ``2**suffix_bits - 1``
top             ceil(log2 P)      place of the window: ``P - 1``
signed, float   1, 1              fold (below); ``float``: the sign is moved, not folded
centre          n_w               taken off before, added back here (0 for floats)
shift           5                 lowest bits that are left out (0 in all kept weights)
rate[p]         log2(64 n_in)+1   encoded bits a step of plane p, in 64ths
==============  ================  ================================================================

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

#: Bits of the stream ``codebook`` that the loader of the table takes a cycle.
TABLE_BITS_PER_CYCLE = 8
#: Depth of the word aligner and of the value decoder, cycles.
ALIGNER_CYCLES = 2
VALUE_CYCLES = 3
#: Halves of the table: the one in use and the next one.
TABLE_COPIES = 2
