"""Declarations of the compiled DRAM engine, for other compiled engines to embed.

A caller appends offers (`DramSystem.offer`) and lets time go on (`DramSystem.advance`).  An offer
with clock c enters its channel at c at the earliest and its first command goes out at c + 1 at the
earliest.  `advance` stops right after the first clock that completes a request, so that offers
made in answer to it (whose clock is at least the completion clock) are in time.
"""

from libc.stdint cimport int8_t, int32_t, int64_t

from f2fsim.hw.dram._state cimport ChannelState, Completion, Memory


cdef class DramSystem:
    cdef readonly object params
    cdef readonly int n_streams
    cdef readonly int n_channels
    cdef Memory memory
    cdef ChannelState *channels
    cdef int64_t *stream_next       # requests offered so far, by stream
    cdef int64_t *stream_clock      # clock of the last offer, by stream
    cdef int64_t end_clock
    cdef bint feeding               # offers may come ahead of a channel's clock
    cdef bint replaying             # no offer comes but those of the trace, in its order
    cdef Completion *completions    # of the last `advance`, valid until the next

    cdef int offer(self, int stream, int64_t address, int64_t clock, bint is_write) except -1 nogil
    cdef int64_t advance(self) except -1 nogil
    cdef int finish(self, int64_t end_clock) except -1 nogil
    cdef int64_t _first_use(self) noexcept nogil
    cdef ChannelState *_first(self) noexcept nogil
    cdef int _push(self, int stream, int64_t address, int64_t clock, bint is_write,
                   int64_t tag) except -1 nogil
    cdef int _replay_freely(self, const int64_t[::1] addresses, const int8_t[::1] is_write,
                            const int64_t[::1] clocks, const int32_t[::1] streams,
                            int64_t[::1] done, int64_t[::1] enter) except -1 nogil
    cdef int _replay_in_order(self, const int64_t[::1] addresses, const int8_t[::1] is_write,
                              const int64_t[::1] clocks, const int32_t[::1] streams,
                              int64_t[::1] done, int64_t[::1] enter) except -1 nogil
    cdef int _replay_limited(self, const int64_t[::1] addresses, const int8_t[::1] is_write,
                             const int64_t[::1] clocks, const int32_t[::1] streams,
                             Py_ssize_t limit, int64_t[::1] done,
                             int64_t[::1] enter) except -1 nogil
    cdef int _run_offers(self, ChannelState *channel, int64_t n_left, int64_t[::1] done,
                         int64_t[::1] enter) except -1 nogil
    cdef void _note(self, int64_t[::1] done, int64_t[::1] enter) noexcept nogil
    cdef Py_ssize_t _first_done(self, Py_ssize_t *out, Py_ssize_t n_out, int64_t[::1] done,
                                int64_t[::1] enter) except -1 nogil
