"""What MkDocs is told beside mkdocs.yml: pages of the API, the first page, and links that leave docs/."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
PICTURES = (".png", ".jpg", ".svg")
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(((?:\.\./)+[^)\s#]+|(?!\w+:)[^)\s#]+)(#[^)\s]*)?\)")
PACKAGES = {
    "segloop.data": "what a data set is",
    "segloop.experiments": "what a run does",
    "segloop.analysis": "what the results say",
    "segloop.viz": "drawing",
    "segloop.ops": "mmcv's operators in plain PyTorch",
    "segloop.utils": "errors, files, command lines",
    "data_converters": "label formats",
}
FRONT = "index.md"
SHIM = (
    "iframe-worker.js"  # beside this file; the plugin `offline` brings none of its own where one is so called
)


def on_files(files: Files, *, config: Any) -> Files:
    """Add a page for each package, README as the first page, and the pictures that pages show."""
    for name, about in PACKAGES.items():
        files.append(File.generated(config, f"api/{name}.md", content=_reference(name, about)))
    shim = Path(__file__).with_name(SHIM).read_text(encoding="utf-8")
    files.append(File.generated(config, f"assets/{SHIM}", content=shim))
    files.append(File.generated(config, FRONT, content=(ROOT / "README.md").read_text(encoding="utf-8")))
    for picture in sorted((ROOT / "supplementary" / "viz").glob("*")):
        if picture.suffix in PICTURES:
            file = File.generated(config, f"pictures/{picture.name}", content=picture.read_bytes())
            files.append(file)
    return files


@event_priority(100)
def on_config(config: Any) -> Any:
    """Put the API's pages last in the navigation; name our script before the plugin names a foreign one."""
    config.extra["polyfills"] = [f"assets/{SHIM}"]
    config.nav.append({"API": [{name: f"api/{name}.md"} for name in PACKAGES]})
    return config


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Files) -> str:
    """Lead links that leave docs/ to where the site has them; those to code become its name alone."""
    front = page.file.src_uri == FRONT
    place = ROOT if front else ROOT / "docs" / posixpath.dirname(page.file.src_uri)
    here = posixpath.dirname(page.file.src_uri)

    def lead(found: re.Match[str]) -> str:
        mark, text, target, anchor = found[1], found[2], found[3], found[4] or ""
        file = (place / target).resolve()
        if not file.exists() or (file.is_relative_to(ROOT / "docs") and not front):
            return found[0]
        if file.is_relative_to(ROOT / "docs"):
            inner = file.relative_to(ROOT / "docs").as_posix()
            return f"{mark}[{text}]({posixpath.relpath(inner, here or '.')}{anchor})"
        if file.parent == ROOT / "supplementary" / "viz" and file.suffix in PICTURES:
            return f"{mark}[{text}]({posixpath.relpath(f'pictures/{file.name}', here or '.')})"
        if config.repo_url:
            return f"{mark}[{text}]({config.repo_url}/blob/main/{file.relative_to(ROOT).as_posix()}{anchor})"
        return text if text.startswith("`") else f"{text} (`{file.relative_to(ROOT).as_posix()}`)"

    return LINK.sub(lead, markdown)


def _reference(package: str, about: str) -> str:
    """Return the page of a package: each of its modules with what it has in public."""
    top = ROOT / ("src" if package.startswith("segloop") else "") / Path(*package.split("."))
    lines = [f"# {package}", "", f"{about[:1].upper()}{about[1:]}. Made from the docstrings.", ""]
    for file in sorted(top.rglob("*.py")):
        if file.name == "__main__.py" or (file.name[0] == "_" and file.name != "__init__.py"):
            continue
        module = (
            file.relative_to(top.parents[package.count(".")]).with_suffix("").as_posix().replace("/", ".")
        )
        name = module.removesuffix(".__init__")
        lines += [f"## {name}", "", f"::: {name}", ""]
    return "\n".join(lines)
