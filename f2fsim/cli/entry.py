"""Where the installed command starts: Ctrl-C while modules still load is no traceback either."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with its status."""
    try:
        from f2fsim.cli.main import main as run
    except KeyboardInterrupt:
        sys.stderr.write("f2fsim: interrupted before anything ran\n")
        sys.exit(130)
    run()
