"""Which layers and operations of a workload come after which, and how many values flow.

A workload lists its layers in the order of execution; operations are done as soon as the last of
their inputs is there.  This module puts both in one order and holds sizes against each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from f2fsim.config.layer import Layer
from f2fsim.config.operation import NETWORK_INPUT, Attention, VectorOperation
from f2fsim.config.wording import RuleError
from f2fsim.errors import near_miss

Work = Layer | VectorOperation | Attention


@dataclass(frozen=True)
class Node:
    """A layer or an operation in the order of execution.

    Attributes
    ----------
    name : str
        Of the layer or operation, and of what it makes.
    work : Layer, VectorOperation or Attention
        What is done.
    inputs : tuple of str
        Nodes that it takes from, or ``input``.
    n_values : int
        Values that it makes, all samples.
    is_chained : bool
        Whether it takes from the layer before only because nothing else is stated: sizes need not
        agree then, since something may be missing in between.
    """

    name: str
    work: Work
    inputs: tuple[str, ...]
    n_values: int
    is_chained: bool = False


def network_nodes(
    layers: Sequence[Layer], operations: Sequence[VectorOperation | Attention], batch: int
) -> tuple[Node, ...]:
    """Return layers and operations in the order of execution.

    Raises
    ------
    RuleError
        If an input does not exist or comes later, or sizes contradict each other.
    """
    _check_names(layers, operations)
    left = list(enumerate(operations))
    nodes: list[Node] = []
    sizes: dict[str, int] = {}

    def take_ready() -> None:
        """Put every operation whose inputs are all there behind them."""
        taken = True
        while taken:
            taken = False
            for entry in list(left):
                place, operation = entry
                if all(name in sizes or name == NETWORK_INPUT for name in operation.inputs):
                    left.remove(entry)
                    n_values = _operation_values(operation, sizes, batch, place)
                    sizes[operation.name] = n_values
                    node = Node(operation.name, operation, operation.inputs, n_values)
                    nodes.append(node)
                    taken = True

    take_ready()
    for place, layer in enumerate(layers):
        before = layers[place - 1].name if place else NETWORK_INPUT
        inputs = layer.inputs or (before,)
        for name in inputs:
            if name not in sizes and name != NETWORK_INPUT:
                rule = f"layer {layer.name!r}: its input {name!r} comes later, or takes from it"
                raise RuleError(rule, "layers", place, "inputs")
        if layer.inputs is not None:
            _check_layer(layer, sizes, place)
        sizes[layer.name] = layer.n_output_values
        chained = layer.inputs is None
        nodes.append(Node(layer.name, layer, inputs, layer.n_output_values, chained))
        take_ready()
    if left:
        place, operation = left[0]
        rule = f"operation {operation.name!r}: takes from itself, by way of its inputs"
        raise RuleError(rule, "operations", place, "inputs")
    return tuple(nodes)


def check_graph(
    layers: Sequence[Layer], operations: Sequence[VectorOperation | Attention], batch: int
) -> None:
    """Raise `RuleError` unless layers and operations are a graph; a plain chain always is."""
    if operations or any(layer.inputs is not None for layer in layers):
        network_nodes(layers, operations, batch)


def _check_names(
    layers: Sequence[Layer], operations: Sequence[VectorOperation | Attention]
) -> None:
    names = {layer.name for layer in layers}
    for place, operation in enumerate(operations):
        if operation.name in names or operation.name == NETWORK_INPUT:
            rule = f"operation name {operation.name!r} is used twice"
            raise RuleError(rule, "operations", place, "name")
        names.add(operation.name)
    known = {*names, NETWORK_INPUT}
    for section, entries in (("layers", layers), ("operations", operations)):
        for place, entry in enumerate(entries):
            for name in entry.inputs or ():
                if name not in known:
                    what = f"{section[:-1]} {entry.name!r}"
                    rule = f"{what}: there is no {name!r} to take from{near_miss(name, known)}"
                    raise RuleError(rule, section, place, "inputs")


def _check_layer(layer: Layer, sizes: Mapping[str, int], place: int) -> None:
    """Hold a layer's geometry against what its inputs make; a recurrent cell takes a step of it."""
    assert layer.inputs is not None
    if NETWORK_INPUT in layer.inputs or layer.kind == "lstm":
        return
    found = sum(sizes[name] for name in layer.inputs)
    if found != layer.n_input_values * layer.repeat:
        rule = (
            f"layer {layer.name!r}: takes {layer.n_input_values * layer.repeat} values, "
            f"its inputs make {found}"
        )
        raise RuleError(rule, "layers", place, "inputs")


def _operation_values(
    operation: VectorOperation | Attention, sizes: Mapping[str, int], batch: int, place: int
) -> int:
    """Return the values that an operation makes; `RuleError` if its inputs do not fit."""
    given = [sizes.get(name) for name in operation.inputs]
    if isinstance(operation, Attention):
        wanted = (operation.query_values, operation.kv_values, operation.kv_values)
        for name, found, values in zip(operation.inputs, given, wanted, strict=True):
            if found is not None and found != batch * values:
                rule = (
                    f"operation {operation.name!r}: takes {batch * values} values of {name!r}, "
                    f"which makes {found}"
                )
                raise RuleError(rule, "operations", place, "inputs")
        return batch * operation.query_values
    if operation.values is not None:
        return batch * operation.values
    known = [one for one in given if one is not None]
    if len(known) != len(given):
        rule = f"operation {operation.name!r}: takes the network's input, so values must be given"
        raise RuleError(rule, "operations", place, "values")
    if operation.op == "concat":
        return sum(known)
    if operation.op in ("add", "multiply") and len(set(known)) > 1:
        # A smaller operand is broadcast: a channel's scale, a bias of its own.
        if max(known) % min(known):
            rule = f"operation {operation.name!r}: its inputs make {known} values, which do not fit"
            raise RuleError(rule, "operations", place, "inputs")
        return max(known)
    if operation.op.endswith("_pool"):
        rule = f"operation {operation.name!r}: values must be given for a pooling"
        raise RuleError(rule, "operations", place, "values")
    return known[0]
