"""Options that several commands share: one definition, one wording."""

from __future__ import annotations

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]
Csv = Annotated[bool, typer.Option("--csv", help="CSV on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No tables, no progress, no remarks.")]
Objectives = Annotated[
    list[str] | None,
    typer.Option("--objective", help="Figure to judge by (may be repeated): seconds, column:max …"),
]
