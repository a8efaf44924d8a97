"""Pydantic types of quantities with units, and the base of every configuration model."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from f2fsim import units
from f2fsim.config.described import key_descriptions, summary


def _bytes(value: Any) -> int:
    return units.parse_bytes(_text(value, "size such as '64 KiB'"))


def _hz(value: Any) -> int:
    return units.parse_hz(_text(value, "frequency such as '1.2 GHz'"))


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be a {what} (number and unit), got {value!r}")
    return value


def _schema(example: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "examples": [example]})


#: Bytes, written as ``64 KiB``.
Bytes = Annotated[int, BeforeValidator(_bytes), Field(gt=0, lt=2**48), _schema("64 KiB")]
#: Hertz, written as ``1.2 GHz``.
Hertz = Annotated[int, BeforeValidator(_hz), Field(gt=0, le=100 * 10**9), _schema("1.2 GHz")]

#: How many of something there are.
Count = Annotated[int, Field(ge=1, le=2**31)]
#: A part of a whole.
Share = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
#: Converters of TensorFlow models join the names of all fused operators.
Name = Annotated[str, Field(min_length=1, max_length=10_000)]


class ConfigModel(BaseModel):
    """Base of configuration models: frozen, strict, no unknown keys, with a digest.

    Quantities parse from strings and are kept as integers; numbers are never read from strings.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, validate_default=True)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return the schema with the docstring's words at each key."""
        schema = handler(core_schema)
        described = handler.resolve_ref_schema(schema)
        described["description"] = summary(cls)
        words = key_descriptions(cls)
        for key, value in described.get("properties", {}).items():
            if key in words:
                value["description"] = words[key]
        return schema

    def digest(self) -> str:
        """Return the SHA-256 of the validated content: equal meaning, equal digest."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()
