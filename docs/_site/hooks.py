"""What the documentation site has beside the pages in docs: the pages at the root, and a page on each Python package.

Links of pages lead to files, so that they work wherever a repository is read. Here those to a Python module lead to its
section of a generated page, those to a page at the root to its copy, and what is no page keeps its text alone.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
FOLDERS = {
    "Tutorial": "tutorial",
    "How to": "howto",
    "Operation": "operation",
    "Reference": "reference",
    "Explanation": "explanation",
    "Decisions": "adr",
}
SOURCES = tuple(f"packages/{name}/src" for name in ("client", "agent", "server"))
LEFT_OUT = re.compile(r"_pb2|/migrations/|/__main__\.py$|/demo/|compiled_proto")
FETCHED = re.compile(r"<(?:script|link|img)\b[^>]*?(?:src|href)=[\"']?(?:https?:)?//[^\"' >]+|<pre class=\"?mermaid")
"""What a browser would ask the network for; of drawings in mermaid, the theme fetches the program."""
LINK = re.compile(r"\[([^\]\n]*(?:\n[^\]\n]+)?)\]\(([^)\s]+)\)")


def module_of(path: str) -> str:
    """`packages/server/src/cuebot/domain/nouns.py` is `cuebot.domain.nouns`."""
    parts = path.split("/src/", 1)[1].removesuffix(".py").removesuffix("/__init__").split("/")
    return ".".join(parts)


def packages() -> dict[str, list[str]]:
    """The modules of each package that has any of its own."""
    found: dict[str, list[str]] = {}
    for source in SOURCES:
        for path in sorted((ROOT / source).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if not LEFT_OUT.search(name):
                found.setdefault(module_of(posixpath.dirname(name)), []).append(module_of(name))
    return found


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Make the table of contents: every page of a folder of docs, then what is added to them."""
    tabs: list[Any] = ["index.md"]
    for title, folder in FOLDERS.items():
        pages = sorted((ROOT / "docs" / folder).glob("*.md"), key=lambda path: (path.name != "README.md", path.name))
        tabs.append({title: [path.relative_to(ROOT / "docs").as_posix() for path in pages]})
    tabs.append({"Python": [f"python/{package}.md" for package in packages()]})
    tabs.append({"Project": [f"project/{path.name.lower()}" for path in sorted(ROOT.glob("*.md"))]})
    config.nav = tabs
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not in docs."""
    for path in sorted(ROOT.glob("*.md")):
        files.append(File.generated(config, f"project/{path.name.lower()}", content=path.read_text(encoding="utf-8")))
    for package, modules in packages().items():
        sections = "\n\n".join(f"::: {module}" for module in modules)
        files.append(File.generated(config, f"python/{package}.md", content=f"# `{package}`\n\n{sections}\n"))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links that leave docs to where the site has their target."""
    here = page.file.src_uri
    folder = "" if here.startswith("project/") else posixpath.join("docs", posixpath.dirname(here))

    def led(found: re.Match[str]) -> str:
        text, target = found[1], found[2]
        path, _, anchor = target.partition("#")
        if "://" in target or target.startswith(("mailto:", "#")):
            return found[0]
        place = posixpath.normpath(posixpath.join(folder, path))
        there, anchor = site_place(place, anchor, text)
        if not there:
            return text
        relative = posixpath.relpath(there, posixpath.dirname(here))
        return f"[{text}]({relative}{'#' + anchor if anchor else ''})"

    return LINK.sub(led, markdown)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Refuse a page that a browser could show only with the network."""
    fetched = FETCHED.findall(output)
    if fetched:
        raise PluginError(f"{page.file.src_uri} wants {', '.join(fetched)} from the network")
    return output


def site_place(place: str, anchor: str, text: str) -> tuple[str, str]:
    """Page and anchor of a file of the repository; an empty page where the site has none."""
    if place.startswith("docs/"):
        is_folder = (ROOT / place).is_dir()
        return place.removeprefix("docs/") + ("/README.md" if is_folder else ""), anchor
    if place.endswith(".md") and "/" not in place:
        return f"project/{place.lower()}", anchor
    if place.endswith(".py") and place.startswith(SOURCES) and not LEFT_OUT.search(place):
        module, name = module_of(place), text.strip("`")
        package = module if place.endswith("/__init__.py") else module.rpartition(".")[0]
        return f"python/{package}.md", module if name == module else f"{module}.{name}"
    return "", ""
