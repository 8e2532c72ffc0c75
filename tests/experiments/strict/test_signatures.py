"""What a class takes is read through `**kwargs`, and where anything goes nothing is refused."""

from __future__ import annotations

from typing import Any

import pytest
from mmcv.ops import ModulatedDeformConv2d
from mmseg.models import ResNet
from mmseg.models.decode_heads.knet_head import IterativeDecodeHead
from torch import nn

from segloop.experiments.strict.signatures import signature_of, words_of


class Base:
    """A base.

    Args:
        size (int): Its size.
    """

    def __init__(self, size, name: str = "x", *, colour=None) -> None:  # type: ignore[no-untyped-def]
        self.given = (size, name, colour)


class Forwards(Base):
    def __init__(self, extra: int = 0, **kwargs: Any) -> None:
        super().__init__(name="fixed", **kwargs)
        self.extra = extra


class Positional(Base):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(3, **kwargs)


class Named(Base):
    def __init__(self, **kwargs: Any) -> None:
        Base.__init__(self, **kwargs)


class Reads(Base):
    def __init__(self, **kwargs: Any) -> None:
        self.depth = kwargs.pop("depth", 1)
        super().__init__(**kwargs)


class Keeps(Base):
    def __init__(self, **kwargs: Any) -> None:
        self.kwargs = kwargs
        super().__init__(**kwargs)


class Swallows:
    def __init__(self, **kwargs: Any) -> None:
        pass


class Network(nn.Module):
    def __init__(self, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width = width


class Inherits(Forwards):
    pass


@pytest.mark.parametrize(
    ("target", "names", "swallows"),
    [
        (Base, {"size", "name", "colour"}, False),
        (Forwards, {"extra", "size", "colour"}, False),
        (Inherits, {"extra", "size", "colour"}, False),
        (Positional, {"name", "colour"}, False),
        (Named, {"size", "name", "colour"}, False),
        (Reads, {"depth", "size", "name", "colour"}, False),
        (Keeps, set(), True),
        (Swallows, set(), True),
        (Network, {"width"}, False),
    ],
)
def test_follows_kwargs(target: type, names: set[str], swallows: bool) -> None:
    found = signature_of(target)
    assert set(found.arguments) == names
    assert found.open is swallows


def test_knows_what_is_required_and_what_kind_it_is() -> None:
    arguments = signature_of(Forwards).arguments
    assert [name for name, argument in arguments.items() if argument.required] == ["size"]
    assert not arguments["size"].refuses("big")  # only a docstring says int, and it was not checked
    assert arguments["extra"].refuses("many")
    assert not arguments["colour"].refuses(object)


def test_believes_checked_docstrings_against_a_text_only() -> None:
    depth = signature_of(ResNet).arguments["depth"]
    assert depth.refuses("fifty")
    assert not depth.refuses([50])


def test_takes_former_names_and_names_behind_another_class() -> None:
    assert "deformable_groups" in signature_of(ModulatedDeformConv2d).arguments
    needed = {name for name, each in signature_of(IterativeDecodeHead).arguments.items() if each.required}
    assert needed == {"num_stages", "kernel_generate_head", "kernel_update_head"}


def test_knows_the_words_of_a_class_and_its_bases() -> None:
    assert {"kwargs", "depth", "given"} <= words_of(Reads)
    assert "no_such_word" not in words_of(Reads)
