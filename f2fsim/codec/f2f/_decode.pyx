"""Kernels of the XOR decoder; sizes are checked by the caller."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t


cdef extern from "decode.h" nogil:
    ctypedef struct f2f_decoder:
        int n_reg
        int n_half
        int n_planes
        int n_out
        int n_words
        int64_t n_groups
        const uint64_t *tables
        const uint16_t *words
        const uint16_t *words_end
    void f2f_decode_planes(const f2f_decoder *d, int64_t first, int64_t n, uint64_t *out)
    void f2f_decode_values(const f2f_decoder *d, int64_t first, int64_t n,
                           const int64_t *block_ptr, const uint16_t *pos, uint32_t *val)


cdef extern from "unpack.h" nogil:
    ctypedef struct f2f_values:
        int coded
        const uint8_t *bytes
        int prefix_shift
        uint32_t base[64]
        uint32_t suffix[64]
        uint8_t base_bytes[64]
        uint8_t suffix_bytes[64]
        int order
        uint32_t centre
        uint32_t mask
        int top
        int shift
    ctypedef struct f2f_layout:
        const uint8_t *mask
        int64_t n_weights
        int n_bytes
        int row_of[32]
        int bit_of[32]
        uint32_t inversion
        const int64_t *patches
        int64_t n_patches
        int n_coded
        f2f_values values
        uint64_t spread[256]
    ctypedef struct f2f_range:
        int64_t first
        int64_t n_blocks
        int64_t kept
        int64_t patch
    void f2f_fill_spread(uint64_t *spread)
    void f2f_unpack(const f2f_decoder *d, const f2f_layout *l, f2f_range r, int instructions,
                    uint8_t *patterns)


cdef extern from "simd.h" nogil:
    int f2f_set()
    int f2f_has_set(int set)


cdef void _fill(f2f_decoder *d, const uint64_t[:, :, :, ::1] tables,
                const uint16_t[:, ::1] words, int64_t n_out, int64_t n_groups) noexcept:
    d.n_reg = tables.shape[0]
    d.n_half = tables.shape[1]
    d.n_words = tables.shape[3]
    d.n_planes = words.shape[1]
    d.n_out = n_out
    d.n_groups = n_groups
    d.tables = &tables[0, 0, 0, 0]
    d.words = &words[0, 0] if words.shape[0] and words.shape[1] else NULL
    d.words_end = d.words + words.shape[0] * words.shape[1]


def planes(const uint64_t[:, :, :, ::1] tables, const uint16_t[:, ::1] words, int64_t n_groups,
           int64_t first, uint64_t[:, :, ::1] out):
    """Write the outputs of ``out.shape[0]`` blocks from `first` on, packed in 64-bit words."""
    cdef f2f_decoder d
    cdef int64_t n = out.shape[0]
    _fill(&d, tables, words, 64 * tables.shape[3], n_groups)
    with nogil:
        f2f_decode_planes(&d, first, n, &out[0, 0, 0])


def values(const uint64_t[:, :, :, ::1] tables, const uint16_t[:, ::1] words, int64_t n_groups,
           int64_t first, int64_t n, const int64_t[::1] block_ptr, const uint16_t[::1] pos,
           uint32_t[::1] val):
    """Write the decoded bits of the kept weights of `n` blocks from `first` on into `val`."""
    cdef f2f_decoder d
    _fill(&d, tables, words, 64 * tables.shape[3], n_groups)
    with nogil:
        f2f_decode_values(&d, first, n, &block_ptr[0], &pos[0], &val[0])


def instruction_set():
    """Return the number of the set of instructions that the kernels use (`simd.SETS`)."""
    return f2f_set()


def has_set(int number):
    """Return whether the processor has a set of instructions."""
    return bool(f2f_has_set(number))


def unpack(const uint64_t[:, :, :, ::1] tables, const uint16_t[:, ::1] words, int64_t n_groups,
           int64_t n_out, const uint8_t[::1] mask, const int64_t[::1] row_of, uint32_t inversion,
           const int64_t[::1] patches, tuple values, const uint8_t[::1] look_up,
           const uint32_t[:, ::1] classes, tuple part, int n_bytes, int n_coded,
           int instructions, uint8_t[::1] patterns):
    """Write the patterns of a range of blocks, in block order.

    `row_of` holds the stored plane of each of 32 bits, -1 for none.  `values`: planes below the
    prefix's, order, centre, mask, top and shift of the numbers, empty without a value code;
    `look_up` the pattern of each coded weight (types of one byte), `classes` first number and
    suffix mask for each value of the prefix's planes, 64 at most.  `part`: the first block, the
    number of blocks, and how many kept weights and patches come before them.  16 bytes follow the
    mask's end.  `instructions`: the number of a set that the processor has.
    """
    cdef f2f_decoder d
    cdef f2f_layout layout
    cdef f2f_range r
    cdef int i
    _fill(&d, tables, words, n_out, n_groups)
    layout.mask = &mask[0]
    layout.n_weights = patterns.shape[0] // n_bytes
    layout.n_bytes = n_bytes
    for i in range(32):
        layout.row_of[i] = row_of[i]
        if row_of[i] >= 0:
            layout.bit_of[row_of[i]] = i
    layout.inversion = inversion
    layout.n_patches = patches.shape[0]
    layout.patches = &patches[0] if patches.shape[0] else NULL
    layout.n_coded = n_coded
    layout.values.coded = len(values) > 0
    if values:
        (layout.values.prefix_shift, layout.values.order, layout.values.centre,
         layout.values.mask, layout.values.top, layout.values.shift) = values
        layout.values.bytes = &look_up[0] if look_up.shape[0] else NULL
        for i in range(classes.shape[1]):
            layout.values.base[i] = classes[0, i]
            layout.values.suffix[i] = classes[1, i]
            layout.values.base_bytes[i] = classes[0, i] & 255
            layout.values.suffix_bytes[i] = classes[1, i] & 255
    r.first, r.n_blocks, r.kept, r.patch = part
    f2f_fill_spread(layout.spread)
    with nogil:
        f2f_unpack(&d, &layout, r, instructions, &patterns[0])
