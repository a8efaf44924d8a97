"""Rows, figures and pages from results."""
