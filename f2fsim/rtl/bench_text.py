"""A bench as files: Verilog of the device, its self-checking test bench, and vectors."""

from __future__ import annotations

from f2fsim.rtl.bench import Bench, Sink, Source, hex_numbers, hex_rows
from f2fsim.rtl.cycles import take_cycles

#: Cycles after the last expected item until the bench gives up.
PATIENCE_CYCLES = 1000

_HEAD = """\
// f2f_tb: self-checking test bench of {top}; generated, do not edit.
//
// Plays sources and consumers with the gaps in *_gap.hex, compares every item with the sink's hex
// file and its cycle with *_cycle.hex (cycle 0 is the first after reset).  The last line printed
// begins with PASS or FAIL.
module f2f_tb;
    reg clk, rst;
    reg [31:0] cycle;
    wire [31:0] n_done = {done};
    initial begin
        clk = 1'b0;
        rst = 1'b1;
        #20 rst = 1'b0;
    end
    always #5 clk = ~clk;
    always @(posedge clk) begin
        cycle <= rst ? 0 : cycle + 1;
        if (n_done == {n_sinks}) begin
            $display("PASS %0d {items}, last cycle %0d", {n_items}, {last});
            $finish;
        end
        if (cycle > {limit}) begin
            $display("FAIL nothing more until cycle %0d", cycle);
            $finish;
        end
    end
"""

_SOURCE = """\
    // Source {name}: waits its gap, then offers the put until it is taken.
    reg [{width}-1:0] {name}_items [0:{top}];
    reg [31:0] {name}_gaps [0:{top}];
    reg [31:0] {name}_next, {name}_wait;
    wire {name}_ready;
    wire {name}_valid = ({name}_next < {n}) & ({name}_wait == 0);
    wire [{width}-1:0] {name}_item = {name}_items[{name}_next];
{counted}    initial begin
        $readmemh("{name}.hex", {name}_items);
        $readmemh("{name}_gap.hex", {name}_gaps);
    end
    always @(posedge clk) begin
        if (rst) begin
            {name}_next <= 0;
            {name}_wait <= {name}_gaps[0];
        end else if ({name}_valid & {name}_ready) begin
            {name}_next <= {name}_next + 1;
            {name}_wait <= ({name}_next + 1 < {n}) ? {name}_gaps[{name}_next + 1] - 1 : 0;
        end else if ({name}_wait != 0) {name}_wait <= {name}_wait - 1;
    end
"""

_COUNTED = """\
    reg [{count_bits}-1:0] {name}_ns [0:{top}];
    wire [{count_bits}-1:0] {name}_n = {name}_ns[{name}_next];
    initial $readmemh("{name}_n.hex", {name}_ns);
"""

_SINK = """\
    // Consumer of {name}: takes an item, then is busy for its gap.
    reg [{width}-1:0] {name}_want [0:{top}];
    reg [31:0] {name}_want_cycle [0:{top}];
    reg [31:0] {name}_gaps [0:{top}];
    reg [31:0] {name}_next, {name}_wait;
    reg {name}_done;
    wire {name}_valid;
    wire {name}_ready = ({name}_wait == 0) & ~{name}_done;
    wire [{width}-1:0] {name}_item;
    wire [{width}-1:0] {name}_care = {care};
    {care_memory}
    initial begin
        $readmemh("{name}.hex", {name}_want);
        $readmemh("{name}_cycle.hex", {name}_want_cycle);
        $readmemh("{name}_gap.hex", {name}_gaps);
    end
    always @(posedge clk) begin
        if (rst) begin
            {name}_next <= 0;
            {name}_wait <= 0;
            {name}_done <= 1'b0;
        end else if ({name}_valid & {name}_ready) begin
            if (({name}_item & {name}_care) !== ({name}_want[{name}_next] & {name}_care)) begin
                $display("FAIL {name} %0d: bits differ in cycle %0d: %h, expected %h", {name}_next,
                         cycle, {name}_item, {name}_want[{name}_next]);
                $finish;
            end else if (cycle !== {name}_want_cycle[{name}_next]) begin
                $display("FAIL {name} %0d: cycle %0d, expected %0d", {name}_next, cycle,
                         {name}_want_cycle[{name}_next]);
                $finish;
            end
            {name}_done <= ({name}_next == {top});
            {name}_next <= {name}_next + 1;
            {name}_wait <= {name}_gaps[{name}_next] - 1;
        end else if ({name}_wait != 0) {name}_wait <= {name}_wait - 1;
    end
"""


