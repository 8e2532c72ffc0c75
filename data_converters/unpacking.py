"""Says how archives that are read unpacked are unpacked."""

from __future__ import annotations

import shlex
import zipfile
from pathlib import Path

ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".7z", ".rar")


def unpack_command(archive: Path) -> str:
    """Return the command that unpacks an archive: into a folder of its name, unless it brings that along."""
    stem = archive.name
    for suffix in sorted(ARCHIVES, key=len, reverse=True):
        if stem.lower().endswith(suffix):
            stem = stem[: -len(suffix)]
            break
    target = archive.parent if _brings_folder(archive, stem) else archive.parent / stem
    packed, place = shlex.quote(str(archive)), shlex.quote(str(target))
    if archive.suffix.lower() == ".zip":
        return f"unzip -q {packed} -d {place}"
    if archive.suffix.lower() == ".7z":
        return f"7z x {packed} -o{place}"
    if archive.suffix.lower() == ".rar":
        return f"unrar x {packed} {place}/"
    return f"mkdir -p {place} && tar -xf {packed} -C {place}"  # tar makes no folder


def _brings_folder(archive: Path, stem: str) -> bool:
    try:
        with zipfile.ZipFile(archive) as opened:
            return all(name.startswith(f"{stem}/") for name in opened.namelist())
    except (OSError, zipfile.BadZipFile):
        return False
