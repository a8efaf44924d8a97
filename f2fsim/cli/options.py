"""Options and arguments that several commands share: one definition, one wording.

What means the same has the same name, the same words, its unit as the placeholder of its value and
a default in words where it is not a number (`tests/cli/test_cli_even.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from f2fsim import shipped
from f2fsim.engine import ENGINES
from f2fsim.errors import InputError

if TYPE_CHECKING:
    from f2fsim.config.arch import ArchConfig


def shipped_names(kind: str, sub: str = "") -> Callable[[str], list[str]]:
    """Return what completes a name in the shell: shipped files of `kind`, in `sub` below it."""

    def complete(incomplete: str) -> list[str]:
        return [name for name in shipped.names(kind, sub) if name.startswith(incomplete)]

    return complete


ARCHS = shipped_names("arch_configs")
WORKLOADS = shipped_names("workloads")
PRESETS = shipped_names("arch_configs", "dram")

MaskFile = Annotated[
    Path | None,
    typer.Option(
        "--mask",
        metavar="FILE",
        show_default="none",
        help="Masks of the weights, each called as its tensor or layer; 0 is pruned.",
    ),
]

WorkloadName = Annotated[
    str, typer.Argument(help="Shipped workload or YAML file.", autocompletion=WORKLOADS)
]
Sparsity = Annotated[
    float | None,
    typer.Option(
        "--sparsity",
        "-s",
        metavar="SHARE",
        min=0.0,
        max=1.0,
        show_default="the workload's own",
        help="Share of the weights that is pruned, 0 to 1.",
    ),
]
WeightType = Annotated[
    str | None,
    typer.Option(
        "--weight-type",
        "--dtype",
        "-d",
        metavar="TYPE",
        show_default="the workload's own",
        help="Weight type: int8, int4, uint8, uint4, fp16, bf16 or fp32.",
    ),
]
Batch = Annotated[
    int | None,
    typer.Option(
        metavar="SAMPLES", min=1, show_default="the workload's own", help="Samples at once."
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        metavar="SEED",
        min=0,
        show_default="the workload's own",
        help="Seed of pruning and of synthetic weights.",
    ),
]
Layers = Annotated[
    list[str] | None,
    typer.Option(
        "--layer",
        metavar="PATTERN",
        show_default="all",
        help="Only layers of this name or shell pattern (may be repeated).",
    ),
]
Isolated = Annotated[
    bool,
    typer.Option(
        "--isolated", help="Run each layer by itself, from DRAM to DRAM, not the whole network."
    ),
]
Residency = Annotated[
    list[str] | None,
    typer.Option(
        metavar="auto | none | NAME",
        show_default="auto",
        help="Tensors that stay in the scratchpad (a name may be repeated).",
    ),
]
Context = Annotated[
    int | None,
    typer.Option(
        metavar="TOKENS",
        min=0,
        show_default="the workload's own",
        help="Tokens in the KV caches before the run.",
    ),
]
KvType = Annotated[
    str | None,
    typer.Option(
        metavar="TYPE",
        show_default="the workload's own",
        help="Type of the KV caches: int4, int8, fp16 or bf16.",
    ),
]
Engine = Annotated[
    str, typer.Option(metavar="NAME", help=f"One of {', '.join(ENGINES)}; same counters.")
]
Archs = Annotated[
    list[str], typer.Argument(help="Architectures, one or more.", autocompletion=ARCHS)
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        show_default="the files' own",
        help="A key of every architecture and its value (may be repeated).",
    ),
]
Functional = Annotated[
    bool,
    typer.Option("--functional", help="Let values flow too; compare every output with NumPy's."),
]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Encode afresh, keep nothing.")]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        metavar="FOLDER",
        show_default="nothing is written",
        help="Folder for results, tables and manifest.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]
Csv = Annotated[bool, typer.Option("--csv", help="CSV on stdout.")]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet", "-q", help="Print nothing but errors and what --json and --csv ask for."
    ),
]
Objectives = Annotated[
    list[str] | None,
    typer.Option(
        "--objective",
        metavar="FIGURE",
        show_default="the specification's",
        help="Figure to judge by (may be repeated): seconds, column:max …",
    ),
]


def residency_policy(residency: list[str] | None) -> str | list[str]:
    """Return the policy that ``--residency`` states: one word, or names of tensors."""
    if not residency:
        return "auto"
    if len(residency) == 1 and residency[0] in ("auto", "none"):
        return residency[0]
    return residency


def machines(names: list[str], settings: list[str] | None) -> list[str] | list[ArchConfig]:
    """Return the architectures, with what ``--set`` says in place of their own values.

    Raises
    ------
    InputError
        If a setting is no key and value, a key is given twice, or a machine refuses it.
    """
    from f2fsim.config.arch import load_arch
    from f2fsim.config.axis import parse_setting

    if not settings:
        return names
    pairs = [parse_setting(text) for text in settings]
    values = dict(pairs)
    if len(values) != len(pairs):
        raise InputError("--set: a key is given twice")
    return [load_arch(name).with_values(values) for name in names]
