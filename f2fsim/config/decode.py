"""A workload with attention at another context length or with another type of KV cache."""

from __future__ import annotations

from pydantic import ValidationError

from f2fsim.config.operation import Attention
from f2fsim.config.workload import Workload
from f2fsim.config.yaml_file import model_problems
from f2fsim.errors import ConfigError, InputError


def with_cache(workload: Workload, context: int | None, kv_type: str | None) -> Workload:
    """Return a workload whose attentions have another context or type of cache.

    Raises
    ------
    InputError
        If it has no attention, or a value is out of range.
    """
    if context is None and kv_type is None:
        return workload
    if not any(isinstance(one, Attention) for one in workload.operations):
        raise InputError(f"workload {workload.name!r} has no attention, so no context or KV cache")
    values = {"context": context, "kv_type": kv_type}
    changed = {key: value for key, value in values.items() if value is not None}
    try:
        operations = tuple(
            Attention.model_validate({**one.model_dump(), **changed})
            if isinstance(one, Attention)
            else one
            for one in workload.operations
        )
    except ValidationError as error:
        what = f"workload {workload.name!r}: attention"
        raise ConfigError(model_problems(what, error, Attention)) from None
    return workload.model_copy(update={"operations": operations})
