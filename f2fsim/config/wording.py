"""Words for broken rules: what pydantic found, as a rule with the value that broke it.

Owns the text after ``key.path:`` in every configuration error, and which key a rule between several
keys belongs to.  Knows no file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from f2fsim.errors import near_miss

Location = tuple[str | int, ...]

#: What starts the message of a rule between keys: one of the keys, alone or as ``section.key:``.
_NAMED_KEY = re.compile(r"([A-Za-z_]\w*(?:\.\w+)*)(: | (?=must |needs |cannot ))?")

#: Pydantic's types of errors that name no value of ours, or whose rule has it already.
_NO_VALUE = frozenset(("value_error", "union_tag_not_found", "missing", "extra_forbidden"))


class RuleError(ValueError):
    """A broken rule between keys, at one of them: its path below the model that checks it."""

    def __init__(self, rule: str, *key: str | int) -> None:
        super().__init__(rule)
        self.key = key


def problems(details: Sequence[ErrorDetails], model: type[BaseModel]) -> list[tuple[Location, str]]:
    """Return the place and the broken rule of each error of a validation.

    Parameters
    ----------
    details : sequence of ErrorDetails
        ``ValidationError.errors()``.
    model : type
        The model that was validated, for the keys that an unknown one may have meant.
    """
    found = []
    for detail in details:
        place: Location = detail["loc"]
        if detail["type"] == "too_short" and _is_consequence(place, details):
            continue
        rule = _rule(detail)
        if detail["type"] == "extra_forbidden":
            known = known_keys(model, place[:-1])
            rule = f"unknown key{near_miss(str(place[-1]), known)}"
            if known:
                rule += f"; known: {', '.join(sorted(known))}"
        elif detail["type"] == "value_error":
            key, rule = _named_key(detail, rule)
            place = (*place, *key)
        elif detail["type"].startswith("union_tag"):
            place = (*place, str(detail["ctx"]["discriminator"]).strip("'"))
        found.append((_without_tags(place, model), rule))
    return found


def _is_consequence(place: Location, details: Sequence[ErrorDetails]) -> bool:
    """Whether a list is too short only because its items were refused."""
    return any(
        len(other["loc"]) > len(place) and other["loc"][: len(place)] == place for other in details
    )


def _rule(detail: ErrorDetails) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "missing":
        return "key is required"
    if kind == "union_tag_not_found":
        return "key is required"
    if kind == "union_tag_invalid":
        known = re.findall(r"'([^']*)'", context["expected_tags"])
        given = detail["input"][str(context["discriminator"]).strip("'")]
        near = near_miss(given, known) if isinstance(given, str) else ""
        return f"must be one of {', '.join(known)}{near}, got {short(given)}"
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return f"must be a mapping of keys to values, got {short(detail['input'])}"
    if kind in ("tuple_type", "list_type"):
        return f"must be a list, got {short(detail['input'])}"
    rule = detail["msg"].removeprefix("Value error, ").removeprefix("Input ")
    rule = rule.replace("String should", "must").replace("Tuple should", "must")
    rule = rule.replace("List should", "must").replace("should be", "must be", 1)
    rule = rule.replace(" after validation, not 0", "")
    rule = rule[0].lower() + rule[1:] if rule else "is invalid"
    if kind == "literal_error" and isinstance(detail["input"], str):
        known = re.findall(r"'([^']*)'", context["expected"])
        rule += near_miss(detail["input"], known) if len(known) > 1 else ""
    return rule if kind in _NO_VALUE else f"{rule}, got {short(detail['input'])}"


def _named_key(detail: ErrorDetails, rule: str) -> tuple[Location, str]:
    """Return the key that a rule between keys is about, relative to its place, and the rule."""
    error, data = detail.get("ctx", {}).get("error"), detail["input"]
    if isinstance(error, RuleError):
        return error.key, rule
    match = _NAMED_KEY.match(rule)
    if match is None or not isinstance(data, Mapping):
        return (), rule
    key: Location = ()
    for part in match[1].split("."):
        if not isinstance(data, Mapping) or part not in data:
            return (), rule
        key, data = (*key, part), data[part]
    return key, rule[match.end() :] if match[2] else rule


def known_keys(model: type[BaseModel], loc: Location) -> set[str]:
    """Return the keys that the model at `loc` knows, following fields, lists and union tags."""
    candidates: list[Any] = [model]
    for part in loc:
        candidates = _following(candidates, part)[0] or candidates
    keys: set[str] = set()
    for candidate in candidates:
        for cls in _models_in(candidate):
            keys |= {f.alias or n for n, f in cls.model_fields.items()}
    return keys


def _without_tags(loc: Location, model: type[BaseModel]) -> Location:
    """Drop the parts of a pydantic location that say which model of a union was tried."""
    candidates: list[Any] = [model]
    kept: Location = ()
    for part in loc:
        following, is_field = _following(candidates, part)
        if is_field or not following:
            kept = (*kept, part)
        candidates = following or candidates
    return kept


def _following(candidates: Sequence[Any], part: str | int) -> tuple[list[Any], bool]:
    """Return what `part` leads to from these annotations, and whether it is a key of a file."""
    following: list[Any] = []
    is_field = False
    for candidate in candidates:
        for cls in _models_in(candidate):
            fields = {f.alias or n: f for n, f in cls.model_fields.items()}
            if part in fields:
                is_field = True
                following.append(fields[str(part)].annotation)
            elif any(part == _tag_of(cls, name) for name in cls.model_fields):
                following.append(cls)
    return following, is_field


def _tag_of(cls: type[BaseModel], name: str) -> Any:
    values: tuple[Any, ...] = getattr(cls.model_fields[name].annotation, "__args__", ())
    return values[0] if len(values) == 1 else None


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    found: list[type[BaseModel]] = []
    for argument in getattr(annotation, "__args__", ()):
        found += _models_in(argument)
    return found


def short(value: Any) -> str:
    """Return a value for a message, as YAML writes its words and cut if it is long."""
    names = {None: "null", True: "true", False: "false"}
    text = names.get(value) if value is None or isinstance(value, bool) else None
    text = text or repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
