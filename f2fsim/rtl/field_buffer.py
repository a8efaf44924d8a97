"""Buffers of short fields (f2f_fields) as parts of a device: ports, wires, instance, unit."""

from __future__ import annotations

from dataclasses import dataclass

from f2fsim.rtl.device import Unit
from f2fsim.rtl.text import bits_for, instance


@dataclass(frozen=True)
class FieldBuffer:
    """A buffer of fields of `width` bits, `write` put and `read` seen at once.

    Attributes
    ----------
    width, depth, write, read : int
        Bits of a field; fields that it holds, of a put, of the window.
    latency : int
        Cycles from a put until its fields are visible.
    shifts : bool
        Whether fields move to the front (f2f_shift_fields): for loops that take few of them.
    """

    width: int
    depth: int
    write: int
    read: int
    latency: int = 1
    shifts: bool = False

    @property
    def modules(self) -> tuple[str, ...]:
        """Modules of the library."""
        if self.shifts:
            return ("f2f_shift_fields",)
        return ("f2f_fields", "f2f_rotate", "f2f_select")

    @property
    def count_bits(self) -> int:
        """Bits of its counts."""
        return bits_for(self.depth + self.write)

    def parameters(self) -> dict[str, int]:
        """Return the parameters of f2f_fields."""
        found = {"WIDTH": self.width, "DEPTH": self.depth, "WRITE": self.write}
        found |= {"READ": self.read, "COUNT": self.count_bits, "LATENCY": self.latency}
        if self.shifts:
            return found | {"TAKE": bits_for(self.read)}
        log_banks = bits_for(max(self.write, self.read) - 1)
        rows = -(-self.depth // (1 << log_banks))
        return found | {"LOG_B": log_banks, "ROWS": rows, "ROW": bits_for(rows - 1)}

    def ports(self, source: str) -> list[str]:
        """Return the ports of what is put: ``<source>``, its count and its handshake."""
        return [
            f"input  wire {source}_valid",
            f"output wire {source}_ready",
            f"input  wire [{self.count_bits - 1}:0] {source}_n",
            f"input  wire [{self.write * self.width - 1}:0] {source}",
        ]

    def wires(self, name: str) -> str:
        """Return the wires ``<name>_visible``, ``_take``, ``_fire``, ``_way`` and ``_window``."""
        return (
            f"    wire [{self.count_bits - 1}:0] {name}_visible, {name}_take;\n"
            f"    wire {name}_fire;\n    wire [{self.latency - 1}:0] {name}_way;\n"
            f"    wire [{self.read * self.width - 1}:0] {name}_window;\n"
            f"    wire unused_{name} = &{{1'b0, {name}_way}};\n"
        )

    def text(self, source: str, name: str, data: str = "") -> str:
        """Return the instance between the put `source` and the wires of `name`.

        `data` is what arrives, if it is made on its way.
        """
        return instance(
            "f2f_shift_fields" if self.shifts else "f2f_fields",
            f"{name}_fields",
            self.parameters(),
            [
                *("clk", "rst", f"in_valid={source}_valid", f"in_ready={source}_ready"),
                *(f"in_count={source}_n", f"late_data={data or source}"),
                *(f"{end}={name}_{end}" for end in ("visible", "window", "take", "fire")),
                f"under_way={name}_way",
            ],
        )

    def unit(self, component: str) -> Unit:
        """Return it as a unit of a component."""
        name = "f2f_shift_fields" if self.shifts else "f2f_fields"
        return Unit(component, name, tuple(self.parameters().items()))
