"""Conditional parts of an ONNX graph: which branch of each If runs at the sizes given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from f2fsim.workloads.onnx_graph import infer

#: Conditions worked out one after another; more than any exporter writes.
_MAX_ROUNDS = 16


def take_branches(path: Path, model: Any) -> list[tuple[str, Any, str]]:
    """Put the branch that runs in the place of each If, in place.

    A condition that the sizes decide (exporters ask for the rank or a dimension of a value) is
    worked out; of the others, which depend on the values of inputs, the then-branch is taken.
    Names are unique over an ONNX graph and its branches, so the nodes move as they are.

    Returns
    -------
    list of (str, GraphProto, str)
        The branches that are left out: name, graph, and why.
    """
    left_out: list[tuple[str, Any, str]] = []
    for rounds in range(_MAX_ROUNDS):
        open_ifs = [node for node in model.graph.node if node.op_type == "If"]
        if not open_ifs:
            break
        known = infer(path, model)[1] if rounds < _MAX_ROUNDS - 1 else {}
        chosen = {
            node.output[0]: bool(known[node.input[0]].any())
            for node in open_ifs
            if node.input[0] in known
        }
        if not chosen and rounds < _MAX_ROUNDS - 1:
            # What lies behind this one may decide the others.
            open_ifs = open_ifs[:1]
        if not chosen:
            left_out += _splice(model.graph, {n.output[0]: True for n in open_ifs}, guessed=True)
        else:
            left_out += _splice(model.graph, chosen, guessed=False)
    return left_out


def _splice(graph: Any, chosen: dict[str, bool], *, guessed: bool) -> list[tuple[str, Any, str]]:
    """Replace the Ifs whose first output is in `chosen` by their branch for that condition."""
    from onnx import helper

    left_out: list[tuple[str, Any, str]] = []
    nodes: list[Any] = []
    for node in graph.node:
        if node.op_type != "If" or node.output[0] not in chosen:
            nodes.append(node)
            continue
        branches = {a.name: a.g for a in node.attribute if a.HasField("g")}
        names = ("then_branch", "else_branch")
        taken, other = names if chosen[node.output[0]] else names[::-1]
        reason = "the then-branch is taken" if guessed else "is not taken at these sizes"
        left_out.append((f"{node.name or node.output[0]}.{other}", branches[other], reason))
        inside = branches[taken]
        graph.initializer.extend(inside.initializer)
        nodes += list(inside.node)
        for inner, outer in zip(inside.output, node.output, strict=True):
            nodes.append(helper.make_node("Identity", [inner.name], [outer]))
    copies = [type(node).FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)
    return left_out
