"""The model is told of by model.json and by its config, reasons included."""

from __future__ import annotations

from pathlib import Path

from segloop.analysis.report import model
from segloop.analysis.report.bibliography import Reference
from segloop.analysis.report.contents import Contents
from tests.analysis.report.made import all_text, contents_of, facts_of, write_json, write_training


def test_the_architecture_is_drawn_and_listed(tmp_path: Path) -> None:
    known = {"ronneberger2015unet": Reference("ronneberger2015unet", "", "U-Net", "2015")}
    part = model.architecture(contents_of(tmp_path, references=known))
    assert [type(block).__name__ for block in part.blocks] == ["Drawing", "Fold"]
    assert "backbone.encoder.1" in all_text(part)
    assert "cite ronneberger2015unet" in all_text(part)
    assert "milletari" not in all_text(part), "what references.bib lacks is not cited"


def test_size_and_what_was_not_counted(tmp_path: Path) -> None:
    text = all_text(model.model_size(contents_of(tmp_path)))
    for told in ("1,300", "5.2 kB", "0.00 G", "3 × 64 × 64", "relu_ (3)", "convolution", "for 150 regions"):
        assert told in text


def test_losses_have_weights_settings_and_reasons(tmp_path: Path) -> None:
    table = model.losses_and_metrics(contents_of(tmp_path)).blocks[1]
    rows = [all_text(row) for row in table.rows]
    assert "CrossEntropyLoss" in rows[0]
    assert "1 – –" in rows[0]
    assert "model.decode_head.loss_decode.1" in rows[1]
    assert "0.5 {'background': 0} sees what is rare  (base.py)" in rows[1]


def test_the_rules_of_the_metrics_are_told(tmp_path: Path) -> None:
    assert "Over the set: pixels are counted" in all_text(model.losses_and_metrics(contents_of(tmp_path)))


def test_each_setting_has_its_reason_or_a_dash(tmp_path: Path) -> None:
    part = model.hyper_parameters(contents_of(tmp_path))
    rows = {row[0].text: (row[1].text, all_text(row[2])) for row in part.blocks[0].rows}
    assert rows["optim_wrapper.optimizer.lr"] == ("0.004", "four times as large  (net.py)")
    assert rows["optim_wrapper.optimizer.type"] == ("AdamW", "–")
    assert rows["train_cfg.max_iters"] == ("100", "set on the command line")
    assert "data_root" not in rows, "where things lie is no setting"
    assert rows["model.backbone.channels"][1] == "more learns no faster  (base.py)"


def test_what_is_gone_is_told_of(tmp_path: Path) -> None:
    folder = write_training(tmp_path)
    (tmp_path / "configs/net.py").unlink()
    work = folder.parents[1]
    write_json(work / "model.json", {"reason": "it was not built", "parameters": 3})
    report = Contents([facts_of(folder, tmp_path)])
    assert "cannot be drawn: it was not built" in all_text(model.architecture(report))
    assert "FLOPs were not counted: it was not built" in all_text(model.model_size(report))
    assert "source is not there any more" in all_text(model.hyper_parameters(report))
    (work / "model.json").unlink()
    assert "model.json is not in the work_dir" in all_text(
        model.model_size(Contents([facts_of(folder, tmp_path)]))
    )
