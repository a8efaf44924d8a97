"""Kernel: the cycles in which a cluster takes its packets, both shuffles arbitrated."""

from libc.stdint cimport int32_t, int64_t


def take_packets(
    const int32_t[::1] bank,
    const int32_t[::1] row,
    int64_t n_lanes,
    int64_t depth,
    int64_t n_slots,
    int64_t row_cycles,
    int32_t[:, ::1] queue,
    int64_t[:, ::1] ends,
    int32_t[:, ::1] slot,
    int64_t[:, ::1] busy,
    int64_t[::1] taken,
    int64_t[::1] waits,
):
    """Run one part of one cluster; ``docs/machines.md`` says what each unit does.

    `bank` and `row` (the bank of an element's column, and its row of the PE) are PE after PE, an
    element a packet; a negative bank is no entry.  `taken` gets for each packet the cycle after
    which it is in the queues, and one place more: that after which the last entry is in its PE.
    `waits` gets the cycles that the two shuffles stood still for want of room.

    Scratch: `queue` (places `depth`) and `ends` (head, entries) of the queues, one a lane, in front
    of the first shuffle, of the banks, of the second shuffle and of the PEs, one after another;
    `slot` of the two shuffles' lanes by their turn (entry, negative if free); `busy`: row and free
    cycle of a PE, and, by lane, what a cycle granted.
    """
    cdef Py_ssize_t n_packets = taken.shape[0] - 1, p, b, k, at
    cdef Py_ssize_t asked = n_lanes, answers = 2 * n_lanes, sums = 3 * n_lanes
    cdef int64_t packet = 0, left = 0, cycle = 0, turn_1 = 0, turn_2 = 0
    cdef int32_t entry
    cdef bint room
    with nogil:
        for at in range(bank.shape[0]):
            left += bank[at] >= 0
        for p in range(n_lanes):
            busy[0, p] = -1
            busy[1, p] = 0
        for k in range(queue.shape[0]):
            ends[0, k] = ends[1, k] = 0
        for k in range(slot.shape[0]):
            for p in range(slot.shape[1]):
                slot[k, p] = -1
        while packet < n_packets or left > 0:
            # PEs: an entry a cycle, of the same row as the last one not before its sum is there.
            for p in range(n_lanes):
                if ends[1, sums + p] > 0:
                    entry = queue[sums + p, ends[0, sums + p]]
                    if row[entry] != busy[0, p] or cycle >= busy[1, p]:
                        pop(queue, ends, sums + p)
                        busy[0, p] = row[entry]
                        busy[1, p] = cycle + row_cycles
                        left -= 1
            # Second shuffle: from banks to PEs.
            room = True
            for p in range(n_lanes):
                room = room and ends[1, sums + p] < depth
            if room:
                k = n_slots + turn_2 % n_slots
                for b in range(n_lanes):
                    if slot[k, b] < 0 and ends[1, answers + b] > 0:
                        slot[k, b] = pop(queue, ends, answers + b)
                for p in range(n_lanes):
                    busy[2, p] = 0
                b = turn_2 % n_lanes
                for at in range(n_lanes):
                    entry = slot[k, b]
                    if entry >= 0:
                        p = entry // n_packets
                        if not busy[2, p]:
                            busy[2, p] = 1
                            slot[k, b] = -1
                            push(queue, ends, sums + p, entry)
                    b += 1
                    if b == n_lanes:
                        b = 0
                turn_2 += 1
            else:
                waits[1] += 1
            # Banks: a word a cycle.
            for b in range(n_lanes):
                if ends[1, asked + b] > 0 and ends[1, answers + b] < depth:
                    push(queue, ends, answers + b, pop(queue, ends, asked + b))
            # First shuffle: from PEs' streams to banks.
            room = True
            for b in range(n_lanes):
                room = room and ends[1, asked + b] < depth
            if room:
                k = turn_1 % n_slots
                for p in range(n_lanes):
                    if slot[k, p] < 0 and ends[1, p] > 0:
                        slot[k, p] = pop(queue, ends, p)
                for b in range(n_lanes):
                    busy[3, b] = 0
                p = turn_1 % n_lanes
                for at in range(n_lanes):
                    entry = slot[k, p]
                    if entry >= 0 and not busy[3, bank[entry]]:
                        busy[3, bank[entry]] = 1
                        slot[k, p] = -1
                        push(queue, ends, asked + bank[entry], entry)
                    p += 1
                    if p == n_lanes:
                        p = 0
                turn_1 += 1
            else:
                waits[0] += 1
            # Loader: a packet a cycle, if every queue that it goes to has room.
            if packet < n_packets:
                room = True
                for p in range(n_lanes):
                    room = room and (bank[p * n_packets + packet] < 0 or ends[1, p] < depth)
                if room:
                    for p in range(n_lanes):
                        if bank[p * n_packets + packet] >= 0:
                            push(queue, ends, p, <int32_t>(p * n_packets + packet))
                    taken[packet] = cycle + 1
                    packet += 1
            cycle += 1
        taken[n_packets] = cycle


cdef inline int32_t pop(int32_t[:, ::1] queue, int64_t[:, ::1] ends, Py_ssize_t k) noexcept nogil:
    """Take the oldest entry of queue k."""
    cdef int32_t entry = queue[k, ends[0, k]]
    ends[0, k] += 1
    if ends[0, k] == queue.shape[1]:
        ends[0, k] = 0
    ends[1, k] -= 1
    return entry


cdef inline void push(
    int32_t[:, ::1] queue, int64_t[:, ::1] ends, Py_ssize_t k, int32_t entry
) noexcept nogil:
    """Put an entry behind the others of queue k, which has room."""
    cdef int64_t at = ends[0, k] + ends[1, k]
    if at >= queue.shape[1]:
        at -= queue.shape[1]
    queue[k, at] = entry
    ends[1, k] += 1
