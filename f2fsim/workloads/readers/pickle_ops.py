"""A pickle read as data: opcodes are interpreted, nothing is imported, called or executed.

Only what a PyTorch state dict needs is understood: containers, strings, numbers, references to
storages, and the *names* of classes and functions (`Symbol`).  A call becomes a `Call` record;
calls that make tensors and dictionaries are recognised by name by the reader of the file.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Iterable
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


_VALUES = {
    "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINSTRING", "SHORT_BINSTRING", "UNICODE",
    "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "INT", "BINFLOAT", "FLOAT",
    "BINBYTES", "SHORT_BINBYTES", "BINBYTES8",
}  # fmt: skip
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_IGNORED = {"PROTO", "FRAME"}
_KEYS = (str, int, float, bool, type(None))


class Interpreter:
    """A stack machine for one pickle after another of a file.

    ``references`` are the persistent ids met so far, those inside dropped objects too.
    """

    def __init__(self, file: IO[bytes], max_ops: int = 1_000_000) -> None:
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
        self._marks: list[int] = []
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
        except (ValueError, IndexError, KeyError, TypeError, EOFError, OverflowError,
                MemoryError) as error:  # fmt: skip
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise DataError(f"the pickle is damaged: {reason[:200]}") from None
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

    def _mark(self) -> None:
        self._marks.append(len(self._stack))

    def _since_mark(self) -> list[Any]:
        if not self._marks or self._marks[-1] > len(self._stack):
            raise IndexError("a mark is missing")
        at = self._marks.pop()
        items = self._stack[at:]
        del self._stack[at:]
        return items

    def _take(self, n: int) -> tuple[Any, ...]:
        if n > len(self._stack):
            raise IndexError("the stack is empty")
        items = tuple(self._stack[len(self._stack) - n :])
        del self._stack[len(self._stack) - n :]
        return items

    def _set_items(self, items: list[Any]) -> None:
        if isinstance(self._stack[-1], dict):
            _fill(self._stack[-1], zip(items[::2], items[1::2], strict=True))

    def _append(self, items: list[Any]) -> None:
        if isinstance(self._stack[-1], list):
            self._stack[-1].extend(items)

    def _refer(self) -> None:
        reference = Reference(*self._take(1))
        self.references.append(reference)
        self._stack.append(reference)

    def _drop(self) -> None:
        self._take(1)

    def _pop(self) -> None:
        if self._marks and self._marks[-1] == len(self._stack):
            self._marks.pop()
        else:
            self._take(1)

    def _reduce(self) -> None:
        function, arguments = self._take(2)
        if function != Symbol("collections", "OrderedDict"):
            self._stack.append(Call(function, arguments))
            return
        made: dict[Any, Any] = {}
        pairs = arguments[0] if isinstance(arguments, tuple) and arguments else ()
        _fill(made, (pair for pair in pairs if isinstance(pair, list | tuple) and len(pair) == 2))
        self._stack.append(made)

    def _stack_global(self) -> None:
        module, name = self._take(2)
        if not isinstance(module, str) or not isinstance(name, str):
            raise TypeError("a name that is no text")
        self._stack.append(Symbol(module, name))


def _fill(target: dict[Any, Any], pairs: Iterable[Any]) -> None:
    """Set keys that names can be made of."""
    target |= {key: value for key, value in pairs if isinstance(key, _KEYS)}


_ACTIONS: dict[str, Callable[[Interpreter], None]] = {
    "MARK": Interpreter._mark,
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
    "POP": Interpreter._pop,
}
