"""Reads a report's page back: numbers of the text, tables and figures, without the report's code."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any


class Page(HTMLParser):
    """``numbers``: (title, exact, shown); ``tables``: name → rows of (exact, shown) by column key."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.numbers: list[tuple[str, float, str]] = []
        self.tables: dict[str, list[dict[str, tuple[float | None, str]]]] = {}
        self.external: list[str] = []
        self.keys: list[str] = []
        self.row: list[tuple[float | None, str]] = []
        self.at = ""
        self.attrs: dict[str, str | None] = {}
        self.buffer = ""
        self.script = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        for key in ("src", "href"):
            if (found.get(key) or "").startswith(("http:", "https:", "//")):
                self.external.append(str(found[key]))
        if tag == "table":
            self.name = str(found["data-table"])
            self.tables[self.name], self.keys = [], []
        elif tag == "th":
            self.keys.append(str(found["data-key"]))
        elif tag == "tr":
            self.row = []
        elif tag in ("td", "data") or (tag == "script" and found.get("id") == "figures"):
            self.at, self.attrs, self.buffer = tag, found, ""

    def handle_data(self, data: str) -> None:
        if self.at:
            self.buffer += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "tr" and self.row:
            self.tables[self.name].append(dict(zip(self.keys, self.row, strict=True)))
        if tag != self.at:
            return
        self.at = ""
        if tag == "data":
            value = float(str(self.attrs["value"]))
            self.numbers.append((str(self.attrs["title"]), value, self.buffer))
        elif tag == "td":
            exact = self.attrs.get("data-value")
            self.row.append((None if exact is None else float(exact), self.buffer))
        else:
            self.script = self.buffer

    @property
    def figures(self) -> dict[str, Any]:
        return dict(json.loads(self.script))
