"""Programs that tests of real parts need: marker ``needs(program)``.

A missing program is told at the end of the run with the command that installs it, never passed
over in silence; with ``F2FSIM_ALL_TOOLS`` set (as ``.ci/run`` does) such a test fails instead, and
hypothesis tries the same examples in every run: what it finds anew is for those who develop.
"""

import os
import shutil
import signal

import pytest
from hypothesis import settings

settings.register_profile("same", derandomize=True)
if os.environ.get("F2FSIM_ALL_TOOLS"):
    settings.load_profile("same")

# A shell lets its background jobs ignore Ctrl-C, and so would every program that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

#: Debian package of each program.
PACKAGES = {
    "iverilog": "iverilog",
    "verilator": "verilator",
    "yosys": "yosys",
    "chromium": "chromium",
    "chromedriver": "chromium-driver",
}

missing: dict[str, int] = {}


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Skip or fail a test whose programs are not installed."""
    for marker in item.iter_markers("needs"):
        for program in marker.args:
            if shutil.which(program):
                continue
            text = f"{program} is not installed: apt-get install {PACKAGES[program]}"
            if os.environ.get("F2FSIM_ALL_TOOLS"):
                pytest.fail(text, pytrace=False)
            pytest.skip(text)


def pytest_runtest_logreport(report):
    """Count tests that did not run for want of a program."""
    if report.skipped and isinstance(report.longrepr, tuple | list):
        reason = str(report.longrepr[2]).removeprefix("Skipped: ")
        if " is not installed: " in reason:
            missing[reason] = missing.get(reason, 0) + 1


def pytest_terminal_summary(terminalreporter):
    """Say which tests did not run, and why."""
    for reason, n in missing.items():
        terminalreporter.write_line(f"NOT RUN: {n} tests: {reason}", yellow=True)
