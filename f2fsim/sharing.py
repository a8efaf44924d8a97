"""What runs of the same layers have in common, computed once while it is kept.

A worker that runs many machines on the same layers keeps what depends on the layers alone, or on a
few keys of a machine: encodings, the places of their weights, the reads of a step, whole machines
and how long they take.  Whoever computes such a thing asks `shared` with the object that it belongs
to and all else that decides it; without a store in use (`sharing`) it is simply computed, so that
no result depends on sharing.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields, is_dataclass
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

import numpy as np

T = TypeVar("T")

#: Bytes that each object in a value counts beside arrays.
OBJECT_BYTES = 64
#: Values up to this size are small: large ones, machines, do not push out what is known of them.
SMALL_BYTES = 32 << 10
#: Share of a store that small values have at most.
SMALL_SHARE = 0.25

#: Owner and key, the place of a value.
Place = tuple[int, Hashable]


@dataclass
class _Owner:
    """What values belong to, held while there are any, so that its id stays its own."""

    owner: object
    arrays: dict[int, int]
    n_values: int = 0


class _Entry(NamedTuple):
    """A kept value: bytes of its objects, and of its arrays by their ids."""

    value: Any
    size: int
    arrays: dict[int, int]


class Shared:
    """Values by what they belong to and what decides them, bounded in bytes; safe under threads.

    Those unused for longest go first, small ones (`SMALL_BYTES`) after all the others.

    Parameters
    ----------
    max_bytes : int
        Of all values together, and of the arrays of what they belong to; each array counts once.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._n_bytes = self._n_small_bytes = 0
        self._small: OrderedDict[Place, _Entry] = OrderedDict()
        self._large: OrderedDict[Place, _Entry] = OrderedDict()
        self._uses: dict[int, int] = {}
        self._owners: dict[int, _Owner] = {}
        self._lock = threading.Lock()

    def get(
        self,
        owner: object,
        key: Hashable,
        make: Callable[[], T],
        size_of: Callable[[T], int] | None = None,
    ) -> T:
        """Return the value of `key` that belongs to `owner`, made if it is not kept."""
        place = id(owner), key
        with self._lock:
            kept = self._small
            found = kept.get(place)
            if found is None:
                kept = self._large
                found = kept.get(place)
            if found is not None:
                kept.move_to_end(place)
                known: T = found.value
                return known
        value = make()
        arrays: dict[int, int] = {}
        size = _measure(value, arrays) if size_of is None else size_of(value)
        total = size + sum(arrays.values())
        if total <= self._max_bytes:
            with self._lock:
                if place not in self._small and place not in self._large:
                    self._own(owner)
                    self._add(place, _Entry(value, size, arrays), total <= SMALL_BYTES)
        return value

    def _own(self, owner: object) -> None:
        found = self._owners.get(id(owner))
        if found is None:
            found = self._owners[id(owner)] = _Owner(owner, {})
            _measure(owner, found.arrays)
            self._use(found.arrays)
        found.n_values += 1

    def _add(self, place: Place, entry: _Entry, is_small: bool) -> None:
        (self._small if is_small else self._large)[place] = entry
        self._n_bytes += entry.size
        self._n_small_bytes += entry.size if is_small else 0
        self._use(entry.arrays)
        while self._n_bytes > self._max_bytes and self._large:
            self._drop(self._large)
        limit = self._max_bytes * SMALL_SHARE
        while self._small and (self._n_bytes > self._max_bytes or self._n_small_bytes > limit):
            self._drop(self._small)

    def _drop(self, kept: OrderedDict[Place, _Entry]) -> None:
        place, entry = kept.popitem(last=False)
        self._n_bytes -= entry.size
        self._n_small_bytes -= entry.size if kept is self._small else 0
        self._leave(entry.arrays)
        found = self._owners[place[0]]
        found.n_values -= 1
        if not found.n_values:
            self._leave(found.arrays)
            del self._owners[place[0]]

    def _use(self, arrays: dict[int, int]) -> None:
        for one, n in arrays.items():
            uses = self._uses.get(one, 0)
            self._uses[one] = uses + 1
            if not uses:
                self._n_bytes += n

    def _leave(self, arrays: dict[int, int]) -> None:
        for one, n in arrays.items():
            self._uses[one] -= 1
            if not self._uses[one]:
                del self._uses[one]
                self._n_bytes -= n


def n_bytes(value: Any) -> int:
    """Return the bytes of a value: of the arrays in its fields, items or values, each once."""
    arrays: dict[int, int] = {}
    return _measure(value, arrays) + sum(arrays.values())


def _measure(value: Any, arrays: dict[int, int]) -> int:
    """Return about the bytes of a value's objects, and note those of its arrays by their ids."""
    n_objects = 0
    seen: set[int] = set()
    left = [value]
    while left:
        one = left.pop()
        n_objects += 1
        kind = one.__class__
        if kind is np.ndarray:
            base = one if one.base is None or not isinstance(one.base, np.ndarray) else one.base
            arrays[id(base)] = base.nbytes
        elif kind is tuple or kind is list:
            if _is_plain(one):
                n_objects += len(one)
            else:
                left += one
        elif kind is dict:
            left += [item for item in one.values() if item.__class__ not in _PLAIN]
        else:
            parts = _PARTS.get(kind)
            if parts is None:
                parts = _PARTS[kind] = _parts(kind)
            if parts is not _no_parts and id(one) not in seen:
                seen.add(id(one))
                left += parts(one)
    return OBJECT_BYTES * n_objects


#: Types without parts.
_PLAIN = frozenset({int, float, str, bool, bytes, type(None)})
#: What gives the parts of objects of a class that may hold arrays, of those that were met.
_PARTS: dict[type, Callable[[Any], Iterable[Any]]] = {}


def _is_plain(items: Sequence[Any]) -> bool:
    """Whether a sequence is numbers, words, or tuples of them, by its first item."""
    first = items[0] if items else 0
    if first.__class__ is tuple and first:
        first = first[0]
    return first.__class__ in _PLAIN


def _parts(of: type) -> Callable[[Any], Iterable[Any]]:
    """Return what gives the fields of a dataclass that may hold arrays; none of anything else."""
    if not is_dataclass(of):
        return _no_parts
    plain = {"int", "str", "float", "bool", int, str, float, bool}
    names = [one.name for one in fields(of) if one.type not in plain]
    if len(names) > 1:
        return attrgetter(*names)
    return (lambda one: (getattr(one, names[0]),)) if names else _no_parts


def _no_parts(_: object) -> tuple[Any, ...]:
    return ()


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


def shared(
    owner: object,
    key: Hashable,
    make: Callable[[], T],
    size_of: Callable[[T], int] | None = None,
) -> T:
    """Return what `make` gives, from the store in use if it was made before.

    Parameters
    ----------
    owner : object
        What the value belongs to; two objects share nothing, even if they are equal.
    key : hashable
        All else that decides the value.
    make : callable
        Gives the value; its result must never be changed.
    size_of : callable, optional
        Gives the bytes of a value about; by default its arrays are looked for.
    """
    store = _IN_USE.get()
    return make() if store is None else store.get(owner, key, make, size_of)
