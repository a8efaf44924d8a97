"""The table that conventions rewrite: what each tensor of a file is, or why it is left out.

A file begins as one `Entry` a stored tensor.  Conventions run one after another; each finds its
tensors by their names, companions and metadata, takes them off the table and puts the tensor that
they mean in their place.  Nothing else leaves the table: every stored tensor ends in an entry, in
`left_out`, or in `refused`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.errors import DataError
from f2fsim.workloads.readers import ModelFile
from f2fsim.workloads.readers.stored import Stored

#: Most elements that a description in a file may ask for.
MAX_ELEMENTS = 2**36


@dataclass(frozen=True)
class Entry:
    """One tensor as its convention means it.

    Attributes
    ----------
    name : str
        As the network knows it (``fc.weight``, whatever it is stored as).
    shape : tuple of int
    dtype : str
        The file's word for the elements of what carries the values.
    parts : tuple of str
        Stored tensors it is made of.
    read : callable
        Reads and interprets them.
    convention : str
        Words for the convention, empty for a tensor stored as it is.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    parts: tuple[str, ...]
    read: Callable[[], Stored]
    convention: str = ""

    def values(self) -> NDArray[Any]:
        """Read the values alone."""
        return self.read().values


@dataclass(frozen=True)
class LeftOut:
    """A tensor of the file that is no layer, and why."""

    name: str
    reason: str
    n_weights: int
    n_bytes: int


@dataclass
class Table:
    """The tensors of one file while conventions are applied.

    Attributes
    ----------
    model : ModelFile
    config : mapping
        Metadata beside the file: ``config.json``'s ``quantization_config`` and the like.
    entries : dict of str to Entry
    left_out : list of LeftOut
    refused : list of LeftOut
        Weights of a known convention that is not read: the file cannot become a workload.
    checks : list of callable
        Read what a convention cannot do without (masks, indices) and raise `DataError` if it does
        not fit: a file is refused before its workload is written, not when it runs.
    """

    model: ModelFile
    config: Mapping[str, Any]
    entries: dict[str, Entry] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)
    refused: list[LeftOut] = field(default_factory=list)
    checks: list[Callable[[], object]] = field(default_factory=list)
    _place: dict[str, int] = field(default_factory=dict)

    def add(self, entry: Entry) -> None:
        """Put a stored tensor on the table, behind the others."""
        self.entries[entry.name] = entry
        self._place[entry.name] = len(self._place)

    def ordered(self) -> dict[str, Entry]:
        """Return the entries in the file's order."""
        return dict(sorted(self.entries.items(), key=lambda item: self._place[item[0]]))

    def ending(self, *suffixes: str) -> list[tuple[str, str, str]]:
        """Return name, what comes before the suffix, and the suffix, of entries that end so."""
        found = []
        for name in self.entries:
            for suffix in suffixes:
                if name.endswith(suffix) and len(name) > len(suffix):
                    found.append((name, name[: -len(suffix)], suffix))
                    break
        return found

    @property
    def path(self) -> Path:
        """The file."""
        return self.model.path

    def error(self, convention: str, name: str, what: str) -> DataError:
        """Return the error that names file, convention and tensor."""
        return DataError(f"{self.path}: {convention}: tensor {name!r} {what}")

    def n_bytes(self, entry: Entry) -> int:
        """Return the stored bytes of an entry's parts."""
        return sum(self.model.infos[part].n_bytes for part in entry.parts)

    def check(self, name: str, rule: Callable[[NDArray[Any]], object]) -> None:
        """Let a rule look at a tensor's data before the file is used."""
        entry = self.entries[name]
        self.checks.append(lambda: rule(entry.values()))

    def leave_out(self, name: str, reason: str) -> None:
        """Take a tensor off the table with a reason."""
        self.left_out.append(self._listed(self.entries.pop(name), reason))

    def refuse(self, name: str, reason: str) -> None:
        """Take a tensor off the table whose weights cannot be read."""
        self.refused.append(self._listed(self.entries.pop(name), reason))

    def _listed(self, entry: Entry, reason: str) -> LeftOut:
        return LeftOut(entry.name, reason, math.prod(entry.shape), self.n_bytes(entry))

    def combine(
        self,
        name: str,
        taken: list[str],
        shape: tuple[int, ...],
        convention: str,
        read: Callable[[list[Stored]], Stored],
        dtype: str = "",
    ) -> None:
        """Put one tensor in the place of several.

        Parameters
        ----------
        name : str
            Of the new tensor.
        taken : list of str
            Entries that it is made of; the first gives its place in the file's order.
        shape : tuple of int
        convention : str
        read : callable
            Makes the tensor of the entries' data, in the order of `taken`.
        dtype : str
            Word of the elements; empty: that of the first entry.
        """
        sources = [self.entries[item] for item in taken]
        if name in self.entries and name not in taken:
            raise self.error(convention, taken[0], f"means {name!r}, which the file holds too")
        if math.prod(shape) > MAX_ELEMENTS:
            raise self.error(convention, taken[0], f"means {shape}, more than can be held")
        parts = tuple(dict.fromkeys(part for source in sources for part in source.parts))

        def load() -> Stored:
            stored = read([source.read() for source in sources])
            if stored.values.shape != shape:
                what = f"means {shape}, its data make {stored.values.shape}"
                raise self.error(convention, taken[0], what)
            return stored

        made = Entry(name, shape, dtype or sources[0].dtype, parts, load, convention)
        place = self._place[taken[0]]
        for item in taken:
            del self.entries[item]
        self.entries[name] = made
        self._place[name] = place

    def rename(self, name: str, new: str, convention: str) -> None:
        """Give a tensor the name that it has in the network."""
        entry = self.entries[name]
        self.combine(new, [name], entry.shape, convention, lambda stored: stored[0])

    def mark(self, name: str, convention: str) -> None:
        """Say under which convention a tensor that needs no change is stored."""
        self.entries[name] = replace(self.entries[name], convention=convention)


def start_table(model: ModelFile, config: Mapping[str, Any]) -> Table:
    """Return the table before any convention: each stored tensor as it is."""
    table = Table(model, config)
    for name, info in model.infos.items():
        table.add(Entry(name, info.shape, info.dtype, (name,), _reader(model, name)))
    for item in model.unread:
        table.left_out.append(LeftOut(item.name, item.reason, item.n_weights, item.n_bytes))
    return table


def _reader(model: ModelFile, name: str) -> Callable[[], Stored]:
    return lambda: model.read_stored(name)


def as_float32(array: NDArray[Any]) -> NDArray[np.float32]:
    """Return an array in float32, as kernels compute with it."""
    return np.asarray(array, dtype=np.float32)
