"""The commands of `tools/cvat.py` that need no server: diff, apply, and files for CVAT's web page."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from segloop.utils.cli import Parser
from segloop.utils.errors import EXIT_DONE, UserError
from segloop.utils.progress import counted

if TYPE_CHECKING:  # numpy comes with it, and `--help` has no use for that
    from segloop.cvat.diff import Diff, Predict
    from segloop.cvat.files import FileCodec
    from segloop.cvat.packages import Plan
    from segloop.cvat.pull import Pulled
    from segloop.cvat.version import Write
    from segloop.data.annotations import LabelledImages

DIFFS = Path("work_dirs") / "cvat" / "diffs"
AUTO = "auto"
MEDIA = ("hardlink", "link", "copy")
Predicting = Callable[[str], "Predict"]


class Formats(Protocol):
    """What knows label formats; the tool passes `data_converters.cvat_loop` in."""

    def write_files(
    plans: Mapping[str, Plan], target: Path, codec: FileCodec, *, name: str, source: Mapping[str, Any], masks: str
) -> int:
    """Write what a person uploads in CVAT's web page, and say where it lies."""
    from segloop.cvat.files import HOST, INSTRUCTIONS
    from segloop.cvat.files import write_files as write
    from segloop.cvat.manifest import Manifest
    from segloop.utils.staging import staged

    with staged(target) as place:
        place.mkdir()
        manifest = Manifest.new(place, host=HOST, organization=None, name=name)
        manifest.source = source
        filed = write(plans, place, manifest, codec=codec, masks=masks)
    print("\n".join([*filed.tasks, *filed.told]))
    print(f"{filed.images:,} image(s), compared pixel for pixel. What to do: {target / INSTRUCTIONS}")
    return EXIT_DONE


def read_files(loop: Path, files: Sequence[Path], codec: FileCodec) -> Pulled:
    """Read what a person downloaded from CVAT's web page."""
    from segloop.cvat.files import read_files as read
    from segloop.cvat.manifest import need_manifest

    return read(need_manifest(loop), files, codec=codec)
