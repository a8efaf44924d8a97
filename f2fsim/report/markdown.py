"""A report as Markdown: the same words, tables and figures as the page."""

from __future__ import annotations

from f2fsim.report.value import Figure, Report, Section, Table, number_text, plain

#: Longer tables stand in their CSV file only.
MAX_ROWS = 80


def render_markdown(report: Report) -> str:
    """Return the report as Markdown; figures are links to their SVG files."""
    lines = [f"# {report.title}", ""]
    for found in report.answer:
        lines += [f"**{_escape(found.title)}**", ""]
        lines += [_escape(found.words), ""]
        if found.table:
            lines += _rows(found.table)
        if found.table and found.table.caption:
            lines += [_escape(found.table.caption), ""]
        if found.figure:
            lines += _figure(found.figure)
    if report.command:
        lines += ["Made by:", "", f"    {report.command}", ""]
    for section in report.sections:
        lines += _section(section)
    return "\n".join(lines).rstrip() + "\n"


def _section(section: Section) -> list[str]:
    lines = [f"## {_escape(section.title)}", ""]
    for paragraph in section.paragraphs:
        lines += [_escape(plain(paragraph)), ""]
    for figure in section.figures:
        lines += _figure(figure)
    for table in (*section.tables, *section.folded):
        lines += _table(table)
    return lines


def _figure(figure: Figure) -> list[str]:
    caption = f"{figure.title}. {figure.caption}".strip()
    return [
        f"![{figure.alt}](figures/{figure.name}.svg)",
        "",
        f"*{_escape(caption)}* ([CSV](figures/{figure.name}.csv))",
        "",
    ]


def _table(table: Table) -> list[str]:
    lines = [f"### {_escape(table.title)}", ""]
    if table.caption:
        lines += [_escape(table.caption), ""]
    lines += _rows(table) if len(table.rows) <= MAX_ROWS else [f"{len(table.rows)} rows.", ""]
    return [*lines, f"[{table.name}.csv](tables/{table.name}.csv)", ""]


def _rows(table: Table) -> list[str]:
    lines = ["| " + " | ".join(_cell_text(c.heading) for c in table.columns) + " |"]
    rule = ("---:" if column.numeric else "---" for column in table.columns)
    lines.append("| " + " | ".join(rule) + " |")
    for i, row in enumerate(table.rows):
        cells = []
        for column in table.columns:
            text = _cell_text(number_text(row.get(column.key)))
            cells.append(f"**{text}**" if (i, column.key) in table.marked else text)
        lines.append("| " + " | ".join(cells) + " |")
    return [*lines, ""]


def _cell_text(text: str) -> str:
    return _escape(text).replace("|", "\\|").replace("\n", " ")


def _escape(text: str) -> str:
    for char in "\\*_<":
        text = text.replace(char, f"\\{char}")
    return text
