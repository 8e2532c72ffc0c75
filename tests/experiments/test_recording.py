"""The record of a training: there from the start, right at the end, honest about what happened."""

from __future__ import annotations

import hashlib
import json
import os

import pytest
import torch
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import Dataset

from segloop.experiments import launch
from segloop.experiments.launch import Options
from segloop.experiments.recording import RecordTrainingHook, outcome


class Numbers(Dataset):
    data_root = None

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return torch.full((1, 4, 4), float(index))


class Line(BaseModel):
    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(1, 1, 1)

    def forward(self, inputs, data_samples=None, mode="tensor"):
        output = self.layer(inputs)
        return {"loss": output.square().mean()} if mode == "loss" else output


class Fixed(BaseMetric):
    def process(self, data_batch, data_samples):
        self.results.append(1)

    def compute_metrics(self, results):
        return {"mDice_fg": 42.0}


class At(Hook):
    """Calls something before an iteration."""

    def __init__(self, iteration, call):
        self.iteration, self.call = iteration, call

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == self.iteration:
            self.call(runner)


def collate(samples):
    return {"inputs": torch.stack(samples)}


def train(work_dir, *hooks, iters=3, **options):
    loader = {
        "dataset": Numbers(),
        "sampler": {"type": "DefaultSampler", "shuffle": False},
        "batch_size": 2,
        "collate_fn": collate,
    }
    runner = Runner(
        model=Line(),
        work_dir=str(work_dir),
        train_dataloader=loader,
        val_dataloader=loader,
        val_evaluator=[Fixed(prefix="x")],
        train_cfg={"by_epoch": False, "max_iters": iters, "val_interval": 2},
        val_cfg={},
        optim_wrapper={"optimizer": {"type": "SGD", "lr": 0.1}},
        default_hooks={
            "checkpoint": {
                "type": "CheckpointHook",
                "interval": 2,
                "by_epoch": False,
                "save_best": "x/mDice_fg",
                "rule": "greater",
            }
        },
        custom_hooks=[{"type": "RecordTrainingHook", "command": ["tools/train.py", "a.py"]}, *hooks],
        randomness={"seed": 7},
        experiment_name=f"line-{os.urandom(4).hex()}",
        default_scope="mmseg",
        **options,
    )
    with outcome(work_dir):
        runner.train()
    return runner


def read(work_dir, name="train.json"):
    return json.loads((work_dir / name).read_text())


def test_a_training_leaves_its_record(tmp_path):
    during = []
    train(tmp_path / "line", At(1, lambda runner: during.append(read(tmp_path / "line"))))
    assert during[0]["state"] == "running"
    assert during[0]["last_iter"] == 0
    record = read(tmp_path / "line")
    assert record["state"] == "done"
    assert (record["first_iter"], record["last_iter"], record["max_iters"]) == (0, 3, 3)
    assert record["command"] == ["tools/train.py", "a.py"]
    assert record["seed"] == 7
    assert record["experiment"] == "line"
    assert record["best_score"] == 42.0
    assert record["best_checkpoint"].startswith("best_x_mDice_fg_iter_2")
    assert record["last_scores"] == {"iter": 3, "x/mDice_fg": 42.0}
    assert record["duration_s"] >= record["val_s"] > 0
    assert record["train_s"] == pytest.approx(record["duration_s"] - record["val_s"], abs=0.002)
    assert record["peak_memory"]["process_bytes"] > 0
    assert (record["images"], record["batch_size"]) == (4, 2)
    assert record["versions"]["torch"]
    assert record["earlier"] == []


def test_the_record_holds_what_the_design_asks_for(tiny_trained):
    config, work_dir = tiny_trained
    record = read(work_dir)
    for keys in ("command", "seed", "duration_s", "train_s", "val_s", "started", "updated", "device", "log"):
        assert record[keys] not in (None, "", []), keys
    assert record["code"]["source"].startswith("sha256:")
    assert record["versions"]["torch"] == torch.__version__.partition("+")[0] or record["versions"]["torch"]
    assert record["data"]["content_hash"] == record["data"]["declared_hash"]
    assert record["data"]["read"]["files"] == 12  # images and masks of train and val
    assert {"cpu", "cores", "threads", "memory_bytes", "gpu", "instructions"} <= set(record["hardware"])
    assert record["peak_memory"]["process_bytes"] > 0
    kept = work_dir / record["config"]["file"]
    assert kept.name == config.name
    assert hashlib.sha256(kept.read_bytes()).hexdigest() == record["config"]["sha256"]


