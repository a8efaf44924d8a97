"""Options and arguments that several commands share: one definition, one wording."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from f2fsim import shipped


def shipped_names(kind: str, sub: str = "") -> Callable[[str], list[str]]:
    """Return what completes a name in the shell: shipped files of `kind`, in `sub` below it."""

    def complete(incomplete: str) -> list[str]:
        return [name for name in shipped.names(kind, sub) if name.startswith(incomplete)]

    return complete


ARCHS = shipped_names("arch_configs")
WORKLOADS = shipped_names("workloads")
PRESETS = shipped_names("arch_configs", "dram")

WorkloadName = Annotated[
    str, typer.Argument(help="Shipped workload or YAML file.", autocompletion=WORKLOADS)
]
Json = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]
Csv = Annotated[bool, typer.Option("--csv", help="CSV on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No tables, no progress, no remarks.")]
Objectives = Annotated[
    list[str] | None,
    typer.Option("--objective", help="Figure to judge by (may be repeated): seconds, column:max …"),
]
