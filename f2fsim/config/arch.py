"""Architectures: memory, weight front end, PE array, scratchpad and clocks.

Owns the YAML form of a machine and the rules that its parts must keep together; what the parts do
in time is in ``f2fsim/hw``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self, Union

from pydantic import Field, PrivateAttr, ValidationError, model_validator

from f2fsim.config.cost import load_cost_table
from f2fsim.config.dram import DramSpec
from f2fsim.config.dram_preset import load_dram
from f2fsim.config.front_end import AnyFrontEnd, FrontEnd
from f2fsim.config.pe_array import AnyPeArray, LanesArray, PeArray
from f2fsim.config.quantity import Bytes, ConfigModel, Hertz
from f2fsim.config.shipped_or_own import load_shipped_or_own
from f2fsim.config.wording import RuleError
from f2fsim.config.yaml_file import NO_FILE, Document, model_problems, validate
from f2fsim.errors import ConfigError, InputError, choices, near_miss
from f2fsim.sharing import shared
from f2fsim.units import ticks_per_second


class Memory(ConfigModel):
    """The DRAM behind the machine.

    Attributes
    ----------
    preset : str
        A shipped DRAM preset by name, or a YAML file by its path.
    n_channels : int or None
        Channels in place of the preset's own number.
    refresh : bool
        Whether refresh is simulated.
    """

    preset: Annotated[str, Field(min_length=1)]
    n_channels: Annotated[int, Field(ge=1, le=64)] | None = None
    refresh: bool = True


class Scratchpad(ConfigModel):
    """On-chip memory for activations, finished outputs and held weights.

    Attributes
    ----------
    capacity : bytes
        All of it; what does not fit is tiled and fetched again.
    n_banks, bank_bytes_per_cycle
        Banks, and what each reads or writes a cycle.
    double_buffered : bool
        Whether the next tile is loaded, and the last one written, while one is worked on.
    """

    capacity: Bytes
    n_banks: Annotated[int, Field(ge=1, le=4096)] = 16
    bank_bytes_per_cycle: Annotated[int, Field(ge=1, le=1024)] = 8
    double_buffered: bool = True


class Streams(ConfigModel):
    """The stream engines that fetch ahead.

    Attributes
    ----------
    prefetch : bytes
        Buffer of each stream.
    requests_per_cycle : int
        Bursts that may be requested in a core cycle.
    """

    prefetch: Bytes
    requests_per_cycle: Annotated[int, Field(ge=1, le=64)] = 4


class VectorUnit(ConfigModel):
    """What does element-wise work, pooling, normalisation and softmax in a network's run.

    Attributes
    ----------
    lanes : int
        Operations on values a cycle.
    """

    lanes: Annotated[int, Field(ge=1, le=65536)]


class ArchConfig(ConfigModel):
    """A machine.

    Attributes
    ----------
    clock : hertz
        Clock of everything but the memory.
    memory, front_end, pe_array, scratchpad, streams
        The machine's parts, each a section of its own.
    schedule : str
        ``input_stationary`` (activations of a column tile stay, weights are streamed for each),
        ``weight_stationary`` (encoded weights of a row band stay, activations are streamed for
        each), or ``auto``: the faster one, predicted, and tried in small layers (``predicted``: no
        trials; ``exhaustive``: every plan is run).
    cost_table : str
        Energy and area table.
    cores : int
        Cores that share the memory in a network's run, each with all that stands here.
    vector : VectorUnit or None
        The vector unit; without one its work takes no time and no energy, and results say so.
    """

    name: Annotated[str, Field(min_length=1, max_length=100)]
    description: str = ""
    clock: Hertz
    memory: Memory
    front_end: AnyFrontEnd
    pe_array: AnyPeArray
    scratchpad: Scratchpad
    streams: Streams
    schedule: Literal[
        "auto", "predicted", "exhaustive", "input_stationary", "weight_stationary"
    ] = "auto"
    cost_table: Annotated[str, Field(min_length=1)] = "nangate45"
    vector: VectorUnit | None = None
    cores: Annotated[int, Field(ge=1, le=64)] = 1
    _document: Document = PrivateAttr(NO_FILE)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        feeds, array = self.front_end.feeds, self.pe_array.kind
        if array not in feeds:
            raise RuleError(
                f"must be {' or '.join(feeds)} for a {self.front_end.kind} front end, "
                f"got {array!r}",
                "pe_array",
                "kind",
            )
        lanes = self.pe_array
        if isinstance(lanes, LanesArray) and lanes.shared_reads and self._reads_wide(lanes):
            raise RuleError(
                "must be false for lanes that read neighbouring columns (they have no requests): "
                f"{self.front_end.kind} front end, zeros: {lanes.zeros}",
                "pe_array",
                "shared_reads",
            )
        return self

    def _reads_wide(self, lanes: LanesArray) -> bool:
        return self.front_end.brings_neighbours or lanes.zeros != "skip"

    def place(self, key: str) -> str:
        """Return where `key` stands, to begin a message: file and line if it is from a file."""
        if self._document.path == NO_FILE.path:
            return f"architecture {self.name!r}: {key}"
        return self._document.place(tuple(key.split(".")))

    def located(self, error: ConfigError) -> ConfigError:
        """Return an error of the codec, which begins with a parameter, with that key's place."""
        key, _, rule = str(error).partition(": ")
        if key in type(self.front_end).model_fields:
            return ConfigError(f"{self.place(f'front_end.{key}')}: {rule}")
        return ConfigError(f"{self.place('front_end')}: {error}")

    @property
    def format(self) -> str:
        """Name of the weight format that the front end reads."""
        return self.front_end.kind

    def dram(self) -> DramSpec:
        """Return the memory's full specification.

        Raises
        ------
        ConfigError
            If there is no such preset, or its clock and the machine's have no common tick.
        """
        try:
            spec = load_dram(self.memory.preset)
        except ConfigError as error:
            raise ConfigError(f"{self.place('memory.preset')}: {error}") from None
        return shared(spec, (self.memory, self.clock), lambda: self._dram(spec))

    def _dram(self, spec: DramSpec) -> DramSpec:
        """Return a preset with what this machine has of its own."""
        try:
            ticks_per_second([self.clock, spec.timing.clock])
        except ValueError as error:
            raise ConfigError(f"{self.place('clock')}: {error}") from None
        organisation, controller = spec.organisation, spec.controller
        if self.memory.n_channels is not None:
            organisation = organisation.model_copy(update={"channels": self.memory.n_channels})
        if not self.memory.refresh:
            controller = controller.model_copy(update={"refresh": "off"})
        parts = {name: getattr(spec, name) for name in type(spec).model_fields}
        parts |= {"organisation": organisation, "controller": controller}
        try:
            return DramSpec(**parts)
        except ValidationError as error:
            raise ConfigError(model_problems(self.place("memory"), error, DramSpec)) from None

    def with_values(self, values: dict[str, Any]) -> Self:
        """Return the architecture with other values at dotted key paths, validated like a file.

        Parameters
        ----------
        values : dict
            Such as ``{"front_end.n_out": 40, "scratchpad.capacity": "1 MiB"}``; quantities are
            strings with units or plain integers in the base unit.

        Raises
        ------
        ConfigError
            If a path does not exist or a value breaks a rule.
        """
        data = self.model_dump(mode="json")
        for path, value in values.items():
            _set(data, path, value, self.name)
        try:
            return type(self).model_validate(_with_units(data))
        except ValidationError as error:
            what = f"architecture {self.name!r}"
            raise ConfigError(model_problems(what, error, type(self))) from None


