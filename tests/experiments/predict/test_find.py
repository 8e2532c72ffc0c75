"""A model is found by whatever a user names, and its classes have names."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from segloop.experiments.config import load_config
from segloop.experiments.predict.find import bare_model, class_names, find_model, is_checkpoint
from segloop.experiments.predict.find import test_steps as steps_of
from segloop.utils.errors import ConfigError

Files = tuple[Path, Path]


@pytest.fixture
def work_dir(semantic: Files, tmp_path: Path) -> Path:
    """A work_dir with two checkpoints, the config, and a RUN of the older one."""
    folder = tmp_path / "work"
    run = folder / "test/val-iter_1"
    run.mkdir(parents=True)
    shutil.copy(semantic[0], folder / "experiment.py")
    shutil.copy(semantic[0], run / "config.py")
    for name in ("iter_1.pth", "best_mDice_fg_iter_2.pth"):
        shutil.copy(semantic[1], folder / name)
    meta = {"checkpoint": {"file": "iter_1.pth"}, "classes": list("abcdef"), "background": 2}
    (run / "meta.json").write_text(json.dumps(meta))
    return folder


def test_a_work_dir_a_run_a_file_and_a_config_are_understood(work_dir: Path, semantic: Files) -> None:
    best, first = work_dir / "best_mDice_fg_iter_2.pth", work_dir / "iter_1.pth"
    assert find_model(work_dir).checkpoint == best
    assert find_model(work_dir, "last").checkpoint == first
    assert find_model(work_dir / "test/val-iter_1").checkpoint == first
    assert find_model(first).checkpoint == first
    assert find_model(work_dir / "experiment.py", first).checkpoint == first
    config = work_dir.parent / "experiment.py"
    config.write_text(semantic[0].read_text() + f"\nwork_dir = {str(work_dir)!r}\n")
    assert find_model(config).checkpoint == best


def test_another_checkpoint_takes_the_place_of_a_run_s_own_by_name_alone(work_dir: Path) -> None:
    (work_dir / "iter_1.pth").unlink()
    with pytest.raises(ConfigError, match=r"was made with .*iter_1\.pth, which is gone"):
        find_model(work_dir / "test/val-iter_1")
    best = work_dir / "best_mDice_fg_iter_2.pth"
    assert find_model(work_dir / "test/val-iter_1", "best").checkpoint == best


def test_a_file_that_was_trained_anew_is_not_what_a_run_tested(work_dir: Path) -> None:
    run, file = work_dir / "test/val-iter_1", work_dir / "iter_1.pth"
    meta = {"checkpoint": {"file": file.name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}}
    (run / "meta.json").write_text(json.dumps(meta))
    assert find_model(run).checkpoint == file
    file.write_bytes(b"another network")
    with pytest.raises(ConfigError, match=r"iter_1\.pth, whose file is another since"):
        find_model(run)
    assert find_model(run, "last").checkpoint == file  # named, it is meant


def test_a_run_that_names_its_checkpoint_in_another_way_has_the_work_dir_s(work_dir: Path) -> None:
    run = next((work_dir / "test").iterdir())
    before = find_model(work_dir).checkpoint
    (run / "meta.json").write_text(json.dumps({"checkpoint": ["iter_4.pth"]}))
    assert find_model(run).checkpoint == before


def test_a_published_folder_is_a_model(work_dir: Path, tmp_path: Path) -> None:
    from segloop.experiments.publishing import publish

    file = publish(work_dir / "iter_1.pth", out=tmp_path / "published")
    assert file.suffix == ".safetensors"
    found = find_model(tmp_path / "published")
    assert found.checkpoint == file
    assert found.config_file == tmp_path / "published/config.py"


def test_classes_are_named_by_the_weights_the_run_the_config_or_the_data(
    work_dir: Path, semantic: Files
) -> None:
    found = find_model(work_dir / "test/val-iter_1")
    notes = {"dataset_meta": {"classes": tuple("uvwxyz"), "palette": [[1, 2, 3]] * 6, "background": 0}}
    named = class_names(found, notes, count=6, semantic=True)
    assert (named.names, named.background, named.labels[1].color) == (tuple("uvwxyz"), 0, (1, 2, 3))
    published = class_names(found, {"classes": '["u", "v"]', "background": "1"}, count=2, semantic=True)
    assert (published.names, published.background) == (("u", "v"), 1)
    run = class_names(found, {}, count=6, semantic=True)
    assert (run.names, run.background) == (tuple("abcdef"), 2)
    plain = find_model(semantic[0], semantic[1])
    assert class_names(plain, {}, count=6, semantic=True).names[1] == "starfish"  # dataset.json
    assert class_names(plain, {}, count=3, semantic=False).names == ("class 0", "class 1", "class 2")
    assert class_names(plain, {"CLASSES": ["Background", "x"]}, count=2, semantic=True).background == 0


def test_a_class_without_another_has_no_index_for_the_rest(semantic: Files) -> None:
    found = find_model(semantic[0], semantic[1])
    with pytest.raises(ConfigError, match=r"num_classes is 1, .* model\.decode_head\.num_classes=2"):
        class_names(found, {"classes": ["ship"]}, count=1, semantic=True)
    assert class_names(found, {"classes": ["ship"]}, count=1, semantic=False).names == ("ship",)


def test_a_pipeline_without_augmentation_and_a_model_without_wrapper(semantic: Files) -> None:
    config = load_config(semantic[0])
    steps = steps_of(config)
    config.test_dataloader.dataset.pipeline = config.tta_pipeline
    assert steps_of(config) == steps
    inner = config.model
    inner.decode_head.loss_decode = [dict(type="CrossEntropyLoss", class_weight="gone.json")]
    config.model = dict(**config.tta_model, module=inner)
    bare = bare_model(config)
    assert bare.type == inner.type
    assert bare.decode_head.loss_decode[0].class_weight is None
    config.test_dataloader = config.val_dataloader = None
    config.test_pipeline = []
    with pytest.raises(ConfigError, match="nothing says how to load an image"):
        steps_of(config)


def test_weights_are_told_from_images() -> None:
    assert [is_checkpoint(word) for word in ("a.pth", "b.SAFETENSORS", "best", "last")] == [True] * 4
    assert not any(is_checkpoint(word) for word in ("a.png", "folder", "images/best.jpg"))
