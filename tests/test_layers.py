"""The layering of the package: who may import whom, and which third-party module may be where."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "f2fsim"

# Lower layers first; a module imports its own layer and lower ones only.
ORDER = [
    {"errors", "units", "sharing", "_version", "_build_ext"},
    {"whole_file"},
    {"bits", "results", "shipped"},
    {"codec", "cost"},
    {"config"},
    {"workloads"},
    {"analytic"},
    {"mapping"},
    {"hw"},
    {"engine"},
    {"scheduling"},
    {"network"},
    {"pipeline", "rtl"},
    {"explore"},
    {"report"},
    {"cli"},
]

ALLOWED = {
    "simpy": {"hw", "engine"},
    "yaml": {"config"},
    "pydantic": {"config"},
    "pydantic_core": {"config"},
    "matplotlib": {"report"},
    "plotly": {"report"},
    "jinja2": {"report"},
    "optuna": {"explore"},
    "dask": {"explore"},
    "distributed": {"explore"},
    "multiprocessing": {"explore"},
    "typer": {"cli"},
    "rich": {"cli"},
    "onnx": {"workloads", "codec"},
    "safetensors": {"workloads", "codec"},
    "pickle": set(),
}


def layer_of(top: str) -> int:
    for number, names in enumerate(ORDER):
        if top in names:
            return number
    raise AssertionError(f"f2fsim/{top} has no layer")


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            if node.module == "f2fsim":
                yield from (f"f2fsim.{alias.name}" for alias in node.names)
            else:
                yield node.module


def top_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_only_lower_layers(path: Path) -> None:
    mine = top_of(path)
    for name in imports(path):
        parts = name.split(".")
        if parts[0] != "f2fsim" or len(parts) == 1 or parts[1].startswith("__"):
            continue
        assert parts[1] == mine or layer_of(parts[1]) < layer_of(mine), f"{path} imports {name}"


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_third_party_modules_stay_in_their_layer(path: Path) -> None:
    for name in imports(path):
        third = name.split(".")[0]
        assert top_of(path) in ALLOWED.get(third, {top_of(path)}), f"{path} imports {third}"


def test_the_check_sees_a_violation(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("from f2fsim.cli import console\nimport simpy\n")
    assert list(imports(bad)) == ["f2fsim.cli", "simpy"]
    assert layer_of("cli") > layer_of("codec")


def test_every_package_is_installed() -> None:
    named = set(
        tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    )
    tree = {".".join(path.parent.relative_to(ROOT).parts) for path in PACKAGE.rglob("__init__.py")}
    data = {
        "f2fsim.shipped.arch_configs",
        "f2fsim.shipped.arch_configs.dram",
        "f2fsim.shipped.duels",
        "f2fsim.shipped.workloads",
    }
    assert named - data == tree


def test_every_extension_is_built() -> None:
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"][
        "ext-modules"
    ]
    sources = {source for entry in table for source in entry["sources"]}
    kernels = {str(path.relative_to(ROOT)) for path in PACKAGE.rglob("*.pyx")}
    assert kernels <= sources
    for kernel in kernels:
        stub = (ROOT / kernel).with_suffix(".pyi")
        assert stub.exists(), f"{kernel} has no {stub.name}"
        assert "# cython:" not in (ROOT / kernel).read_text(), "directives live in _build_ext.py"


def test_every_data_file_matches_a_pattern() -> None:
    """What is not Python must be named in package-data, or a wheel lacks it."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    patterns = settings["package-data"]["*"]
    packages = {ROOT.joinpath(*name.split(".")) for name in settings["packages"]}
    ignored = {".py", ".so", ".c", ".pyc"}
    for path in PACKAGE.rglob("*"):
        if path.is_dir() or path.suffix in ignored:
            continue
        owner = next(folder for folder in path.parents if folder in packages)
        assert any(path.relative_to(owner).match(p) for p in patterns), path


def graph() -> dict[str, set[str]]:
    """Return who imports whom, at whatever place and for whatever purpose, module by module."""
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in modules()}
    names = {name.removesuffix(".__init__"): path for name, path in names.items()}
    kernels = {path.relative_to(ROOT).with_suffix("") for path in PACKAGE.rglob("*.pyx")}
    known = names.keys() | {".".join(kernel.parts) for kernel in kernels}
    found: dict[str, set[str]] = {}
    for name, path in names.items():
        of: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                within = {f"{node.module}.{alias.name}" for alias in node.names}
                # A name of a package is its submodule if there is one, else it is from __init__.
                of |= {one if one in known else node.module for one in within}
            elif isinstance(node, ast.Import):
                of |= {alias.name for alias in node.names}
        found[name] = (of & names.keys()) - {name}
    return found


def test_no_module_imports_itself_by_way_of_others() -> None:
    """Neither at the top, nor in a function, nor for types only."""
    uses = graph()
    assert uses["f2fsim.cli.main"]
    gone: set[str] = set()
    while free := {name for name in uses if name not in gone and uses[name] <= gone}:
        gone |= free
    # Results show, save and load themselves: methods that call the modules written for them.
    of_results = {name for name in uses if name.startswith("f2fsim.results.")} | {"f2fsim.results"}
    gone |= of_results
    while free := {name for name in uses if name not in gone and uses[name] <= gone}:
        gone |= free
    left = {name: sorted(uses[name] - gone) for name in uses if name not in gone}
    assert left == {}


def test_nobody_imports_the_package_from_within() -> None:
    """The package's own names are for users: a layer takes what it needs from its owner."""
    for path in modules():
        assert "f2fsim" not in set(imports(path)), path