def accept_front_end(model: type[FrontEnd]) -> None:
    """Let architectures name a front end of this model, beside the shipped ones."""
    _accept("front_end", model)


def accept_pe_array(model: type[PeArray]) -> None:
    """Let architectures name a PE array of this model, beside the shipped ones."""
    _accept("pe_array", model)


def _accept(key: str, model: type[ConfigModel]) -> None:
    field = ArchConfig.model_fields[key]
    field.annotation = Union[field.annotation, model]  # type: ignore[assignment]  # noqa: UP007
    ArchConfig.model_rebuild(force=True)


def _set(data: dict[str, Any], path: str, value: Any, name: str) -> None:
    *folders, last = path.split(".")
    at = data
    for key in folders:
        inner = at.get(key)
        if inner is None and key in at:  # a section that the machine may have: the model checks it
            at[key] = {last: value}
            return
        if not isinstance(inner, dict):
            raise ConfigError(
                f"architecture {name!r}: {path}: no key {key!r}{near_miss(key, at)}; "
                f"known: {choices(at)}"
            )
        at = inner
    if last not in at:
        raise ConfigError(
            f"architecture {name!r}: {path}: no key {last!r}{near_miss(last, at)}; "
            f"known: {choices(at)}"
        )
    at[last] = value


def _with_units(data: dict[str, Any]) -> dict[str, Any]:
    """Write integers of quantities as strings with their base unit, as a file would have them."""
    for path, unit in (
        (("clock",), "Hz"),
        (("scratchpad", "capacity"), "B"),
        (("streams", "prefetch"), "B"),
        (("pe_array", "accumulators", "capacity"), "B"),
        (("pe_array", "strip_buffer"), "B"),
    ):
        at = data
        for key in path[:-1]:
            at = at.get(key, {})
        if isinstance(at.get(path[-1]), int):
            at[path[-1]] = f"{at[path[-1]]} {unit}"
    return data


def load_arch(name_or_path: str | Path) -> ArchConfig:
    """Load an architecture: a shipped one by its name, or a YAML file by its path.

    Raises
    ------
    ConfigError
        If there is no such file or name, or the file breaks a rule (each with its line).
    """
    document = load_shipped_or_own(name_or_path, "arch_configs")
    arch = validate(ArchConfig, document)
    arch._document = document
    spec = arch.dram()
    try:
        table = load_cost_table(arch.cost_table)
    except ConfigError as error:
        raise ConfigError(f"{arch.place('cost_table')}: {error}") from None
    if spec.power is None:
        try:
            table.dram(spec.standard)
        except InputError as error:
            raise ConfigError(
                f"{arch.place('memory.preset')}: {arch.memory.preset} has no power, and its "
                f"standard no energy: {error}"
            ) from None
    return arch