def test_the_config_is_kept_as_the_training_began_with_it(tiny_config, tmp_path):
    work_dir = tmp_path / "work"
    overrides = ["train_cfg.max_iters=1", "default_hooks.checkpoint.save_best=None"]
    launch.train(Options(config=str(tiny_config), overrides=overrides))
    start = tmp_path / "start.pth"
    (work_dir / "iter_1.pth").rename(start)
    launch.train(Options(config=str(tiny_config), overrides=[*overrides, f"load_from={start}"]))
    kept = (work_dir / "tiny_experiment.py").read_text()
    assert f"load_from = '{start}'" in kept
    first = read(work_dir)
    assert [each["key"] for each in first["weights"]] == ["load_from"]
    launch.evaluate(Options(config=str(tiny_config)))
    assert (work_dir / "tiny_experiment.py").read_text() == kept, "a test replaced it"
    again = Options(config=str(tiny_config), overrides=["train_cfg.max_iters=2", overrides[1]])
    launch.train(again, resume="auto")
    resumed = (work_dir / "tiny_experiment.py").read_text()
    for line in (f"load_from = '{start}'", "resume = False", "train_cfg = dict(max_iters=2,"):
        assert line in resumed
    record = read(work_dir)
    assert record["weights"] == first["weights"]
    told = {change["text"] for change in record["changed"]}
    assert "config: train_cfg.max_iters: recorded 1, now 2" in told
    assert {change["iter"] for change in record["changed"]} == {1}


def test_stale_data_are_warned_of_and_recorded_as_they_are(tiny_config, tiny_root, tmp_path, capsys):
    mask = next((tiny_root / "ann_dir/test").iterdir())
    mask.write_bytes(mask.read_bytes() + b" ")
    launch.train(Options(config=str(tiny_config), overrides=["train_cfg.max_iters=1"]))
    data = read(tmp_path / "work")["data"]
    assert data["content_hash"] != data["declared_hash"]
    assert f"they are recorded as {data['content_hash']}" in " ".join(capsys.readouterr().out.split())


def test_any_config_is_recorded_even_without_the_hook(tiny_config, tmp_path):
    text = tiny_config.read_text() + "\ndefault_hooks['record'] = None\n"
    tiny_config.write_text(text + "custom_hooks = [dict(type='RecordTrainingHook', summary=False)]\n")
    launch.train(Options(config=str(tiny_config), overrides=["train_cfg.max_iters=1"]))
    assert read(tmp_path / "work")["state"] == "done"
    assert not (tmp_path / "work/model.json").exists()


def test_the_model_is_summarized_with_the_batch_it_is_fed(tmp_path):
    train(tmp_path)
    model = read(tmp_path, "model.json")
    assert model["input_chw"] == [1, 4, 4]
    assert model["parameters"] == 2
    assert model["macs"] == 16
    assert model["blocks"][0]["name"] == "layer"


def test_an_update_at_each_validation(tmp_path):
    seen = []
    train(tmp_path, At(3, lambda runner: seen.append(read(tmp_path))), iters=4)
    assert (seen[0]["state"], seen[0]["last_iter"], seen[0]["last_scores"]["iter"]) == ("running", 2, 2)


@pytest.mark.parametrize(
    ("error", "state", "told"),
    [
        (KeyboardInterrupt(), "interrupted", None),
        (RuntimeError("no memory"), "failed", "RuntimeError: no memory"),
    ],
)
def test_how_a_training_ended(tmp_path, error, state, told):
    def stop(runner):
        raise error

    with pytest.raises(type(error)):
        train(tmp_path, At(1, stop))
    record = read(tmp_path)
    assert (record["state"], record["error"]) == (state, told)


def test_a_failure_before_the_training_began_leaves_an_earlier_record_alone(tmp_path):
    (tmp_path / "train.json").write_text('{"state": "running", "process": -1}')
    with pytest.raises(RuntimeError, match="early"), outcome(tmp_path):
        raise RuntimeError("early")
    assert read(tmp_path)["state"] == "running"


def test_a_resumed_training_remembers_the_earlier_ones(tmp_path):
    train(tmp_path, iters=2)
    train(tmp_path, iters=4, resume=True)
    record = read(tmp_path)
    assert (record["first_iter"], record["last_iter"]) == (2, 4)
    assert all(one["train_s"] > 0 for one in record["earlier"])  # else nobody knows how long it took in all
    assert [(one["first_iter"], one["last_iter"], one["state"]) for one in record["earlier"]] == [
        (0, 2, "done")
    ]
    train(tmp_path, iters=2)
    assert read(tmp_path)["earlier"] == []  # a fresh start, not a resumption


def test_a_damaged_record_does_not_stop_a_training(tmp_path):
    (tmp_path / "train.json").write_text("{")
    train(tmp_path)
    assert read(tmp_path)["state"] == "done"


def test_the_hook_is_ours_alone():
    from mmdet.registry import HOOKS as MMDET
    from mmseg.registry import HOOKS as MMSEG

    assert HOOKS.get("RecordTrainingHook") is RecordTrainingHook
    assert "RecordTrainingHook" not in MMSEG.module_dict
    assert "RecordTrainingHook" not in MMDET.module_dict
