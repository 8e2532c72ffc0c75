"""Names are told apart in pictures, whatever alphabet they are in."""

from __future__ import annotations

import pytest

from segloop.viz.letters import font, shown


@pytest.mark.parametrize("letters", ["éöß", "Мщё", "αβΩ", "–…"])
def test_the_letters_of_most_alphabets_are_drawn(letters: str) -> None:
    empty = font(14).getmask("\uffff")
    drawn = {bytes(font(14).getmask(each)) for each in letters}
    assert len(drawn) == len(letters)
    assert bytes(empty) not in drawn
    assert shown(letters) == letters


def test_letters_that_the_font_lacks_are_told_by_their_codes() -> None:
    assert shown("船 1") == "\\u8239 1"
    assert shown("a\nb\udce9") == "a\\nb\\udce9"
    assert font(14).getlength(shown("a\nb")) > 0
