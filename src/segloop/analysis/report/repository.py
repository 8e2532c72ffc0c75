"""Says where the code is and what it is called, for a report to link to."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from segloop.analysis.report.contents import Repository


def read_repository(root: Path) -> Repository:
    """Return what CITATION.cff says of the code; its address else from pyproject.toml, or from git."""
    import yaml  # a tenth of a second, and one section asks

    try:
        told = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        told = None
    told = told if isinstance(told, dict) else {}
    url = told.get("repository-code") or told.get("url") or _project_url(root) or _origin(root)
    name, version, licence = (str(told.get(key) or "") for key in ("title", "version", "license"))
    return Repository(name, version, licence, str(url or ""))


def _project_url(root: Path) -> str:
    try:
        text = (root / "pyproject.toml").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
    # Python 3.10 has no tomllib, and this is one flat table
    urls = re.search(r"^\[project\.urls\]\n((?:[^\[\n].*\n?|\n)*)", text, re.MULTILINE)
    found = re.findall(r'^"?(\w+)"?\s*=\s*"([^"]+)"', urls[1], re.MULTILINE) if urls else []
    named = {name.lower(): url for name, url in found}
    return next((named[name] for name in ("repository", "source", "homepage") if name in named), "")


def _origin(root: Path) -> str:
    """Return the address of the repository that `root` was cloned from; empty where that is a folder."""
    # of this very folder: a copy inside another repository must not be told to be that one
    if not (root / ".git").exists():
        return ""
    try:
        command = ["git", "-C", str(root), "remote", "get-url", "origin"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return ""
    return web_address(done.stdout.strip()) if done.returncode == 0 else ""


def web_address(remote: str) -> str:
    """Return a git remote as an address to open in a browser, without what would let somebody in.

    >>> web_address("git@example.org:lab/segloop.git"), web_address("/srv/git/segloop")
    ('https://example.org/lab/segloop', '')
    >>> web_address("https://me:secret@example.org/lab/segloop.git")
    'https://example.org/lab/segloop'
    """
    found = re.fullmatch(r"(?:https?|ssh|git)://(?:[^@/]*@)?([^/:@]+)(?::\d+)?/(.+)", remote)
    found = found or re.fullmatch(r"(?:[^@/:]+@)([^/:@]+):(?!/)(.+)", remote)
    # one machine's own address is of no use to a reader
    if not found or "." not in found[1] or re.fullmatch(r"[\d.]+", found[1]):
        return ""
    return f"https://{found[1]}/{found[2].removesuffix('/').removesuffix('.git')}"
