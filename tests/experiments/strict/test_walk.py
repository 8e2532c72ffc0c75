"""A slip is told from another word, and what a component's builder adds is not asked for."""

from __future__ import annotations

import pytest

from segloop.experiments.strict.places import visit
from segloop.experiments.strict.walk import Walk, misspelt


@pytest.mark.parametrize(
    ("name", "known", "guess"),
    [
        ("trian_cfg", "train_cfg", True),
        ("models", "model", True),
        ("log_procesor", "log_processor", True),
        ("norm_cfg", "env_cfg", False),
        ("fp16", "fp32", False),
        ("ch", "h", False),
    ],
)
def test_tells_a_slip_from_another_word(name: str, known: str, guess: bool) -> None:
    assert bool(misspelt(name, [known, "quite_another"])) is guess


def faults(model: dict) -> dict[str, str]:
    walk = Walk({"default_scope": "mmseg", "model": model})
    visit(walk)
    return {".".join(map(str, fault.keys)): fault.text for fault in walk.faults}


def test_a_layers_channels_are_added_by_its_builder() -> None:
    backbone = dict(type="mmseg.ResNet", depth=50, norm_cfg=dict(type="BN", requires_grad=True, epps=1))
    found = faults(dict(type="mmseg.EncoderDecoder", backbone=backbone))
    assert list(found) == ["model.backbone.norm_cfg.epps", "model"]
    assert found["model"] == "EncoderDecoder needs 'decode_head'"


def test_a_key_of_a_plain_dict_is_refused_if_it_is_close_to_one_that_is_read() -> None:
    head = dict(type="FCNHead", in_channels=4, channels=4, num_classes=2)
    model = dict(type="EncoderDecoder", backbone=dict(type="ResNet", depth=50), decode_head=head)
    assert faults({**model, "test_cfg": dict(mode="slide", crop_size=(4, 4), stride=(2, 2))}) == {}
    found = faults({**model, "test_cfg": dict(mode="slide", crop_siez=(4, 4), stride=(2, 2))})
    assert list(found) == ["model.test_cfg.crop_siez"]
    assert "Did you mean 'crop_size'?" in found["model.test_cfg.crop_siez"]
