"""A pickle read as data: opcodes are interpreted, nothing is imported, called or executed.

Only what a PyTorch state dict needs is understood: containers, strings, numbers, references to
storages, and the *names* of classes and functions (`Symbol`).  A call becomes a `Call` record;
calls that make tensors and dictionaries are recognised by name by the reader of the file.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

from f2fsim.errors import DataError


@dataclass(frozen=True)
class Symbol:
    """The name of a class or function, never imported."""

    module: str
    name: str


@dataclass
class Call:
    """A call that the pickle asks for and that is not made."""

    function: Any
    arguments: Any


@dataclass(frozen=True)
class Reference:
    """A persistent id: in PyTorch files, a description of a storage."""

    content: Any


_MARK = object()
_VALUES = {
    "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINSTRING", "SHORT_BINSTRING", "UNICODE",
    "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "INT", "BINFLOAT", "FLOAT",
    "BINBYTES", "SHORT_BINBYTES", "BINBYTES8",
}  # fmt: skip
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_IGNORED = {"PROTO", "FRAME"}


class Interpreter:
    """A stack machine for one pickle after another of a file.

    ``references`` are the persistent ids met so far, those inside dropped objects too.
    """

    def __init__(self, file: IO[bytes], max_ops: int = 5_000_000) -> None:
        self._file = file
        self._max_ops = max_ops
        self.references: list[Reference] = []

    def next(self) -> Any:
        """Read the next pickle.

        Raises
        ------
        DataError
            If it is damaged, too long, or uses an opcode outside the subset.
        """
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        try:
            for count, (opcode, argument, _) in enumerate(pickletools.genops(self._file)):
                if count > self._max_ops:
                    raise DataError("the pickle is too long")
                if opcode.name == "STOP":
                    return self._stack.pop()
                self._step(opcode.name, argument)
        except DataError:
            raise
        except (ValueError, IndexError, KeyError, TypeError, EOFError, OverflowError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise DataError(f"the pickle is damaged: {reason}") from None
        raise DataError("the pickle is damaged: it has no end")

    def _step(self, name: str, argument: Any) -> None:
        stack = self._stack
        if name in _VALUES:
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in ("BINPUT", "LONG_BINPUT", "PUT"):
            self._memo[argument] = stack[-1]
        elif name == "MEMOIZE":
            self._memo[len(self._memo)] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET", "GET"):
            stack.append(self._memo[argument])
        elif name in _ACTIONS:
            _ACTIONS[name](self)
        elif name == "GLOBAL":
            module, _, symbol = argument.partition(" ")
            stack.append(Symbol(module, symbol))
        elif name not in _IGNORED:
            raise DataError(f"the pickle uses {name}, which a file of tensors does not need")

    def _since_mark(self) -> list[Any]:
        at = len(self._stack) - 1 - self._stack[::-1].index(_MARK)
        items = self._stack[at + 1 :]
        del self._stack[at:]
        return items

    def _take(self, n: int) -> tuple[Any, ...]:
        if n > len(self._stack):
            raise IndexError("the stack is empty")
        items = tuple(self._stack[len(self._stack) - n :])
        del self._stack[len(self._stack) - n :]
        return items

    def _set_items(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if isinstance(target, Call) and target.function == Symbol("collections", "OrderedDict"):
            target = self._stack[-1] = self._replace(target, {})
        if isinstance(target, dict):
            for key, value in zip(items[::2], items[1::2], strict=True):
                if isinstance(key, str | int | float | bool | None):
                    target[key] = value

    def _replace(self, old: Call, new: dict[Any, Any]) -> dict[Any, Any]:
        """Put a dictionary where the memo holds the call that would have made it."""
        for key, value in self._memo.items():
            if value is old:
                self._memo[key] = new
        return new

    def _append(self, items: list[Any]) -> None:
        if isinstance(self._stack[-1], list):
            self._stack[-1].extend(items)

    def _refer(self) -> None:
        reference = Reference(*self._take(1))
        self.references.append(reference)
        self._stack.append(reference)

    def _drop(self) -> None:
        self._take(1)

    def _reduce(self) -> None:
        function, arguments = self._take(2)
        empty_dict = function == Symbol("collections", "OrderedDict") and not arguments
        self._stack.append({} if empty_dict else Call(function, arguments))

    def _stack_global(self) -> None:
        module, name = self._take(2)
        self._stack.append(Symbol(str(module), str(name)))


_ACTIONS: dict[str, Callable[[Interpreter], None]] = {
    "MARK": lambda m: m._stack.append(_MARK),
    "EMPTY_DICT": lambda m: m._stack.append({}),
    "EMPTY_LIST": lambda m: m._stack.append([]),
    "EMPTY_TUPLE": lambda m: m._stack.append(()),
    "EMPTY_SET": lambda m: m._stack.append([]),
    "TUPLE": lambda m: m._stack.append(tuple(m._since_mark())),
    "LIST": lambda m: m._stack.append(m._since_mark()),
    "TUPLE1": lambda m: m._stack.append(m._take(1)),
    "TUPLE2": lambda m: m._stack.append(m._take(2)),
    "TUPLE3": lambda m: m._stack.append(m._take(3)),
    "SETITEM": lambda m: m._set_items(list(m._take(2))),
    "SETITEMS": lambda m: m._set_items(m._since_mark()),
    "APPEND": lambda m: m._append(list(m._take(1))),
    "APPENDS": lambda m: m._append(m._since_mark()),
    "ADDITEMS": lambda m: m._append(m._since_mark()),
    "BINPERSID": Interpreter._refer,
    "BUILD": Interpreter._drop,
    "REDUCE": Interpreter._reduce,
    "NEWOBJ": Interpreter._reduce,
    "STACK_GLOBAL": Interpreter._stack_global,
    "POP": Interpreter._drop,
}
