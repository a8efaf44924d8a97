"""Hooks of MkDocs: pages made from the program itself, blocks run and shown with their output."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parent))

from blocks import shown_page
from pages import gallery_files, generated_pages

ROOT = Path(__file__).parents[2]
#: Folders of pages whose blocks are run.
RUN = ("tutorials/", "how-to/", "explanation/", "index.md")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are made from the program, and the figures of the gallery."""
    for name, text in generated_pages(ROOT).items():
        files.append(File.generated(config, name, content=text))
    for name, source in gallery_files(ROOT).items():
        files.append(File.generated(config, name, abs_src_path=str(source)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Run the blocks of tutorials and how-to pages, in a folder of their own."""
    name = page.file.src_uri
    quick = os.environ.get("F2FSIM_DOCS_RUN") == "0"  # links and reference only
    if not quick and name.startswith(RUN) and name.endswith(".md"):
        with tempfile.TemporaryDirectory() as folder:
            markdown = shown_page(markdown, Path(folder))
    return markdown.replace("](../reports/", "](gallery/")  # where the gallery has them