def bench_files(bench: Bench) -> dict[str, str]:
    """Return Verilog, test bench and vectors by file name."""
    if not all(sink.rows.shape[0] for sink in bench.sinks):
        raise ValueError("a test bench needs at least one item of every output")
    cycles = take_cycles(bench.timed)
    last = max(int(of_sink[-1]) for of_sink in cycles.values())
    files = {**bench.files, "f2f_tb.v": bench_text(bench, last)}
    for source in bench.sources:
        files[f"{source.name}.hex"] = hex_rows(source.rows)
        files[f"{source.name}_gap.hex"] = hex_numbers(bench.timed.gaps[source.name])
        if source.counts is not None:
            files[f"{source.name}_n.hex"] = hex_numbers(source.counts)
    for sink in bench.sinks:
        files[f"{sink.name}.hex"] = hex_rows(sink.rows)
        files[f"{sink.name}_gap.hex"] = hex_numbers(bench.timed.gaps[sink.name])
        files[f"{sink.name}_cycle.hex"] = hex_numbers(cycles[sink.name])
        if sink.care is not None:
            files[f"{sink.name}_care.hex"] = hex_rows(sink.care)
    return files


def bench_text(bench: Bench, last_cycle: int) -> str:
    """Return the test bench of a device whose last item is taken in `last_cycle`."""
    head = _HEAD.format(
        top=bench.top,
        done=" + ".join(f"{sink.name}_done" for sink in bench.sinks),
        n_sinks=len(bench.sinks),
        items=bench.items,
        n_items=bench.n_items,
        last=last_cycle,
        limit=last_cycle + PATIENCE_CYCLES,
    )
    parts = [_source_text(source) for source in bench.sources]
    parts += [_sink_text(sink) for sink in bench.sinks]
    return head + "".join(parts) + _instance(bench)


def _source_text(source: Source) -> str:
    n, width = source.rows.shape
    values = {"name": source.name, "n": n, "top": max(0, n - 1), "width": width}
    counted = ""
    if source.counts is not None:
        counted = _COUNTED.format(**values, count_bits=source.count_bits)
    return _SOURCE.format(**values, counted=counted)


def _sink_text(sink: Sink) -> str:
    n, width = sink.rows.shape
    care, memory = f"{{{width}{{1'b1}}}}", ""
    if sink.care is not None:
        care = f"{sink.name}_cares[{sink.name}_next]"
        memory = (
            f"reg [{width}-1:0] {sink.name}_cares [0:{n - 1}];\n"
            f'    initial $readmemh("{sink.name}_care.hex", {sink.name}_cares);'
        )
    return _SINK.format(name=sink.name, top=n - 1, width=width, care=care, care_memory=memory)


def _instance(bench: Bench) -> str:
    """Return the device, its ports wired to sources, consumers and constants."""
    parameters = ", ".join(f".{name}({value})" for name, value in bench.parameters.items())
    ports = [".clk(clk)", ".rst(rst)"]
    ports += [f".{name}({width}'d{value})" for name, (width, value) in bench.constants.items()]
    for source in bench.sources:
        name = source.name
        ports += [f".in_{name}_{end}({name}_{end})" for end in ("valid", "ready")]
        ports.append(f".in_{name}({name}_item)")
        if source.counts is not None:
            ports.append(f".in_{name}_n({name}_n)")
        if source.has_end:
            ports.append(f".{name}_ended({name}_next >= {source.rows.shape[0]})")
    for sink in bench.sinks:
        name = sink.name
        ports += [f".{name}_{end}({name}_{end})" for end in ("valid", "ready")]
        ports.append(f".{name}({name}_item)")
    listed = ",\n        ".join(ports)
    return f"    {bench.top} #({parameters}) dut (\n        {listed}\n    );\nendmodule\n"
