"""The boxes of whole craft, all_bbox.txt: a dict as Python or JSON writes it, and nothing of it is run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

from segloop.utils.errors import FormatError, listing

BOXES = "all_bbox.txt"
ORDER = "max_x, max_y, min_x, min_y"
MOST_BYTES = 1 << 26
FARTHEST = 1 << 20  # from the origin that a corner is believed to lie, in pixels
MOST_BOXES = 1000  # of one image
Box: TypeAlias = tuple[float, float, float, float]  # left, top, right, bottom; the last pixels are inside

# json.loads and ast.literal_eval keep the last of two equal keys without a word, and the latter can be made
# to crash the interpreter; besides, this tells the place.
_TOKEN = re.compile(r"""\s*(?:([{}\[\](),:])|"([^"\\\n]*)"|'([^'\\\n]*)'|([^\s{}\[\](),:"'\\]+)|(\Z))""")
_NUMPY = re.compile(r"\bnp\.\w+\(([^()\n]*)\)")  # NumPy 2 prints its numbers like this
_WHOLE = re.compile(r"\d{1,15}")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_PAIRS = {"{": "}", "[": "]", "(": ")"}


class Entry(NamedTuple):
    """What the file says of an image: where, its boxes, and what is wrong with them."""

    line: int
    boxes: tuple[Box, ...]
    problems: tuple[str, ...] = ()


class Token(NamedTuple):
    """A sign, a word, a text in quotes, or the end."""

    kind: str
    text: str
    line: int
    column: int


def read_boxes(file: Path) -> dict[int, Entry]:
    """Return the boxes of each image by its number; a file that does not parse is a FormatError.

    What is wrong with the boxes of one image stands in its entry.
    """
    try:
        if (size := file.stat().st_size) > MOST_BYTES:
            raise FormatError(f"has {size} bytes; at most {MOST_BYTES} are read", file=file)
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(f"no UTF-8 text ({error})", file=file) from None
    except OSError as error:
        raise FormatError(f"cannot be read ({error.strerror or error})", file=file) from None
    return parse_boxes(text, file=file)


def parse_boxes(text: str, *, file: Path) -> dict[int, Entry]:
    """Return what `{"N": [[max_x, max_y, min_x, min_y], …], …}` says of each image."""
    scanner = _Scanner(_NUMPY.sub(r"\1", text), file)
    found: dict[int, Entry] = {}
    problems = []
    scanner.take("{", f'the file begins with {{ and holds "N": [[{ORDER}], …]')
    while not scanner.ends("}"):
        key = scanner.next()
        if key.kind == "sign":
            scanner.fail(key, "an image's number is expected here")
        scanner.take(":", "a colon is expected after an image's number")
        value = scanner.value(depth=2)
        where = f"line {key.line}, {key.text!r}"
        if not _WHOLE.fullmatch(key.text):
            problems.append(f"{where}: no image's number, which is a whole number from 0")
        elif (number := int(key.text)) in found:
            problems.append(f"{where}: the number is there before, in line {found[number].line}")
        else:
            found[number] = _entry(key.line, value, f"{file.name}, {where}")
    scanner.finish()
    if problems:
        raise FormatError(f"{len(problems)} problem(s)\n{listing(problems)}", file=file)
    return found


def _entry(line: int, value: list | str, where: str) -> Entry:
    if isinstance(value, str):
        return Entry(line, (), (f"{where}: {value!r} in place of a list of boxes",))
    if len(value) > MOST_BOXES:
        return Entry(line, (), (f"{where}: {len(value)} boxes; at most {MOST_BOXES} are read",))
    boxes: list[Box] = []
    problems = []
    for place, each in enumerate(value, start=1):
        box = _box(each)
        if isinstance(box, str):
            problems.append(f"{where}: box {place} of {len(value)}: {box}")
        else:
            boxes.append(box)
    return Entry(line, tuple(boxes), tuple(problems))


