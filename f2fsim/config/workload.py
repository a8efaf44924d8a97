"""Workloads: a model's layers, where their weights come from, and how they are compressed."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, PrivateAttr, ValidationError, model_validator

from f2fsim.config.conv_layer import Convolution
from f2fsim.config.graph import check_graph
from f2fsim.config.layer import (
    NARROW_TYPES,
    Layer,
    LinearLayer,
    LstmLayer,
    WeightTypeName,
)
from f2fsim.config.operation import AnyOperation
from f2fsim.config.pruning import AnyPruning, NmPruning, NoPruning, Quantisation
from f2fsim.config.quantity import ConfigModel, Name
from f2fsim.config.weight_source import (
    Activations,
    ExcludedOperation,
    FileWeights,
    Seed,
    SyntheticWeights,
)
from f2fsim.config.wording import RuleError
from f2fsim.config.yaml_file import NO_FILE, Document, model_problems
from f2fsim.errors import ConfigError, InputError, near_miss

#: Any layer, told apart by its ``op``.
AnyLayer = Annotated[LinearLayer | LstmLayer | Convolution, Field(discriminator="op")]


class Workload(ConfigModel):
    """A network as the machine sees it.

    Attributes
    ----------
    source : str
        Where the model's sizes come from.
    batch : int
        Samples at once.
    seed : int
        Of synthetic weights, random pruning and ties.
    weight_type : str
        Type of a weight on the machine.
    quantisation
        How real weights become integers.
    pruning
        Which weights are pruned, and how many.
    activations
        How many input activations are not zero.
    weights, synthetic
        Exactly one: a file with trained weights, or a distribution to draw them from.
    masks : FileWeights or None
        A file, or a folder of ``.smtx`` files, with the masks that layers name as ``mask``; nothing
        else is pruned then.
    layers : tuple of Layer
        In the order of execution, each with the workload's batch unless it has its own.
    operations : tuple of VectorOperation or Attention
        What stands between the layers; each is done as soon as the last of its inputs is there.
    excluded : tuple of ExcludedOperation
        What the model also does and this workload leaves out.
    """

    name: Name
    description: str = ""
    source: str = ""
    batch: Annotated[int, Field(ge=1, le=2**20)] = 1
    seed: Seed = 1
    weights: FileWeights | None = None
    synthetic: SyntheticWeights | None = None
    masks: FileWeights | None = None
    weight_type: WeightTypeName = "int8"
    quantisation: Quantisation = Quantisation()
    pruning: AnyPruning = NoPruning(method="none")
    activations: Activations = Activations()
    layers: Annotated[tuple[AnyLayer, ...], Field(strict=False, min_length=1, max_length=100_000)]
    operations: Annotated[tuple[AnyOperation, ...], Field(strict=False, max_length=100_000)] = ()
    excluded: Annotated[tuple[ExcludedOperation, ...], Field(strict=False)] = ()
    _folder: Path = PrivateAttr(default_factory=Path)
    _document: Document = PrivateAttr(NO_FILE)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.weights is None) == (self.synthetic is None):
            key = "weights" if self.weights is None else "synthetic"
            raise RuleError("exactly one of weights and synthetic must be given", key)
        seen: dict[str, int] = {}
        for i, layer in enumerate(self.layers):
            if layer.name in seen:
                rule = f"layer name {layer.name!r} is used twice (first in layer {seen[layer.name]}"
                raise RuleError(f"{rule}, counted from 0)", "layers", i, "name")
            seen[layer.name] = i
            if (layer.tensor is None) == (self.synthetic is None):
                rule = "needs a tensor" if layer.tensor is None else "cannot have a tensor"
                source = "a file" if self.synthetic is None else "a distribution"
                text = f"layer {layer.name!r} {rule}: the weights come from {source}"
                raise RuleError(text, "layers", i, "tensor")
            if layer.mask is not None and self.masks is None:
                text = f"layer {layer.name!r} names a mask: the workload needs a file of masks"
                raise RuleError(text, "layers", i, "mask")
        if self.masks is not None and all(layer.mask is None for layer in self.layers):
            raise RuleError("no layer names a mask of it", "masks")
        self._check_pruning()
        self._check_types()
        filled = tuple(
            layer if layer.batch else layer.model_copy(update={"batch": self.batch})
            for layer in self.layers
        )
        object.__setattr__(self, "layers", filled)
        check_graph(self.layers, self.operations, self.batch)
        return self

    def _check_types(self) -> None:
        """Refuse own weight types whose activations are not those of the other layers."""
        for i, layer in enumerate(self.layers):
            own = layer.weight_type or self.weight_type
            if own != self.weight_type and not {own, self.weight_type} <= set(NARROW_TYPES):
                text = (
                    f"layer {layer.name!r} cannot be {own} in a workload of {self.weight_type}: "
                    f"only types of 4 and 8 bits mix ({', '.join(NARROW_TYPES)})"
                )
                raise RuleError(text, "layers", i, "weight_type")

    def weight_type_of(self, layer: Layer) -> str:
        """Return the weight type of a layer: its own, or the workload's."""
        return layer.weight_type or self.weight_type

    @property
    def widest_weight_type(self) -> str:
        """The type of most bits among the layers: what multipliers are made for."""
        types = dict.fromkeys(self.weight_type_of(layer) for layer in self.layers)
        return max(types, key=lambda name: int(re.findall(r"\d+", name)[0]))

    def _check_pruning(self) -> None:
        """Refuse patterns that match no layer, and own sparsities that the method cannot give."""
        patterns = [*self.pruning.exclude, *(entry.match for entry in self.pruning.layers)]
        for pattern in patterns:
            if not any(fnmatchcase(layer.name, pattern) for layer in self.layers):
                near = near_miss(pattern, [layer.name for layer in self.layers])
                raise RuleError(f"the pattern {pattern!r} matches no layer{near}", "pruning")
        if self.masks is not None and not isinstance(self.pruning, NoPruning | NmPruning):
            text = (
                f"the masks of {self.masks.file!r} say what is pruned, the method must be none "
                f"(or nm, for a machine that needs it)"
            )
            raise RuleError(text, "pruning", "method")
        if isinstance(self.pruning, NmPruning):
            for i, layer in enumerate(self.layers):
                if layer.sparsity is not None:
                    text = f"layer {layer.name!r} cannot have a sparsity: n:m fixes it"
                    raise RuleError(text, "layers", i, "sparsity")

    @property
    def folder(self) -> Path:
        """Folder of the YAML file: relative weight files start here."""
        return self._folder

    def place(self, key: str) -> str:
        """Return where `key` stands, to begin a message: file and line if it is from a file."""
        if self._document.path == NO_FILE.path:
            return f"workload {self.name!r}: {key}"
        return self._document.place(tuple(key.split(".")))

    def layer_place(self, name: str) -> str:
        """Return where the layer called `name` stands, to begin a message."""
        for i, entry in enumerate(self._document.data.get("layers", ())):
            if entry.get("name") == name:
                return self._document.place(("layers", i))
        return f"workload {self.name!r}: layer {name!r}"

    @property
    def n_weights(self) -> int:
        """Weights of all layers."""
        return sum(layer.n_weights for layer in self.layers)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the whole workload, repeats included, as if dense."""
        return sum(layer.macs * layer.repeat for layer in self.layers)

    def layer(self, name: str) -> Layer:
        """Return the layer called `name`; `InputError` with the nearest name otherwise."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        near = near_miss(name, [layer.name for layer in self.layers])
        raise InputError(f"workload {self.name!r} has no layer {name!r}{near}")

    def layer_names(self, pattern: str) -> list[str]:
        """Return the layers of that name, or those that match it as a shell pattern.

        Raises
        ------
        InputError
            If there is none; with the nearest name.
        """
        names = [layer.name for layer in self.layers]
        found = [pattern] if pattern in names else [n for n in names if fnmatchcase(n, pattern)]
        return found or [self.layer(pattern).name]

    def with_folder(self, folder: Path) -> Self:
        """Return the same workload whose relative files start in `folder`."""
        copy = self.model_copy()
        copy._folder = folder
        return copy

    def with_overrides(
        self,
        *,
        sparsity: float | None = None,
        weight_type: str | None = None,
        batch: int | None = None,
        seed: int | None = None,
        pruning: dict[str, Any] | None = None,
        layers: list[str] | None = None,
    ) -> Self:
        """Return the workload with other values, validated like a file.

        Parameters
        ----------
        sparsity : float, optional
            Of all layers without an own value.  Where nothing was pruned before, magnitude
            pruning by layer.
        weight_type : str, optional
            Name of a weight type, of all layers.
        batch : int, optional
            Of all layers.
        seed : int, optional
            Of synthetic weights, random pruning and ties.
        pruning : dict, optional
            A whole ``pruning`` section; `sparsity` then changes this one.
        layers : list of str, optional
            Only these layers, by name or shell pattern (``blk.0.*``), as a chain; a global scope
            then ranks them alone.

        Raises
        ------
        ConfigError
            If a value is out of range or does not fit the pruning method.
        """
        data = self.model_dump()
        if layers is not None:
            wanted = {name for pattern in layers for name in self.layer_names(pattern)}
            # A selection is a chain of its own: what stood between its layers is left out.
            data["layers"] = [
                {**layer, "inputs": None} for layer in data["layers"] if layer["name"] in wanted
            ]
            data["operations"] = ()
            data["pruning"] = _for_layers(data["pruning"], wanted)
            if all(layer["mask"] is None for layer in data["layers"]):
                data["masks"] = None
        for key, value in (("weight_type", weight_type), ("batch", batch), ("seed", seed)):
            if value is not None:
                data[key] = value
        for layer in data["layers"]:
            # What is asked for all layers goes before what a layer has of its own.
            layer["batch"] = layer["batch"] if batch is None else None
            layer["weight_type"] = layer["weight_type"] if weight_type is None else None
        if pruning is not None:
            data["pruning"] = dict(pruning)
        if sparsity is not None:
            data["pruning"] = self._pruned_to(data["pruning"], sparsity)
        try:
            changed = type(self).model_validate(data).with_folder(self._folder)
            changed._document = self._document
            return changed
        except ValidationError as error:
            what = f"workload {self.name!r}"
            raise ConfigError(model_problems(what, error, type(self))) from None

    def in_pattern(self, n: int, m: int) -> Self:
        """Return the workload pruned N:M as a machine needs it: own methods of layers go.

        What the pruning excludes stays excluded, and a layer's mask holds before the pattern.
        """
        data = self.model_dump()
        data["pruning"] = {"method": "nm", "n": n, "m": m, "exclude": data["pruning"]["exclude"]}
        for layer in data["layers"]:
            layer["sparsity"] = layer["pruning"] = None
        changed = type(self).model_validate(data).with_folder(self._folder)
        changed._document = self._document
        return changed

    def _pruned_to(self, pruning: dict[str, Any], sparsity: float) -> dict[str, Any]:
        if pruning.get("method") == "none":
            return {**pruning, "method": "magnitude", "sparsity": sparsity}
        if pruning.get("method") == "nm":
            n, m = pruning.get("n", 0), pruning.get("m", 1)
            if abs(1 - n / m - sparsity) > 1e-9:
                raise ConfigError(
                    f"workload {self.name!r}: sparsity: {n}:{m} pruning fixes it to {1 - n / m:g}, "
                    f"got {sparsity}"
                )
            return pruning
        return {**pruning, "sparsity": sparsity}


def _for_layers(pruning: dict[str, Any], names: set[str]) -> dict[str, Any]:
    """Drop the patterns that match none of the layers left."""

    def matches(pattern: str) -> bool:
        return any(fnmatchcase(name, pattern) for name in names)

    exclude = [pattern for pattern in pruning["exclude"] if matches(pattern)]
    layers = [entry for entry in pruning["layers"] if matches(entry["match"])]
    return {**pruning, "exclude": exclude, "layers": layers}
