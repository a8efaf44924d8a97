"""The contract of a device: Verilog of one front end, and its bench on real streams."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from f2fsim.errors import InputError
from f2fsim.rtl.bench import Bench
from f2fsim.rtl.cycles import Gaps
from f2fsim.rtl.text import bits_for

V = TypeVar("V")


@dataclass(frozen=True)
class Unit:
    """A part of a device that is synthesised by itself.

    Attributes
    ----------
    name : str
        What the machine calls the component that it belongs to.
    module : str
        A module among the device's files.
    parameters : mapping of str to int
        Its parameters, as the device sets them.
    count : int
        How many of it the device has.
    generated : mapping of str to int
        Sizes that the module was generated with: stages, places.
    """

    name: str
    module: str
    parameters: tuple[tuple[str, int], ...]
    count: int = 1
    generated: tuple[tuple[str, int], ...] = ()


class Device(ABC, Generic[V]):
    """Verilog of a front end and its operand network, as sizes; `V` is what goes in and comes out.

    Attributes
    ----------
    top : str
        Its top module: clk, rst and handshakes ``in_<name>`` and ``<name>`` only.
    """

    top: ClassVar[str]

    @abstractmethod
    def files(self) -> dict[str, str]:
        """Return all Verilog files by name, the top module's first."""

    @abstractmethod
    def bench(self, vectors: V, gaps: Gaps) -> Bench:
        """Return the bench in which `vectors` pass, sources and consumers as `gaps` draws them."""

    @abstractmethod
    def units(self) -> tuple[Unit, ...]:
        """Return what it is made of, the channels between components apart."""


def fifo_unit(name: str, width: int, depth: int, latency: int) -> Unit:
    """Return a channel within a component as a unit of it."""
    sizes = {"WIDTH": width, "DEPTH": depth, "LATENCY": latency}
    sizes |= {"POINTER": bits_for(depth - 1), "COUNT": bits_for(depth)}
    return Unit(name, "f2f_pipe", tuple(sizes.items()))


def check_sizes(what: str, problems: Iterable[str]) -> None:
    """Raise `InputError` with a line for each problem."""
    lines = [f"{what}: {problem}" for problem in problems]
    if lines:
        raise InputError("\n".join(lines))
