"""Blocks of a decoder in small: norms, attention over a KV cache, gated feed-forward, residuals."""

from __future__ import annotations

from typing import Any

from f2fsim.config.workload import Workload


def small_llama(
    n_blocks: int = 1,
    *,
    width: int = 32,
    hidden: int = 48,
    n_heads: int = 4,
    kv_heads: int = 2,
    n_tokens: int = 1,
    context: int = 7,
    kv_type: str = "int8",
    batch: int = 1,
    causal: bool = True,
) -> Workload:
    """Return decoder blocks with the geometry of LLaMA, on a few values."""
    layers: list[dict[str, Any]] = []
    operations: list[dict[str, Any]] = []
    head = width // n_heads
    source = "input"

    def linear(name: str, n_in: int, n_out: int, *inputs: str) -> None:
        layers.append(
            {
                "name": name, "op": "linear", "in_features": n_in, "out_features": n_out,
                "n_tokens": n_tokens, "inputs": list(inputs),
            }
        )  # fmt: skip

    def vector(name: str, op: str, *inputs: str, **more: Any) -> None:
        operations.append({"name": name, "op": op, "inputs": list(inputs), **more})

    for block in range(n_blocks):
        b = f"{block}."
        vector(f"{b}norm1", "normalise", source, values=width * n_tokens)
        linear(f"{b}q", width, width, f"{b}norm1")
        linear(f"{b}k", width, kv_heads * head, f"{b}norm1")
        linear(f"{b}v", width, kv_heads * head, f"{b}norm1")
        operations.append(
            {
                "name": f"{b}attention", "op": "attention", "inputs": [f"{b}q", f"{b}k", f"{b}v"],
                "n_heads": n_heads, "kv_heads": kv_heads, "head_size": head,
                "n_tokens": n_tokens, "context": context, "kv_type": kv_type, "causal": causal,
            }
        )  # fmt: skip
        linear(f"{b}o", width, width, f"{b}attention")
        vector(f"{b}add1", "add", f"{b}o", source, values=width * n_tokens)
        vector(f"{b}norm2", "normalise", f"{b}add1")
        linear(f"{b}gate", width, hidden, f"{b}norm2")
        linear(f"{b}up", width, hidden, f"{b}norm2")
        vector(f"{b}silu", "activation", f"{b}gate")
        vector(f"{b}product", "multiply", f"{b}up", f"{b}silu")
        linear(f"{b}down", hidden, width, f"{b}product")
        vector(f"{b}add2", "add", f"{b}down", f"{b}add1")
        source = f"{b}add2"
    return Workload.model_validate(
        {
            "name": "small llama",
            "synthetic": {"distribution": "normal"},
            "pruning": {"method": "magnitude", "sparsity": 0.5},
            "batch": batch,
            "layers": layers,
            "operations": operations,
        }
    )
