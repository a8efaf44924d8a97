"""A report as one HTML page that needs nothing else: styles, script, Plotly and data inside."""

from __future__ import annotations

import json
from typing import Any

from f2fsim.errors import MissingDependencyError
from f2fsim.report.interactive import plotly_spec
from f2fsim.report.value import Paragraph, Report, number_text


def render_page(report: Report) -> str:
    """Return the page.

    Every number in the text is a ``data`` element with its exact value and what it is; every
    number in a table carries its exact value too.

    Raises
    ------
    MissingDependencyError
        If jinja2 or plotly is not installed.
    """
    try:
        import jinja2
        import markupsafe
        from plotly.offline import get_plotlyjs
    except ImportError:
        raise MissingDependencyError(
            "reports need jinja2 and plotly: pip install 'f2fsim[report]'"
        ) from None
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("f2fsim.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["shown"] = number_text
    environment.filters["exact"] = exact
    environment.filters["parts"] = _parts
    environment.filters["breakable"] = lambda text: _breakable(markupsafe.escape(text))
    figures = {figure.name: plotly_spec(figure) for figure in report.figures()}
    return environment.get_template("page.html.j2").render(
        report=report,
        figures=script_json(figures),
        plotly=get_plotlyjs().replace("</script", "<\\/script") if figures else "",
    )


def exact(value: Any) -> str:
    """Return a number so that parsing gives it back exactly, or an empty string."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    return repr(value)


def script_json(value: Any) -> str:
    """Return JSON that may stand inside a ``script`` element."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _breakable(escaped: Any) -> Any:
    """Let a long name break behind its separators, not inside its words."""
    if len(escaped) < 16 or " " in escaped:
        return escaped
    for mark in ("/", "_", "."):
        escaped = type(escaped)(str(escaped).replace(mark, f"{mark}<wbr>"))
    return escaped


def _parts(paragraph: Paragraph) -> list[dict[str, Any]]:
    return [
        {"text": part, "number": None} if isinstance(part, str) else {"text": "", "number": part}
        for part in paragraph
    ]
