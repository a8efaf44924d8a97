"""The reference request traces, made anew with NumPy (SplitMix64, so bit for bit the same).

A trace is an int64 array of shape (n, 3): byte address, 1 for a write, earliest memory clock.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

MIB = 1 << 20
KIB = 1 << 10
MASK = (1 << 64) - 1

Trace = NDArray[np.int64]


def splitmix64(seed: int, n: int) -> NDArray[np.uint64]:
    """Return the first `n` outputs of SplitMix64."""
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.uint64(0x9E3779B97F4A7C15) * np.arange(1, n + 1, dtype=np.uint64)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def _reads(addresses: NDArray[np.integer], clocks: NDArray[np.integer] | int = 0) -> Trace:
    trace = np.zeros((len(addresses), 3), np.int64)
    trace[:, 0] = addresses
    trace[:, 2] = clocks
    return trace


def _random_lines(seed: int, n: int, burst: int) -> NDArray[np.int64]:
    return (splitmix64(seed, n) % np.uint64(64 * MIB // burst)).astype(np.int64) * burst


def _sequential(burst: int, n: int) -> NDArray[np.int64]:
    return np.arange(n, dtype=np.int64) * burst


def _four_streams(burst: int, base: int) -> Trace:
    n = 256 * KIB // burst
    return _reads((_sequential(burst, n)[:, None] + np.arange(4) * base).ravel())


def _csr_nodup(burst: int) -> Trace:
    """CSR rows: values, column indices, then gathers, none of them among the last 512."""
    numbers = iter(splitmix64(0xC5A, 64 * 512).tolist())
    bases = (16 * MIB, 48 * MIB + 10 * KIB)
    last, pointer, recent = [-1, -1], 0, dict[int, None]()
    out: list[int] = []
    for _ in range(512):
        nnz = 1 + next(numbers) % 63
        for which, base in enumerate(bases):
            first = (base + pointer * 4) // burst
            for line in range(first, (base + (pointer + nnz) * 4 - 1) // burst + 1):
                if line != last[which]:
                    last[which] = line
                    out.append(line)
        seen = set()
        for _ in range(nnz):
            line = (80 * MIB + 20 * KIB + next(numbers) % 65536 * 4) // burst
            if line in seen:
                continue
            seen.add(line)
            if line in recent:
                continue
            recent[line] = None
            if len(recent) > 512:
                del recent[next(iter(recent))]
            out.append(line)
        pointer += nnz
    return _reads(np.array(out, dtype=np.int64) * burst)


def _mixed(burst: int) -> Trace:
    n = MIB // burst
    trace = np.zeros((n, 3), np.int64)
    is_write = np.arange(n) % 5 == 4
    order = np.where(is_write, np.cumsum(is_write), np.cumsum(~is_write)) - 1
    trace[:, 0] = order * burst + is_write * (32 * MIB + 40 * KIB)
    trace[:, 1] = is_write
    return trace


def _bank_round_robin(burst: int, page_bytes: int) -> Trace:
    n, banks, per = MIB // burst, 16, page_bytes // burst
    i = np.arange(n, dtype=np.int64)
    block, rest = i // (per * banks), i % (per * banks)
    return _reads((block * banks + rest % banks) * page_bytes + rest // banks * burst)


TRACES: dict[str, Callable[[int, int], Trace]] = {
    "a_stream": lambda b, _: _reads(_sequential(b, MIB // b)),
    "b_4streams_aligned": lambda b, _: _four_streams(b, 64 * MIB),
    "b_4streams_skewed": lambda b, _: _four_streams(b, 64 * MIB + 40 * KIB),
    "c_random": lambda b, _: _reads(_random_lines(0xC0FFEE, 16384, b)),
    "d_csr_nodup": lambda b, _: _csr_nodup(b),
    "e_paced8": lambda b, _: _reads(_sequential(b, MIB // b), 8 * np.arange(MIB // b)),
    "f_mixed": lambda b, _: _mixed(b),
    "g_chase": lambda b, _: _reads(_random_lines(0xCA5E, 4096, b)),
    "g_chase_seq": lambda b, _: _reads(_sequential(b, 4096)),
    "h_bankrr": _bank_round_robin,
    "r_paced64": lambda b, _: _reads(_random_lines(0xC0FFEE, 4096, b), 64 * np.arange(4096)),
}


def make_trace(name: str, burst_bytes: int, page_bytes: int = 8192) -> Trace:
    """Return a reference trace by name."""
    return TRACES[name](burst_bytes, page_bytes)
