"""Reports: rows and figures as values, rendered as HTML, Markdown, CSV, SVG and PNG."""

from f2fsim.report.build import build_report
from f2fsim.report.inputs import Inputs, read_inputs
from f2fsim.report.make import make_report
from f2fsim.report.write import write_report

__all__ = ["Inputs", "build_report", "make_report", "read_inputs", "write_report"]
