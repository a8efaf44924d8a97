"""Arithmetic and comparisons in specification files: parsed and walked, never executed as code.

Owns which syntax is allowed (names, dotted names, numbers, strings, lists, arithmetic,
comparisons, ``and or not``, ``x if c else y``, a few functions) and the bounds that keep a hostile
file from using up the machine.  Knows no configuration: names are looked up in a mapping.
"""

from __future__ import annotations

import ast
import math
import operator
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from f2fsim.errors import ConfigError, choices, near_miss

MAX_TEXT = 2000
#: Integers beyond this many bits are refused (``9**9**9`` would not end).
MAX_INT_BITS = 4096
#: Operations inside one another.
MAX_DEPTH = 100
#: Digits that `round` may be asked for: those of a float.
MAX_DIGITS = 400

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "ceil": math.ceil,
    "floor": math.floor,
    "gcd": math.gcd,
    "log2": math.log2,
    "max": max,
    "min": min,
    "round": lambda value, digits=None: _rounded(value, digits),
    "sqrt": math.sqrt,
}


@dataclass(frozen=True)
class Expression:
    """A checked expression: its text and the dotted names that it reads."""

    text: str
    names: tuple[str, ...]
    _tree: ast.expr

    @classmethod
    def parse(cls, text: str) -> Expression:
        """Check an expression's syntax.

        Raises
        ------
        ConfigError
            If it is no expression or uses something that is not allowed.
        """
        if len(text) > MAX_TEXT:
            raise ConfigError(f"an expression has at most {MAX_TEXT} characters, got {len(text)}")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SyntaxWarning)  # `1 is 1`: refused below
                tree = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            reason = error.msg if isinstance(error, SyntaxError) else str(error)
            raise ConfigError(f"{text[:200]!r} is not an expression: {reason}") from None
        names: list[str] = []
        _check(tree, text, names)
        return cls(text, tuple(dict.fromkeys(names)), tree)

    def evaluate(self, values: Mapping[str, Any]) -> Any:
        """Return the value with names looked up in `values` (keys are whole dotted names).

        Raises
        ------
        ConfigError
            If a name is unknown or an operation does not fit its operands.
        """
        try:
            return _value(self._tree, values, self.text)
        except (ArithmeticError, TypeError, ValueError) as error:
            raise ConfigError(f"{self.text!r} cannot be evaluated: {error}") from None


def _dotted(node: ast.expr) -> str | None:
    """Return ``a.b.c`` for a name or a chain of attributes of one, None for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        inner = _dotted(node.value)
        return None if inner is None else f"{inner}.{node.attr}"
    return None


def _refuse(text: str, node: ast.AST) -> ConfigError:
    what = ast.unparse(node) if isinstance(node, ast.expr) else type(node).__name__
    return ConfigError(
        f"{text!r} uses {what!r}: allowed are names, numbers, strings, lists, arithmetic, "
        f"comparisons, and/or/not, x if c else y, {choices(FUNCTIONS)}"
    )


def _check(node: ast.expr, text: str, names: list[str], depth: int = 0) -> None:
    """Walk the tree once; what is not named here is refused."""
    if depth > MAX_DEPTH:
        raise ConfigError(f"{text[:60]!r}… nests more than {MAX_DEPTH} operations")
    inner: list[ast.expr]
    match node:
        case ast.Constant(value=value) if isinstance(value, int | float | str) or value is None:
            inner = []
        case ast.Name() | ast.Attribute():
            name = _dotted(node)
            if name is None:
                raise _refuse(text, node)
            names.append(name)
            inner = []
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            inner = [left, right]
        case ast.UnaryOp(op=op_, operand=operand) if type(op_) in _UNARY:
            inner = [operand]
        case ast.BoolOp(values=values):
            inner = values
        case ast.Compare(left=left, ops=ops, comparators=others) if all(
            type(op) in _COMPARE for op in ops
        ):
            inner = [left, *others]
        case ast.IfExp(test=test, body=body, orelse=orelse):
            inner = [test, body, orelse]
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            inner = elements
        case ast.Call(func=ast.Name(id=function), args=arguments, keywords=[]):
            if function not in FUNCTIONS:
                raise ConfigError(
                    f"{text!r}: no function {function!r}{near_miss(function, FUNCTIONS)}; "
                    f"known: {choices(FUNCTIONS)}"
                )
            inner = arguments
        case _:
            raise _refuse(text, node)
    for one in inner:
        _check(one, text, names, depth + 1)


def _value(node: ast.expr, values: Mapping[str, Any], text: str) -> Any:
    def of(inner: ast.expr) -> Any:
        return _value(inner, values, text)

    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name() | ast.Attribute():
            return _look_up(str(_dotted(node)), values, text)
        case ast.BinOp(left=left, op=op, right=right):
            return _bounded(_binary(op, of(left), of(right)), text)
        case ast.UnaryOp(op=op_, operand=operand):
            return _UNARY[type(op_)](of(operand))
        case ast.BoolOp(op=ast.And(), values=parts):
            return all(of(part) for part in parts)
        case ast.BoolOp(values=parts):
            return any(of(part) for part in parts)
        case ast.Compare(left=left, ops=ops, comparators=others):
            sides = [of(left), *(of(other) for other in others)]
            return all(
                _COMPARE[type(op)](a, b) for op, a, b in zip(ops, sides, sides[1:], strict=False)
            )
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return of(body) if of(test) else of(orelse)
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            return [of(element) for element in elements]
        case ast.Call(func=ast.Name(id=function), args=arguments):
            return FUNCTIONS[function](*(of(argument) for argument in arguments))
    raise _refuse(text, node)  # not reached: `_check` let nothing else through


def _binary(op: ast.operator, left: Any, right: Any) -> Any:
    for side in (left, right):
        if not isinstance(side, int | float):
            raise TypeError(f"arithmetic needs numbers, got {side!r}")
    if isinstance(op, ast.Pow) and abs(right) > MAX_INT_BITS:
        raise ValueError(f"exponent {right} is too large")
    large = isinstance(op, ast.Pow) and isinstance(left, int) and right > 0
    if large and left.bit_length() * right > 2 * MAX_INT_BITS:
        raise ValueError("the result is too large")
    result = _BINARY[type(op)](left, right)
    if isinstance(result, complex):
        raise ValueError("the result is not a real number")
    return result


def _rounded(value: Any, digits: Any) -> Any:
    if digits is not None and not -MAX_DIGITS <= digits <= MAX_DIGITS:
        raise ValueError(f"round takes at most {MAX_DIGITS} digits, got {digits:.6g}")
    return round(value) if digits is None else round(value, digits)


def _bounded(value: Any, text: str) -> Any:
    if isinstance(value, int) and value.bit_length() > MAX_INT_BITS:
        raise ConfigError(f"{text!r}: the result has more than {MAX_INT_BITS} bits")
    return value


def _look_up(name: str, values: Mapping[str, Any], text: str) -> Any:
    if name not in values:
        raise ConfigError(f"{text!r}: no name {name!r}{near_miss(name, values)}")
    return values[name]
