"""A damaged checkpoint is found, told of in one line, and the one before it is taken."""

from __future__ import annotations

import os
from pathlib import Path

import mmengine.dist
import pytest
import torch
from mmengine.config import Config

from segloop.experiments.launch import settle_resume
from segloop.experiments.resume import damage, newest_whole, require_whole
from segloop.utils.errors import ConfigError


@pytest.fixture
def work_dir(tmp_path: Path) -> Path:
    """A run of three checkpoints, the last noted; one of an earlier, longer run is left in the folder."""
    for age, step in enumerate((900, 2, 4, 6)):
        path = tmp_path / f"iter_{step}.pth"
        torch.save({"step": step, "weights": torch.arange(50.0) * step}, path)
        os.utime(path, (1000 + age, 1000 + age))
    (tmp_path / "last_checkpoint").write_text(str(tmp_path / "iter_6.pth"))
    return tmp_path


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x03\x04", 700) - 200] ^= 4  # among the weights
    path.write_bytes(content)


def test_takes_the_newest_if_it_is_whole(work_dir: Path) -> None:
    assert newest_whole(work_dir) == (work_dir / "iter_6.pth", [])
    assert newest_whole(work_dir / "nowhere") == (None, [])


@pytest.mark.parametrize(("harm", "words"), [(truncate, "its end is missing"), (flip, "checksum of")])
def test_tells_of_a_damaged_one_and_takes_the_one_before(
    harm: object, words: str, work_dir: Path, capsys: pytest.CaptureFixture
) -> None:
    harm(work_dir / "iter_6.pth")  # type: ignore[operator]
    config = Config(dict(work_dir=str(work_dir)))
    settle_resume(config, "auto")
    assert config.resume
    assert config.load_from == str(work_dir / "iter_4.pth")
    (line,) = capsys.readouterr().err.splitlines()
    assert "iter_6.pth is damaged" in line
    assert words in line
    assert line.endswith("Going on from " + str(work_dir / "iter_4.pth") + ".")
    with pytest.raises(ConfigError, match=r"iter_6.pth is damaged.*iter_4.pth is whole"):
        settle_resume(config, str(work_dir / "iter_6.pth"))


def test_can_report_that_nothing_is_whole(work_dir: Path) -> None:
    for step in (2, 4, 6):
        truncate(work_dir / f"iter_{step}.pth")
    with pytest.raises(ConfigError, match=r"(?s)iter_6.*iter_4.*iter_2"):
        newest_whole(work_dir)
    with pytest.raises(ConfigError, match=r"iter_4.pth is damaged: its end is missing.$"):
        require_whole(work_dir / "iter_4.pth")


def test_without_a_usable_note_the_newest_file_is_taken(
    work_dir: Path, capsys: pytest.CaptureFixture
) -> None:
    for note in (b"", b"\xff\xfe", b"iter_8.pth"):
        (work_dir / "last_checkpoint").write_bytes(note)
        config = Config(dict(work_dir=str(work_dir), resume=True))
        settle_resume(config, None)  # the config may ask for it as well as the flag
        assert config.load_from == str(work_dir / "iter_6.pth")
        assert "last_checkpoint names no checkpoint that is there. Going on from" in capsys.readouterr().err
    config = Config(dict(work_dir=str(work_dir), resume=False))
    settle_resume(config, None)
    assert "load_from" not in config


def test_where_nothing_is_to_be_resumed_it_starts_from_the_weights_that_the_config_names(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    config = Config(dict(work_dir=str(tmp_path), load_from="given.pth"))
    settle_resume(config, "auto")
    assert (config.resume, config.load_from) == (False, "given.pth")
    assert "starts from the beginning, from the weights of given.pth." in capsys.readouterr().err
    config = Config(dict(work_dir=str(tmp_path), load_from="auto", resume=True))
    settle_resume(config, None)
    assert (config.resume, config.load_from) == (False, None)


def test_one_of_several_processes_says_what_is_resumed(
    work_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(mmengine.dist, "is_main_process", lambda: False)
    truncate(work_dir / "iter_6.pth")
    config = Config(dict(work_dir=str(work_dir)))
    settle_resume(config, "auto")
    assert config.load_from == str(work_dir / "iter_4.pth")
    settle_resume(Config(dict(work_dir=str(work_dir / "empty"))), "auto")
    assert not capsys.readouterr().err


def test_of_a_folder_the_newest_is_taken_and_not_the_best(
    work_dir: Path, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture
) -> None:
    torch.save({"state_dict": {"weight": torch.ones(2)}}, work_dir / "best_mIoU_iter_4.pth")
    truncate(work_dir / "iter_6.pth")
    config = Config(dict(work_dir=str(tmp_path_factory.mktemp("another"))))
    settle_resume(config, str(work_dir))
    assert (config.resume, config.load_from) == (True, str(work_dir / "iter_4.pth"))
    assert "iter_6.pth is damaged" in capsys.readouterr().err
    with pytest.raises(ConfigError, match=r"no checkpoint in .* to go on with"):
        settle_resume(config, config.work_dir)


def test_what_an_earlier_training_left_is_not_gone_on_with(work_dir: Path) -> None:
    for step, session in ((2, "toy_1"), (4, "toy_2"), (6, "toy_2")):
        content = {"meta": {"experiment_name": session}, "weights": torch.arange(50.0)}
        path = work_dir / f"iter_{step}.pth"
        torch.save(content, path)
        os.utime(path, (2000 + step, 2000 + step))
    (work_dir / "train.json").write_text('{"log": "3", "earlier": [{"log": "2"}]}')
    assert newest_whole(work_dir)[0] == work_dir / "iter_6.pth"
    truncate(work_dir / "iter_6.pth")
    assert newest_whole(work_dir)[0] == work_dir / "iter_4.pth"
    truncate(work_dir / "iter_4.pth")
    with pytest.raises(ConfigError, match="No checkpoint in"):
        newest_whole(work_dir)
    (work_dir / "last_checkpoint").unlink()  # as a training that is started anew does
    (work_dir / "train.json").write_text('{"log": "4", "earlier": []}')
    for step in (4, 6):
        (work_dir / f"iter_{step}.pth").unlink()
    assert newest_whole(work_dir) == (None, [])


def test_no_flipped_bit_changes_a_weight_unseen(work_dir: Path) -> None:
    path = work_dir / "iter_2.pth"
    content = path.read_bytes()
    whole = torch.load(path)
    seen = 0
    for place in range(0, len(content), 3):
        changed = bytearray(content)
        changed[place] ^= 1 << place % 8
        path.write_bytes(changed)
        if damage(path) is not None:
            seen += 1
            continue
        try:  # what the checksums do not cover is padding, dates and the like
            loaded = torch.load(path, weights_only=True)
        except Exception:
            continue
        assert loaded["step"] == whole["step"]
        assert torch.equal(loaded["weights"], whole["weights"])
    assert seen > len(content) // 3 / 3
