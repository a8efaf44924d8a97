"""From parameters to the C structs of a memory, and back to the heap."""

from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from f2fsim.hw.dram._state cimport (
    AT_BANK, AT_CHANNEL, AT_ROW, BankState, ChannelState, Fifo, Geometry, GroupState, RankState,
    Slot, Timing, never,
)


cdef inline void *allocate(size_t n, size_t size) except NULL:
    cdef void *memory = calloc(n if n else 1, size)
    if memory == NULL:
        raise MemoryError
    return memory


cdef inline int fill_timing(Timing *t, object p) except -1:
    t.burst, t.read_latency, t.write_latency = p.burst_clocks, p.read_latency, p.write_latency
    t.act_rd, t.act_wr, t.act_pre, t.act_act = p.act_rd, p.act_wr, p.act_pre, p.act_act
    t.act_act_s, t.act_act_l = p.act_act_s, p.act_act_l
    t.four_act, t.thirty_two_act = p.four_act, p.thirty_two_act
    t.pre_act, t.pre_pre, t.rd_pre, t.wr_pre = p.pre_act, p.pre_pre, p.rd_pre, p.wr_pre
    t.col_s[0][0], t.col_s[0][1], t.col_s[1][0], t.col_s[1][1] = (
        p.rd_rd_s, p.rd_wr, p.wr_rd_s, p.wr_wr_s)
    t.col_l[0][0], t.col_l[0][1], t.col_l[1][0], t.col_l[1][1] = (
        p.rd_rd_l, p.rd_wr, p.wr_rd_l, p.wr_wr_l)
    t.col_o[0][0], t.col_o[0][1], t.col_o[1][0], t.col_o[1][1] = (
        p.rd_rd_o, p.rd_wr_o, p.wr_rd_o, p.wr_wr_o)
    t.ref_act = p.ref_act
    t.ref_interval = max(1, p.ref_interval // p.n_ranks)
    t.window, t.write_queue = p.window, p.write_queue
    t.write_high, t.write_low = p.write_high, p.write_low
    t.hit_limit = p.hit_limit
    t.reserve, t.precharge_all = p.reserve_opened, p.precharge_all
    t.closed_page, t.refresh, t.dual_command = p.closed_page, p.refresh, p.dual_command
    return 0


cdef inline int fill_map(Geometry *g, object p) except -1:
    """Fill the pieces of the address map; rank, group and bank become one number.

    Columns need none: a burst of an open row is as near as any other.
    """
    cdef int bank_bits = (p.n_banks_per_group - 1).bit_length()
    cdef int group_bits = bank_bits + (p.n_bank_groups - 1).bit_length()
    # By the fields of DramParams.mapping: channel, rank, bank group, bank, row.
    fields = [(AT_CHANNEL, 0), (AT_BANK, group_bits), (AT_BANK, bank_bits), (AT_BANK, 0),
              (AT_ROW, 0)]
    mapping = [one for one in p.mapping if one[0] < len(fields)]
    if len(mapping) > 32:
        raise ValueError(f"at most 32 pieces in an address map, got {len(mapping)}")
    g.n_pieces = len(mapping)
    cdef int i
    for i, (field, address_bit, field_bit, n_bits) in enumerate(mapping):
        number, first = fields[field]
        g.pieces[i].field, g.pieces[i].at = number, first + field_bit
        g.pieces[i].shift, g.pieces[i].mask = address_bit, (1 << n_bits) - 1
    return 0


cdef inline int fill_geometry(Geometry *g, object p, int n_streams) except -1:
    g.n_channels, g.n_ranks, g.n_banks = p.n_channels, p.n_ranks, p.n_banks
    g.n_groups = p.n_ranks * p.n_bank_groups
    g.banks_per_group = p.n_banks_per_group
    g.n_streams = n_streams
    g.n_stream_words = (n_streams + 63) >> 6
    if g.n_banks > 256:
        raise ValueError(f"at most 256 banks a channel, got {g.n_banks}")
    fill_map(g, p)
    g.burst_shift = int(p.burst_bytes).bit_length() - 1
    g.line_mask = p.capacity_bytes // p.burst_bytes - 1
    return 0


cdef inline int build_channel(ChannelState *channel, int number, const Timing *t,
                       const Geometry *g) except -1:
    cdef int n_slots = t.window + t.write_queue + g.n_banks, i
    cdef BankState *bank
    channel.index = number
    channel.slots = <Slot *> allocate(n_slots, sizeof(Slot))
    channel.banks = <BankState *> allocate(g.n_banks, sizeof(BankState))
    channel.groups = <GroupState *> allocate(g.n_groups, sizeof(GroupState))
    channel.ranks = <RankState *> allocate(g.n_ranks, sizeof(RankState))
    channel.fifos = <Fifo *> allocate(g.n_streams, sizeof(Fifo))
    channel.offering = <uint64_t *> allocate(g.n_stream_words, sizeof(uint64_t))
    for i in range(n_slots):
        channel.slots[i].after = i + 1 if i + 1 < n_slots else -1
    channel.last_rank = -1
    for i in range(g.n_banks):
        bank = &channel.banks[i]
        memset(&bank.active, 0xFF, sizeof(BankState) - (<char *> &bank.active - <char *> bank))
        bank.open_row = -1
        bank.rank = i // (g.n_banks // g.n_ranks)
        bank.group = i // g.banks_per_group
    for i in range(g.n_ranks):
        channel.ranks[i].refresh_due = (i + 1) * t.ref_interval if t.refresh else never()
    return 0


cdef inline void free_channel(ChannelState *channel, int n_streams) noexcept:
    cdef int i
    if channel.fifos != NULL:
        for i in range(n_streams):
            free(channel.fifos[i].items)
    free(channel.fifos)
    free(channel.offering)
    free(channel.slots)
    free(channel.banks)
    free(channel.groups)
    free(channel.ranks)
