"""Plays the relabelling loop from planted mistakes to the measured gain, with an automatic annotator.

    python -m supplementary.cvat.demo
    python -m supplementary.cvat.demo --out work_dirs/demo_cvat --count train=240 val=60 test=120 --iters 300

Draws a data set, plants label errors in it, trains, ranks suspect labels, pushes those images to a stand-in
for CVAT's server, lets the annotator mend them, pulls, compares, makes a version, trains again, and judges
both models on the labels of both versions. Without cvat-sdk, or with --files, it goes by the files of CVAT's
web page.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from segloop.data.info import DatasetInfo
from segloop.data.layout import read_list
from segloop.data.planting import Planted, spoil
from segloop.utils.atomic import write_text

ROOT = Path(__file__).resolve().parents[2]
CONFIG = "configs/config_experiment_2.py"
SPLITS = ("train", "val", "test")
TRUTH = "truth"


def say(text: str) -> None:
    """Tell what comes next."""
    print(f"\n=== {text}", flush=True)


def call(*words: str | Path, **environment: str) -> None:
    """Show a command and run it; a failure ends the demo."""
    print(f"$ python {shlex.join(map(str, words))}", flush=True)
    home = f"{ROOT / 'src'}{os.pathsep}{ROOT}"
    # the stand-in knows nothing of the user's server, and is not to hear of its secrets
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CVAT_")}
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=ROOT,
        env={**kept, "PYTHONPATH": home, **environment},
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.returncode)


def plant(data: Path, *, share: float, seed: int) -> list[Planted]:
    """Plant mistakes into all splits of a set; the true labels were kept beside it."""
    planted = []
    for number, split in enumerate(SPLITS):
        found = spoil(data, split, share=share, seed=seed + number)
        planted += [Planted(f"{split}/{each.image_id}", each.kind, each.box_xyxy) for each in found]
    return planted


def suspects(work: Path) -> list[str]:
    """Return the images with suspect labels of all splits, `<split>/<id>`."""
    found = []
    for split in SPLITS:
        (folder,) = (work / "test").glob(f"{split}-*")
        found += [f"{split}/{name}" for name in read_list(folder / "analysis" / "lists" / "suspects.txt")]
    return found


def main() -> int:
    """Play the loop."""
    args = parse_args()
    began = time.monotonic()
    out: Path = args.out.absolute()
    if out.exists():
        if not (out / "suspects.txt").is_file() and any(out.iterdir()):
            raise SystemExit(f"{out} holds something that is not this demo's; name another with --out.")
        shutil.rmtree(out)
    out.mkdir(parents=True)
    data, truth, work, loop = out / "data" / "multiclass", out / TRUTH, out / "work_dirs", out / "loop"
    options = [f"train_cfg.max_iters={args.iters}", f"train_cfg.val_interval={args.iters}", *args.cfg_options]
    write_text(out / "suspects.txt", "")
    say("A data set, drawn, and mistakes planted in its labels")
    call("tools/prepare.py", "multiclass", "--demo", "--out", data, "--count", *args.count)
    shutil.copytree(data, truth, copy_function=os.link)
    planted = plant(data, share=args.share, seed=args.seed)
    call("-c", REHASH, data)
    print(f"{len(planted)} images have a planted mistake: left out, wrong class, or moved")
    say("Train on it, and ask the model which labels are suspect")
    moved = ["--cfg-options", f"data_root={data}", *options]
    first = work / f"{Path(CONFIG).stem}-v0"
    call("tools/train.py", CONFIG, "--work-dir", first, "--seed", str(args.seed), *moved)
    for split, images in DatasetInfo.read(data).splits.items():
        call("tools/test.py", CONFIG, first, "--split", split, "--work-dir", first, *moved)
        call("tools/analyze.py", first, "--split", split, "--topk", str(max(1, round(args.relabel * images))))
    listed = suspects(first)
    write_text(out / "suspects.txt", "".join(f"{name}\n" for name in listed))
    hit = {each.image_id for each in planted} & set(listed)
    print(f"{len(listed)} images are suspect, {len(hit)} of the {len(planted)} with a mistake among them")
    relabel(args, data=data, truth=truth, loop=loop, listed=out / "suspects.txt")
    say("What was changed, and a new version of the data set")
    call("tools/cvat.py", "diff", data, loop, "--out", out / "diff")
    call("tools/cvat.py", "apply", data, loop, "--out", out / "diff")
    say("Train on both versions, and judge both models on the labels of both")
    version = data / "versions" / "1"
    call(
        *("tools/judge.py", CONFIG, data, version, "--work-dirs", work, "--out", out / "compare"),
        *("--seed", str(args.seed), "--cfg-options", *options),
    )
    left = still_wrong(truth, data, version)
    print(
        f"\nDone in {(time.monotonic() - began) / 60:.0f} minutes. Of the labels {left[0]:,} pixels were "
        f"wrong, {left[1]:,} are after one round.\n"
        f"  what people changed   {out / 'diff' / 'index.html'}\n"
        f"  the new version       {version}\n"
        f"  gain, old test labels {out / 'compare' / 'on-v0' / 'index.html'}\n"
        f"  gain, new test labels {out / 'compare' / 'on-v1' / 'index.html'}"
    )
    return 0


REHASH = (
    "import sys; from dataclasses import replace; from segloop.data.info import DatasetInfo, content_hash; "
    "root = sys.argv[1]; replace(DatasetInfo.read(root), content_hash=content_hash(root)).write(root)"
)


def relabel(args: argparse.Namespace, *, data: Path, truth: Path, loop: Path, listed: Path) -> None:
    """Send the suspects away, let the annotator mend them, and bring them back."""
    from data_converters.base import ReadOptions
    from data_converters.mmseg import read
    from segloop.cvat.manifest import need_manifest
    from supplementary.cvat.annotator import annotate, annotate_files, true_records

    known = true_records(read(truth, options=ReadOptions()))
    if args.files or find_spec("cvat_sdk") is None:
        say("Files for CVAT's web page; the annotator mends them; back again")
        call("tools/cvat.py", "push", data, "--images", listed, "--to-files", loop)
        done, files = annotate_files(need_manifest(loop), loop / "exports", known)
        print(f"Annotator: {done}")
        call("tools/cvat.py", "pull", loop, "--from-files", *files)
        return
    from segloop.cvat.credentials import Credentials
    from segloop.cvat.server import connect
    from tests.cvat.standin.server import running

    with running() as stand_in:
        say(f"Push to a stand-in for CVAT's server ({stand_in.url}); the annotator mends; pull")
        file = loop.with_name("cvat.env")
        file.write_text(
            f"CVAT_HOST={stand_in.url}\nCVAT_USERNAME=anna\nCVAT_PASSWORD=secret\n", encoding="utf-8"
        )
        file.chmod(0o600)
        who = {"CVAT_CREDENTIALS": str(file.absolute())}
        call("tools/cvat.py", "push", data, "--images", listed, "--loop", loop, "--chunk", "40", **who)
        with connect(Credentials(host=stand_in.url, username="anna", password="secret")) as server:
            print(f"Annotator: {annotate(server, need_manifest(loop), known)}")
        for task in stand_in.state.tasks.values():
            for job in task.jobs:
                job.state, job.assignee = "completed", "anna"
        call("tools/cvat.py", "status", loop, **who)
        call("tools/cvat.py", "pull", loop, **who)


def still_wrong(truth: Path, *roots: Path) -> list[int]:
    """Return how many pixels of each set's labels are not the true ones."""
    from data_converters.base import ReadOptions
    from data_converters.mmseg import read

    known = {(each.split, each.image_id): each.semantic for each in read(truth, options=ReadOptions())}
    return [
        sum(
            int((known[each.split, each.image_id] != each.semantic).sum())
            for each in read(root, options=ReadOptions())
        )
        for root in roots
    ]


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--out", type=Path, default=Path("work_dirs/demo_cvat"), help="replaced (%(default)s)"
    )
    parser.add_argument("--count", nargs="+", default=["train=240", "val=60", "test=120"], metavar="N")
    parser.add_argument("--iters", type=int, default=300, help="of each training (%(default)s)")
    parser.add_argument("--share", type=float, default=0.35, help="of images with a mistake (%(default)s)")
    parser.add_argument(
        "--relabel", type=float, default=0.33, help="of each split's images, the most suspect (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--files", action="store_true", help="by the files of CVAT's web page, without a server"
    )
    parser.add_argument("--cfg-options", nargs="+", action="extend", default=[], metavar="KEY=VALUE")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