def _box(value: list | str) -> Box | str:
    """Return a box, or what is wrong with it."""
    if isinstance(value, str):
        return f"{value!r} in place of [{ORDER}]; a box is a list in the list of its image"
    if len(value) != 4:
        return f"{len(value)} numbers in place of {ORDER}"
    strange = [each for each in value if not isinstance(each, str) or not _NUMBER.fullmatch(each)]
    if strange:
        return f"{str(strange[0])!r} is no number"
    right, bottom, left, top = map(float, value)
    if max(map(abs, (right, bottom, left, top))) > FARTHEST:
        return f"a corner is more than {FARTHEST} pixels away"
    for high, low, side in ((right, left, "x"), (bottom, top, "y")):
        if high < low:
            return f"max_{side} {high:g} is under min_{side} {low:g}; the order is {ORDER}"
    return left, top, right, bottom


class _Scanner:
    """Walks through the tokens of a file, and says where they are not what they should be."""

    def __init__(self, text: str, file: Path) -> None:
        self.file = file
        self._tokens = self._scan(text)
        self._ahead: Token | None = None

    def _scan(self, text: str) -> Iterator[Token]:
        place, line, begin = 0, 1, 0
        while True:
            found = _TOKEN.match(text, place)
            start = found.start(found.lastindex or 0) if found else _after_blanks(text, place)
            line += text.count("\n", place, start)
            begin = text.rfind("\n", 0, start) + 1 if "\n" in text[place:start] else begin
            column = start - begin + 1
            if not found:
                yield Token("strange", text[start : start + 20], line, column)
                return
            sign, double, single, word, _ = found.groups()
            if sign:
                yield Token("sign", sign, line, column)
            elif double is not None or single is not None:
                yield Token("text", double if double is not None else single, line, column - 1)
            elif word:
                yield Token("word", word, line, column)
            else:
                yield Token("end", "", line, column)
                return
            place = found.end()

    def peek(self) -> Token:
        """Return the next token without taking it."""
        if self._ahead is None:
            self._ahead = next(self._tokens)
            if self._ahead.kind == "strange":
                self.fail(self._ahead, "this is neither a number, a text in quotes nor a bracket")
        return self._ahead

    def next(self) -> Token:
        """Take the next token; the end of the file is a fault."""
        token = self.peek()
        if token.kind == "end":
            self.fail(token, "the file ends here, before its last bracket is closed")
        self._ahead = None
        return token

    def take(self, sign: str, wanted: str) -> None:
        """Take a sign that must come now."""
        token = self.next()
        if (token.kind, token.text) != ("sign", sign):
            self.fail(token, wanted)

    def ends(self, bracket: str) -> bool:
        """Tell whether a list ends here, and take its bracket; a comma before it may stand."""
        token = self.peek()
        if (token.kind, token.text) == ("sign", bracket):
            self._ahead = None
            return True
        return False

    def value(self, *, depth: int) -> list | str:
        """Return a word, or a list of words or of lists of them; lists in these are a fault."""
        token = self.next()
        if token.kind != "sign":
            self._separate()
            return token.text
        if token.text not in "[(" or depth == 0:
            self.fail(token, f"a list of boxes [[{ORDER}], …] is expected, nothing deeper")
        items = []
        while not self.ends(_PAIRS[token.text]):
            items.append(self.value(depth=depth - 1))
        self._separate()
        return items

    def _separate(self) -> None:
        """Take the comma after a value; a closing bracket may come in its place."""
        token = self.peek()
        if (token.kind, token.text) == ("sign", ","):
            self._ahead = None
        elif token.kind != "end" and token.text not in _PAIRS.values():
            self.fail(token, "a comma is expected before this")

    def finish(self) -> None:
        """See that nothing follows."""
        token = self.peek()
        if token.kind != "end":
            self.fail(token, "nothing is expected after the closing bracket")

    def fail(self, token: Token, wanted: str) -> None:
        """Raise a fault at a token."""
        shown = f"{token.text[:20]!r}: " if token.text else ""
        raise FormatError(
            f"{shown}{wanted}", file=self.file, where=f"line {token.line}, column {token.column}"
        )


def _after_blanks(text: str, place: int) -> int:
    found = re.compile(r"\s*").match(text, place)
    return found.end() if found else place
