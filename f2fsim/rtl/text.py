"""Pieces of generated Verilog that all front ends share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from f2fsim.rtl import library


def bits_for(largest: int) -> int:
    """Return the bits that hold 0 … `largest`, at least 1."""
    return max(1, largest.bit_length())


def library_files(names: Iterable[str]) -> dict[str, str]:
    """Return modules of the library by file name, as they are."""
    folder = Path(library.__file__).parent
    names = list(names)
    if "f2f_channel" in names:
        names.append("f2f_pipe")  # a channel is one with a line of registers
    return {
        f"{name}.v": (folder / f"{name}.v").read_text(encoding="utf-8")
        for name in dict.fromkeys(names)
    }


def channel(name: str, width: int, depth: int, latency: int, source: str, sink: str) -> str:
    """Return an instance of f2f_channel between the signals `source`* and `sink`*."""
    return f"""\
    f2f_channel #(
        .WIDTH({width}), .DEPTH({depth}), .LATENCY({latency}),
        .POINTER({bits_for(depth - 1)}), .COUNT({bits_for(depth)})
    ) {name} (
        .clk(clk), .rst(rst),
        .in_valid({source}_valid), .in_ready({source}_ready), .in_data({source}),
        .out_valid({sink}_valid), .out_ready({sink}_ready), .out_data({sink})
    );
"""


def pipe(
    name: str, width: int, depth: int, latency: int, source: str, late_data: str, sink: str
) -> str:
    """Return an instance of f2f_pipe: handshake of `source`, word of `late_data`, out at `sink`.

    The wire ``<name>_way`` says what is under way.
    """
    return f"""\
    wire [{latency - 1}:0] {name}_way;
    wire unused_{name} = &{{1'b0, {name}_way}};
    f2f_pipe #(
        .WIDTH({width}), .DEPTH({depth}), .LATENCY({latency}),
        .POINTER({bits_for(depth - 1)}), .COUNT({bits_for(depth)})
    ) {name} (
        .clk(clk), .rst(rst),
        .in_valid({source}_valid), .in_ready({source}_ready), .late_data({late_data}),
        .under_way({name}_way),
        .out_valid({sink}_valid), .out_ready({sink}_ready), .out_data({sink})
    );
"""


def instance(module: str, name: str, parameters: Mapping[str, int], ports: Iterable[str]) -> str:
    """Return an instance; a port ``a`` is wired to the signal of its name, ``a=b`` to b."""
    values = ", ".join(f".{key}({value})" for key, value in parameters.items())
    wired = []
    for port in ports:
        inner, _, outer = port.partition("=")
        wired.append(f".{inner}({outer or inner})")
    return f"    {module} #({values}) {name} (\n        {', '.join(wired)}\n    );\n"


def module(name: str, comment: str, ports: Iterable[str], body: str) -> str:
    """Return a generated module with clock and reset before its other ports."""
    lines = "\n".join(f"// {line}".rstrip() for line in comment.splitlines())
    listed = ",\n    ".join(["input  wire clk", "input  wire rst", *ports])
    return f"{lines}\nmodule {name} (\n    {listed}\n);\n{body}endmodule\n"
