"""What a network does beside its products by weights: vector operations and attention.

Owns their sizes; the layers that they stand between are in `f2fsim.config.layer`.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from f2fsim.config.quantity import ConfigModel, Count, Name

#: What a node of the graph may name as an input beside other nodes: the input of the network.
NETWORK_INPUT = "input"

Names = Annotated[tuple[Name, ...], Field(strict=False, min_length=1, max_length=10_000)]
VectorName = Literal[
    "activation",
    "add",
    "average_pool",
    "concat",
    "max_pool",
    "multiply",
    "normalise",
    "requantise",
    "select",
    "softmax",
]
#: Types in which a KV cache may lie in memory.
KvType = Literal["int4", "int8", "fp16", "bf16"]
KV_BITS = {"int4": 4, "int8": 8, "fp16": 16, "bf16": 16}


class VectorOperation(ConfigModel):
    """Element-wise work, pooling, normalisation, softmax, joining and selecting.

    Attributes
    ----------
    name : str
        Unique among layers and operations.
    op : str
        ``select`` moves a part or an enlargement of its input (slices, gathers, resizing, padding);
        ``concat`` puts its inputs side by side, which costs nothing.
    inputs : tuple of str
        Layers, operations or ``input``.
    values : int or None
        Values that it makes a sample; None: as many as its first input has (``concat``: as all
        have).
    window : int
        Values that each output of a pooling is made from.
    """

    name: Name
    op: VectorName
    inputs: Names
    values: Count | None = None
    window: Count = 1

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.window != 1 and not self.op.endswith("_pool"):
            raise ValueError(f"window has no meaning for {self.op}")
        if len(self.inputs) > 1 and self.op not in ("add", "multiply", "concat"):
            raise ValueError(f"inputs must be one for {self.op}, got {len(self.inputs)}")
        if len(self.inputs) < 2 and self.op == "concat":
            raise ValueError("inputs must be two or more for concat")
        return self


class Attention(ConfigModel):
    """Scaled dot-product attention: scores, softmax and context, over a KV cache in memory.

    Attributes
    ----------
    name : str
        Unique among layers and operations.
    inputs : tuple of str
        Where queries, keys and values of the new tokens come from.
    n_heads, kv_heads, head_size : int
        Query heads, heads of keys and values (None: as many), and values of each.
    n_tokens : int
        New tokens of a sample: 1 for decoding, those of the prompt for prefill.
    context : int
        Tokens that are in the cache already.
    causal : bool
        Whether a new token sees only itself and those before it.
    kv_type : str
        Type of keys and values in the cache.
    """

    name: Name
    op: Literal["attention"]
    inputs: Annotated[tuple[Name, ...], Field(strict=False, min_length=3, max_length=3)]
    n_heads: Count
    kv_heads: Count | None = None
    head_size: Count
    n_tokens: Count = 1
    context: Annotated[int, Field(ge=0, le=2**31)] = 0
    causal: bool = True
    kv_type: KvType = "bf16"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.n_heads % self.n_kv_heads:
            raise ValueError(
                f"n_heads must be a multiple of kv_heads ({self.n_kv_heads}), got {self.n_heads}"
            )
        return self

    @property
    def n_kv_heads(self) -> int:
        """Heads of keys and values."""
        return self.kv_heads or self.n_heads

    @property
    def query_values(self) -> int:
        """Values of the queries, and of the result, a sample."""
        return self.n_tokens * self.n_heads * self.head_size

    @property
    def kv_values(self) -> int:
        """Values of the new keys, and of the new values, a sample."""
        return self.n_tokens * self.n_kv_heads * self.head_size

    @property
    def n_pairs(self) -> int:
        """Pairs of a new token and one that it sees, a head and a sample."""
        if not self.causal:
            return self.n_tokens * (self.context + self.n_tokens)
        return self.n_tokens * self.context + self.n_tokens * (self.n_tokens + 1) // 2

    @property
    def macs(self) -> int:
        """Multiply-accumulates of scores and context, a sample."""
        return 2 * self.n_pairs * self.n_heads * self.head_size

    @property
    def cache_read_bits(self) -> int:
        """Bits of keys and values that are read from the cache, a sample."""
        return 2 * self.context * self.n_kv_heads * self.head_size * KV_BITS[self.kv_type]

    @property
    def cache_written_bits(self) -> int:
        """Bits of keys and values that are appended to the cache, a sample."""
        return 2 * self.kv_values * KV_BITS[self.kv_type]


AnyOperation = Annotated[VectorOperation | Attention, Field(discriminator="op")]
