"""What runs of the same layers have in common, computed once while it is kept.

A worker that runs many machines on the same layers keeps what depends on the layers alone, or on a
few keys of a machine: encodings, the places of their weights, the reads of a step.  Whoever
computes such a thing asks `shared` with the object that it belongs to and all else that decides
it; without a store in use (`sharing`) it is simply computed, so that no result depends on sharing.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

T = TypeVar("T")

#: Bytes that a value counts beside its arrays.
LEAST_BYTES = 256


class Shared:
    """Values by what they belong to and what decides them, bounded in bytes; safe under threads.

    Those unused for longest go first.

    Parameters
    ----------
    max_bytes : int
        Of all values together, as far as they are arrays.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._n_bytes = 0
        # An entry holds its owner, so that the owner's id stays its own.
        self._kept: OrderedDict[Hashable, tuple[object, Any, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, owner: object, key: Hashable, make: Callable[[], T]) -> T:
        """Return the value of `key` that belongs to `owner`, made if it is not kept."""
        place = id(owner), key
        with self._lock:
            found = self._kept.get(place)
            if found is not None:
                self._kept.move_to_end(place)
                value: T = found[1]
                return value
        value = make()
        size = n_bytes(value)
        if size <= self._max_bytes:
            with self._lock:
                if place not in self._kept:
                    self._kept[place] = owner, value, size
                    self._n_bytes += size
                while self._n_bytes > self._max_bytes:
                    self._n_bytes -= self._kept.popitem(last=False)[1][2]
        return value


def n_bytes(value: Any) -> int:
    """Return the bytes of the arrays in a value: in its fields, items or values."""
    size = getattr(value, "nbytes", None)
    if isinstance(size, int):
        return LEAST_BYTES + size
    if isinstance(value, Mapping):
        return LEAST_BYTES + sum(n_bytes(one) for one in value.values())
    if isinstance(value, tuple | list):
        return LEAST_BYTES + sum(n_bytes(one) for one in value)
    fields = getattr(type(value), "__dataclass_fields__", None)
    if fields is not None:
        return LEAST_BYTES + sum(n_bytes(getattr(value, name)) for name in fields)
    return LEAST_BYTES


_IN_USE: ContextVar[Shared | None] = ContextVar("f2fsim_shared", default=None)


@contextmanager
def sharing(store: Shared) -> Iterator[None]:
    """Let `shared` keep values in `store` meanwhile, in this thread."""
    token = _IN_USE.set(store)
    try:
        yield
    finally:
        _IN_USE.reset(token)


@contextmanager
def sharing_meanwhile(max_bytes: int) -> Iterator[None]:
    """Let `shared` keep values meanwhile: in the store in use, else in one of its own."""
    if _IN_USE.get() is not None:
        yield
        return
    with sharing(Shared(max_bytes)):
        yield


def shared(owner: object, key: Hashable, make: Callable[[], T]) -> T:
    """Return what `make` gives, from the store in use if it was made before.

    Parameters
    ----------
    owner : object
        What the value belongs to; two objects share nothing, even if they are equal.
    key : hashable
        All else that decides the value.
    make : callable
        Gives the value; its result must never be changed.
    """
    store = _IN_USE.get()
    return make() if store is None else store.get(owner, key, make)
