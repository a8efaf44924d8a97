"""The graph of a workload as stages: what the array or the vector unit does in one go.

A stage is a product (a layer or attention) with the vector operations that are done on its outputs
as they leave the array, or a vector operation by itself.  Stages run one after another; what a
stage makes is one tensor.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from f2fsim.config.graph import Node, Work
from f2fsim.config.layer import Layer
from f2fsim.config.operation import NETWORK_INPUT, Attention, VectorOperation

#: Operations that work on values one by one, so that they can be done as outputs leave the array.
FUSIBLE = frozenset(("activation", "add", "multiply", "requantise"))

#: Operations of a vector lane on each value (each value of the window for a pooling): a softmax
#: looks for the maximum, subtracts and exponentiates, sums, and scales; a normalisation sums values
#: and squares, scales and shifts.
LANE_OPERATIONS = {
    "activation": 1,
    "add": 1,
    "average_pool": 1,
    "max_pool": 1,
    "multiply": 1,
    "normalise": 4,
    "requantise": 1,
    "select": 1,
    "softmax": 4,
}


@dataclass(frozen=True)
class CacheAppend:
    """Keys and values of new tokens in the type of the cache, on their way to it."""

    attention: Attention
    batch: int
    op: str = "append"


@dataclass(frozen=True)
class Stage:
    """A step of the network.

    Attributes
    ----------
    name : str
        Of its first node, with its number if the layer runs several times.
    work : Layer, VectorOperation, Attention or CacheAppend
        What it does; an attention comes after the appending of its new tokens to the cache.
    fused : tuple of VectorOperation
        What is done on the outputs as they leave the array, in order.
    inputs : tuple of str
        Tensors that the work takes.
    operands : tuple of str
        Further tensors that fused operations take.
    output : str
        Tensor that it makes.
    n_values : int
        Values of the output.
    is_chained : bool
        Whether its input is the layer before for want of a statement.
    """

    name: str
    work: Work | CacheAppend
    fused: tuple[VectorOperation, ...]
    inputs: tuple[str, ...]
    operands: tuple[str, ...]
    output: str
    n_values: int
    is_chained: bool = False
    batch: int = 1

    @property
    def takes(self) -> tuple[str, ...]:
        """All tensors that it reads, inputs first."""
        return tuple(dict.fromkeys((*self.inputs, *self.operands)))

    @property
    def is_vector(self) -> bool:
        """Whether only the vector unit works."""
        return isinstance(self.work, VectorOperation | CacheAppend)

    @property
    def n_lane_operations(self) -> int:
        """Operations of vector lanes."""
        total = sum(LANE_OPERATIONS[one.op] * self.n_values for one in self.fused)
        if isinstance(self.work, VectorOperation):
            total += LANE_OPERATIONS[self.work.op] * self.n_values * self.work.window
        if isinstance(self.work, CacheAppend):
            total += LANE_OPERATIONS["requantise"] * self.n_values
        if isinstance(self.work, Attention):
            pairs = self.work.n_pairs * self.work.n_heads * self.batch
            total += LANE_OPERATIONS["softmax"] * pairs
        return total


def build_stages(nodes: Sequence[Node]) -> tuple[Stage, ...]:
    """Return the stages of a graph in the order of execution.

    Joining costs nothing: who takes from a ``concat`` takes from all that it joins.
    """
    uses = Counter(name for node in nodes for name in node.inputs)
    pieces: dict[str, tuple[str, ...]] = {NETWORK_INPUT: (NETWORK_INPUT,)}
    stages: list[Stage] = []
    for node in nodes:
        inputs = tuple(dict.fromkeys(piece for name in node.inputs for piece in pieces[name]))
        work = node.work
        if isinstance(work, VectorOperation) and work.op == "concat":
            pieces[node.name] = inputs
            continue
        if stages and isinstance(work, VectorOperation) and _fuses(stages[-1], node, uses):
            last = stages[-1]
            others = tuple(name for name in inputs if name != last.output)
            stages[-1] = replace(
                last,
                fused=(*last.fused, work),
                operands=tuple(dict.fromkeys((*last.operands, *others))),
                output=node.name,
            )
            pieces[node.name] = (node.name,)
            continue
        made = _stages_of(node, inputs, pieces)
        stages += made
        ends = made[-1:] if isinstance(work, Attention) else made
        pieces[node.name] = tuple(stage.output for stage in ends)
    return tuple(stages)


def _fuses(last: Stage, node: Node, uses: Counter[str]) -> bool:
    """Whether a vector operation is done on the values of the stage before as they come."""
    assert isinstance(node.work, VectorOperation)
    return (
        node.work.op in FUSIBLE
        and last.output in node.inputs
        and uses[last.output] == 1
        and node.n_values == last.n_values
        and NETWORK_INPUT not in node.inputs
    )


def _stages_of(
    node: Node, inputs: tuple[str, ...], pieces: Mapping[str, tuple[str, ...]]
) -> list[Stage]:
    """Return the stages of a node; a layer that runs several times takes its own last output."""
    if isinstance(node.work, Attention):
        return _attention_stages(node, node.work, pieces)
    runs = node.work.repeat if isinstance(node.work, Layer) else 1
    stages: list[Stage] = []
    for run in range(runs):
        name = node.name if runs == 1 else f"{node.name}#{run}"
        before = (stages[-1].output,) if stages else ()
        own = (*inputs, *before)
        stages.append(
            Stage(name, node.work, (), own, (), name, node.n_values, node.is_chained or runs > 1)
        )
    return stages


def _attention_stages(
    node: Node, work: Attention, pieces: Mapping[str, tuple[str, ...]]
) -> list[Stage]:
    """Return the appending of keys and values to the cache, and the attention over it."""
    batch = node.n_values // work.query_values
    queries, keys, values = (pieces[name] for name in node.inputs)
    name = f"{node.name}.append"
    append = CacheAppend(work, batch)
    n_values = 2 * batch * work.kv_values
    return [
        Stage(name, append, (), tuple(dict.fromkeys((*keys, *values))), (), name, n_values),
        Stage(node.name, work, (), queries, (), node.name, node.n_values, batch=batch),
    ]


def last_uses(stages: Sequence[Stage]) -> dict[str, int]:
    """Return the number of the last stage that takes each tensor; outputs of the network lack."""
    return {name: number for number, stage in enumerate(stages) for name in stage.takes}
