"""How the Cython extensions are compiled: one place for directives and flags.

``F2FSIM_CHECKED=1`` in the environment of the build turns bounds checks and checks of unset
memory views on (checks for ``None`` cannot be compiled without the interpreter's lock);
``make test-checked`` runs the kernels' tests in that build.  The binaries are portable: no
``-march``.
"""

import os
from typing import Any

from setuptools.command.build import build
from setuptools.command.build_ext import build_ext

CHECKED = os.environ.get("F2FSIM_CHECKED", "0") not in ("", "0")

DIRECTIVES: dict[str, Any] = {
    "language_level": 3,
    "boundscheck": CHECKED,
    "wraparound": False,
    "initializedcheck": CHECKED,
    "cdivision": True,
    "embedsignature": True,
    "freethreading_compatible": False,
}


class Build(build):
    """Setuptools' ``build`` with a folder of its own for the checked build.

    What is built is compared by time only: in one folder each build would take the other's files.
    """

    def initialize_options(self) -> None:
        super().initialize_options()
        if CHECKED:
            self.build_base = "build/checked"


class BuildExt(build_ext):
    """Setuptools' ``build_ext`` with this project's Cython directives and C flags."""

    def finalize_options(self) -> None:
        super().finalize_options()
        self.cython_directives = dict(DIRECTIVES)
        self.cython_c_in_temp = CHECKED
        self.parallel: int | None = os.cpu_count()
        for extension in self.extensions:
            extension.extra_compile_args = [
                "-O1" if CHECKED else "-O3",
                "-fno-strict-aliasing",
                *extension.extra_compile_args,
            ]
            extension.define_macros = [
                *extension.define_macros,
                ("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION"),
            ]
