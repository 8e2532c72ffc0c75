"""What a reader must know before he believes a comparison is said."""

from __future__ import annotations

from segloop.analysis.compare import compare
from tests.analysis.runs_compared import write_pair, write_timing


def numbers_of(runs, **options):
    return compare(runs, **({"repeats": 120} | options)).numbers


def test_notes_of_what_a_reader_must_know(tmp_path):
    runs = write_pair(tmp_path, number=1, split="val")
    for run, cpu in zip(runs, "xy", strict=True):
        write_timing(run.folder, 0.5, device=cpu)
        run.meta["hardware"] = {"cpu": cpu, "cores": 2, "threads": 2}
        run.meta["data"]["content_hash"] = cpu
    notes = " ".join(numbers_of(runs, common=True)["notes"])
    for part in (
        "chosen on the val split", "One image gives no intervals", "data set has changed",
        "Different machines: inference times", "Inference was timed under different conditions",
    ):  # fmt: skip
        assert part in notes
    for run in runs:
        run.meta["split"] = "train"
    assert "learnt them by heart" in " ".join(numbers_of(runs, common=True)["notes"])


def test_a_config_that_keeps_images_together_is_a_hint(tmp_path):
    runs = write_pair(tmp_path, number=3)
    file = runs[1].folder / "config.py"
    file.write_text(file.read_text() + "kfold = dict(fold=1, group=dict(regex='(a|b)_'))\n")
    notes = numbers_of(runs)["notes"]
    assert notes[-1].endswith("each for itself: --group 'regex=(a|b)_'")
    assert not any("--group" in note for note in numbers_of(runs, group={"regex": ".*"})["notes"])
