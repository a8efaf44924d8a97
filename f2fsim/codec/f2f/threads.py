"""Threads over independent parts; the kernels release the interpreter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def run(work: Callable[[T], R], parts: Sequence[T], n_threads: int) -> list[R]:
    """Return `work` of each part, in order, on at most `n_threads` threads."""
    if n_threads > 1 and len(parts) > 1:
        with ThreadPoolExecutor(n_threads) as pool:
            return list(pool.map(work, parts))
    return [work(part) for part in parts]
