"""JSON files of any length, read element by element, each with the bytes that it takes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple, NoReturn

from segloop.utils.errors import DataError, FormatError

BLOCK = 1 << 20
MOST_BYTES = 1 << 26  # of one element: a mask of 2**28 pixels needs less, unless it is noise
_BLANK = re.compile(r"[ \t\n\r]*")
_BEHIND = re.compile(r"[ \t\n\r]*([,\]])[ \t\n\r]*")
MOST_TOGETHER = 200  # values of a piece
_CUT = 16  # so close to the end of what was read an error may come from the cut and not from the file
_decode = json.JSONDecoder().decode
_scan: Callable[[str, int], tuple[Any, int]] = vars(json.JSONDecoder())["scan_once"]  # as fast as json.loads


class Element(NamedTuple):
    """A value, the key it is found under, its place in the list there, and its bytes in the file.

    Each key comes first with place -1: with its value, or with an empty list where a list begins. Texts are
    as Latin-1 has them: whoever needs them decodes the bytes. A file that is one list has the key "".
    """

    key: str
    place: int
    value: Any
    start: int
    stop: int


class Piece(NamedTuple):
    """Values of one list that lie beside each other, the first of which has the place `place`; or one value.

    They are what `Element` says of each: bytes `starts[n]` to `stops[n]` hold `values[n]`.
    """

    key: str
    place: int
    values: list[Any]
    starts: list[int]
    stops: list[int]

    def elements(self) -> Iterator[Element]:
        """Yield the values one by one."""
        spans = zip(self.values, self.starts, self.stops, strict=True)
        for number, (value, start, stop) in enumerate(spans):
            yield Element(self.key, self.place + number, value, start, stop)


def pieces(file: Path, *, shown: Path | None = None) -> Iterator[Piece]:
    """Yield what a JSON object of lists, or one list, holds, with a few blocks of the file in memory.

    `shown` is what errors call the file, if it is not where the user has it.
    """
    shown = shown or file
    try:
        with file.open("rb") as opened:
            yield from _Reader(shown, opened).pieces()
    except FileNotFoundError:
        raise DataError(f"{shown} does not exist.") from None
    except OSError as error:
        raise DataError(f"{shown} cannot be read: {error.strerror}.") from None


def elements(file: Path, *, shown: Path | None = None) -> Iterator[Element]:
    """Yield the same one by one."""
    for piece in pieces(file, shown=shown):
        yield from piece.elements()


def decoded(data: bytes) -> Any:
    """Return the value of an element's bytes, texts and all; ValueError says what is not UTF-8."""
    try:
        return _decode(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start} of it is not UTF-8") from None


