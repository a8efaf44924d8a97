"""From results to a report: which sections, figures and tables it has, in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from f2fsim.config.cost import cost_table_names, load_cost_table
from f2fsim.cost.table import CostTable
from f2fsim.report import figures as fig
from f2fsim.report import tables as tab
from f2fsim.report.answer import answer
from f2fsim.report.cases import Case, Run, make_cases
from f2fsim.report.crossing import crossing_table
from f2fsim.report.doubt import doubt_table
from f2fsim.report.inputs import Inputs
from f2fsim.report.network_figures import network_figures, network_tables
from f2fsim.report.roofline import roofline_figure
from f2fsim.report.sweep_section import sweep_answer, sweep_section
from f2fsim.report.value import Column, Figure, Paragraph, Report, Section, Table
from f2fsim.results.network import shared_notes

METHODS: tuple[Paragraph, ...] = (
    (
        "Times are simulated cycle by cycle on the encoded streams of every layer: each block's "
        "real bits and patches, each DRAM burst with its row and bank. A network is one run from "
        "the first fetch to the last write; where a case says that each layer was by itself, and "
        "in design spaces, layers run one after another, each from DRAM to DRAM. Every part's "
        "cycles are busy, stalled with a cause or idle, and add up to the total; every run is "
        "checked against "
        "bounds that share no code with the simulator.",
    ),
    (
        "Machines of one comparison get the same pruned tensors, N:M machines apart, which take "
        "the same trained weights pruned to their own pattern. Every size counts the mask, index, "
        "pointer and patch streams.",
    ),
    (
        "Points of a design space carry the digest of their whole configuration and of the sources "
        "that computed them; the best figures are those of the points that were tried.",
    ),
    (
        "Origins: measured (read from trained weights or counted), given (asked for by the "
        "configuration), assumed (nobody measured it), synthetic (drawn from a distribution).",
    ),
)


def build_report(
    inputs: Inputs, *, title: str = "", command: str = "", brief: bool = False
) -> Report:
    """Build the report of results and sweeps.

    Parameters
    ----------
    inputs : Inputs
        What `f2fsim.report.inputs.read_inputs` read.
    title : str
        Heading; made from the workloads if empty.
    command : str
        The command that makes the report again.
    brief : bool
        One table of all cases and their crossovers over batch, in place of words, figures and
        tables of each case.
    """
    cases = make_cases(inputs.results)
    sections = [*_overview(cases, brief=brief)]
    if brief and cases:
        table = tab.all_runs_table(cases)
        sections.append(Section("All cases", "cases", (), (), (table,)))
    for number, case in enumerate([] if brief else cases, start=1):
        sections.append(_case_section(case, number, single=len(cases) == 1))
    sections += [sweep_section(sweep, i) for i, sweep in enumerate(inputs.sweeps, start=1)]
    if cases:
        sections.append(_config_section(cases))
    sections.append(_methods(cases))
    names = [*dict.fromkeys(case.workload for case in cases), *(s.name for s in inputs.sweeps)]
    words = (
        *([answer(cases, drawn=not brief)] if cases else []),
        *(sweep_answer(sweep) for sweep in inputs.sweeps),
    )
    return Report(title or _title(cases, names), words, tuple(sections), command)


def _title(cases: Sequence[Case], names: Sequence[str]) -> str:
    if not cases:
        return f"Design space explored: {', '.join(names)}"
    if any(case.others for case in cases):
        return f"Weight formats compared: {', '.join(names)}"
    return f"Simulation results: {', '.join(names)}"


def _overview(cases: Sequence[Case], *, brief: bool) -> list[Section]:
    """Return what is shown over all cases: bits and crossovers; if brief, those over batch."""
    if not cases:
        return []
    figures: list[Figure | None] = [] if brief else [fig.bits_figure(cases)]
    for workload, weight_type in dict.fromkeys((c.workload, c.weight_type) for c in cases):
        alike = [c for c in cases if (c.workload, c.weight_type) == (workload, weight_type)]
        for by, kept in (("batch", "sparsity"), ("sparsity", "batch"))[: 1 if brief else 2]:
            groups: dict[object, list[Case]] = {}
            for case in alike:
                groups.setdefault(getattr(case, kept), []).append(case)
            for value, group in groups.items():
                figure = fig.crossover_figure(group, by)
                if figure:
                    name = f"{figure.name}_{workload}_{weight_type}_{kept}_{value}"
                    figures.append(replace(figure, name=safe_name(name)))
    crossings = crossing_table(cases)
    tables = (crossings,) if crossings else ()
    drawn = tuple(f for f in figures if f)
    return [Section("At a glance", "glance", (), drawn, tables)] if drawn or tables else []


def _case_section(case: Case, number: int, *, single: bool) -> Section:
    prefix = "" if single else f"case{number}_"
    drawn = [
        fig.traffic_figure(case),
        fig.stall_figure(case),
        fig.energy_figure(case),
        fig.bandwidth_figure(case),
        roofline_figure(case),
        *network_figures(case),
    ]
    figures = tuple(replace(f, name=f"{prefix}{f.name}") for f in drawn if f and f.series)
    folded = [tab.run_layers_table(run, prefix) for run in case.runs]
    folded = [replace(table, name=safe_name(table.name)) for table in folded]
    stages = [replace(one, name=safe_name(one.name)) for one in network_tables(case, prefix)]
    tried = tab.what_if_table(case, prefix)
    doubt = [table for table in (doubt_table(case, prefix),) if table]
    return Section(
        case.title,
        f"case{number}",
        tuple((note,) for note in shared_notes({r.name: r.result.network for r in case.runs})),
        figures,
        tuple(
            table
            for table in (tab.total_table(case, prefix), tried, tab.layers_table(case, prefix))
            if table
        ),
        (*folded, *stages, tab.streams_table(case, prefix), tab.stalls_table(case, prefix), *doubt),
    )


def safe_name(name: str) -> str:
    """Return a name that is a file name everywhere."""
    return "".join(char if char.isalnum() or char in "-_." else "_" for char in name)


def _machines(cases: Sequence[Case]) -> list[Run]:
    """Return every machine once; different ones of one name get the case's number behind it."""
    found: dict[str, Run] = {}
    for case in cases:
        for run in case.runs:
            digest = str(run.result.manifest.get("arch_digest", run.name))
            if digest not in found:
                taken = sum(other.result.arch == run.result.arch for other in found.values())
                name = run.result.arch if not taken else f"{run.result.arch} ({taken + 1})"
                found[digest] = replace(run, name=name)
    return list(found.values())


def _config_section(cases: Sequence[Case]) -> Section:
    table = tab.config_table(_machines(cases), "configurations")
    machines = [column.key for column in table.columns[1:]]
    differing = {
        i for i, row in enumerate(table.rows) if len({repr(row[name]) for name in machines}) > 1
    }
    changed = tuple(row for i, row in enumerate(table.rows) if i in differing)
    same = tuple(row for i, row in enumerate(table.rows) if i not in differing)
    tables = [replace(table, name="configurations_differing", rows=changed)] if changed else []
    folded = [
        replace(
            table,
            name="configurations_equal",
            title="Keys that are equal",
            rows=same,
            caption="",
            marked=frozenset(),
        )
    ]
    return Section(
        "Configurations side by side",
        "configurations",
        (),
        (),
        tuple(tables),
        tuple(one for one in folded if one.rows),
    )


def _methods(cases: Sequence[Case]) -> Section:
    runs = [(case.title, run.result) for case in cases for run in case.runs]
    provenance = tab.provenance_table(runs, "provenance")
    origins = tab.origins_table(cases, "origins")
    tables = (origins, provenance) if cases else ()
    return Section(
        "Methods and provenance",
        "methods",
        METHODS,
        (),
        tables,
        tuple(_constants(table) for table in _cost_tables(cases)),
    )


def _cost_tables(cases: Sequence[Case]) -> list[CostTable]:
    """Return the shipped cost tables that the energies of these results come from."""
    names = dict.fromkeys(
        str(run.result.manifest.get("arch", {}).get("cost_table", ""))
        for case in cases
        for run in case.runs
        if run.result.energy_pj
    )
    return [load_cost_table(name) for name in names if name in cost_table_names()]


def _constants(table: CostTable) -> Table:
    rows = [
        {
            "constant": f"{group}.{name}",
            "low": constant.low,
            "typical": constant.typical,
            "high": constant.high,
            "per": constant.per,
            "origin": constant.origin,
            "source": constant.source,
        }
        for group in ("energy_pj", "dram_pj_per_bit", "area_um2")
        for name, constant in getattr(table, group).items()
    ]
    columns = tuple(Column(key, key, numeric=key in ("low", "typical", "high")) for key in rows[0])
    title = f"Constants of cost table {table.name} ({table.technology}) and their sources"
    return Table(f"constants_{safe_name(table.name)}", title, columns, tuple(rows))