class _Reader:
    """A window that goes over a file as Latin-1, in which a character is a byte, and JSON reads the same."""

    def __init__(self, file: Path, opened: IO[bytes]) -> None:
        self.file, self.opened = file, opened
        self.text, self.base, self.whole = "", 0, False
        self.read_on(0)
        start = 3 if self.text.startswith("\xef\xbb\xbf") else 0
        if self.text.startswith(("\xff\xfe", "\xfe\xff")) or "\0" in self.text[:4]:
            raise FormatError("is not UTF-8; save it as UTF-8", file=file, where="byte 0")
        self.here = self.skip(start)
        if self.here == len(self.text):
            raise FormatError("the file is empty", file=file)

    def read_on(self, here: int) -> int:
        """Forget what lies before `here`, read another block, and return where `here` is now."""
        if len(self.text) - here > MOST_BYTES:
            self.fail(f"one value takes more than {MOST_BYTES} bytes", here)
        block = self.opened.read(max(BLOCK, len(self.text) - here))
        self.whole = not block
        self.base += here
        self.text = self.text[here:] + block.decode("latin-1")
        return 0

    def skip(self, here: int) -> int:
        """Return where the next sign that is not blank is, or the end of the text if it is the file's."""
        while True:
            match = _BLANK.match(self.text, here)
            here = match.end() if match else here
            if here < len(self.text) or self.whole:
                return here
            here = self.read_on(here)

    def value(self, here: int) -> tuple[Any, int, int]:
        """Return the value at `here`, where it began and where it ends, both within the text as it is now."""
        while True:
            try:
                value, end = _scan(self.text, here)
                if end + _CUT <= len(self.text) or self.whole:  # else a number could go on
                    return value, here, end
            except json.JSONDecodeError as error:
                unfinished = error.msg.startswith("Unterminated")
                if self.whole or not (unfinished or error.pos + _CUT > len(self.text)):
                    self.fail(error.msg, error.pos)
            except StopIteration as error:
                if self.whole or error.value + _CUT <= len(self.text):
                    self.fail("Expecting value", error.value)
            except RecursionError:
                self.fail("lists in lists, too deep to be read", here)
            except ValueError as error:  # a number of more digits than Python is willing to read
                self.fail(str(error), here)
            here = self.read_on(here)

    def pieces(self) -> Iterator[Piece]:
        opening = self.text[self.here]
        if opening == "[":
            yield self.one("", [], self.here, self.here + 1)
            yield from self.list_pieces("")
        elif opening == "{":
            yield from self.object_pieces()
        else:
            self.fail("Expecting an object or a list", self.here)
        self.here = self.skip(self.here)
        if self.here < len(self.text):
            self.fail("there is more after the end", self.here)

    def one(self, key: str, value: Any, begin: int, end: int) -> Piece:
        return Piece(key, -1, [value], [self.base + begin], [self.base + end])

    def object_pieces(self) -> Iterator[Piece]:
        here = self.skip(self.here + 1)
        if self.text[here : here + 1] == "}":
            self.here = here + 1
            return
        while True:
            if self.text[here : here + 1] != '"':
                self.fail("Expecting property name enclosed in double quotes", here)
            key, _, here = self.value(here)
            here = self.skip(here)
            if self.text[here : here + 1] != ":":
                self.fail("Expecting ':' delimiter", here)
            here = self.skip(here + 1)
            if self.text[here : here + 1] == "[":
                yield self.one(key, [], here, here + 1)
                self.here = here
                yield from self.list_pieces(key)
                here = self.here
            else:
                value, begin, here = self.value(here)
                yield self.one(key, value, begin, here)
            here = self.skip(here)
            sign = self.text[here : here + 1]
            if sign == "}":
                self.here = here + 1
                return
            if sign != ",":
                self.fail("Expecting ',' delimiter", here)
            here = self.skip(here + 1)

    def list_pieces(self, key: str) -> Iterator[Piece]:
        here = self.skip(self.here + 1)
        if self.text[here : here + 1] == "]":
            self.here = here + 1
            return
        piece = Piece(key, 0, [], [], [])
        while True:
            value, begin, here = self.value(here)
            piece.values.append(value)
            piece.starts.append(self.base + begin)
            piece.stops.append(self.base + here)
            match = _BEHIND.match(self.text, here)
            if match and match.end() < len(self.text):
                sign, here = match[1], match.end()
            else:  # at the end of the window
                here = self.skip(here)
                sign = self.text[here : here + 1]
                here = self.skip(here + 1) if sign == "," else here + 1
            if sign != "," or len(piece.values) == MOST_TOGETHER:
                yield piece
                piece = Piece(key, piece.place + len(piece.values), [], [], [])
            if sign == "]":
                self.here = here
                return
            if sign != ",":
                self.fail("Expecting ',' delimiter", here - 1)

    def fail(self, message: str, here: int) -> NoReturn:
        """Say what is wrong at a place of the text; what was cut off is said to be."""
        byte = self.base + min(here, len(self.text))
        if self.whole and here >= len(self.text):
            message = "the file ends too early"
        raise FormatError(
            f"not valid JSON: {message}", file=self.file, where=f"line {self.line(byte)}, byte {byte}"
        )

    def line(self, byte: int) -> int:
        """Return the line that a byte is in, from 1."""
        self.opened.seek(0)
        breaks = 0
        while byte > 0 and (block := self.opened.read(min(BLOCK, byte))):
            breaks += block.count(b"\n")
            byte -= len(block)
        return breaks + 1
