"""XML that is read without believing it, and text that any XML reader gives back as it was."""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import Any
from xml.parsers import expat

from segloop.utils.errors import DataError, FormatError

BLOCK = 1 << 20
MOST_TAG = 1 << 26  # bytes of one tag with all it says: the run lengths of a mask stand in one
MOST_DEPTH = 32
_DECLARED = re.compile(rb"<\?xml[^>]*?encoding\s*=\s*[\"']([\w.-]+)")
_ONE_BYTE = ("ascii", "cp", "iso8859", "koi8", "latin", "mac")  # the kinds that expat can be taught
_ENDS_EARLY = {
    expat.errors.codes[getattr(expat.errors, name)]
    for name in (
        "XML_ERROR_NO_ELEMENTS",
        "XML_ERROR_UNCLOSED_TOKEN",
        "XML_ERROR_UNCLOSED_CDATA_SECTION",
        "XML_ERROR_PARTIAL_CHAR",
    )
}
# What XML 1.0 has no way to write, not even as a number; the halves of surrogates stand for bytes of file
# names that are no text.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_IN_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
# A reader turns line ends and tabs inside of quotes into blanks, unless they are written as numbers.
_IN_QUOTES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}
)


class Untrusted(Exception):
    """What XML may hold and we do not take; the text says what."""


def sniff_encoding(path: Path) -> str:
    """Return the encoding of a file, by its first bytes and its declaration, under a name that expat knows.

    Parsers are told it, so that a part of the file can be parsed without its beginning.
    """
    head = _head(path)
    if head[:2] in (b"\xff\xfe", b"<\0"):
        return "UTF-16LE"
    if head[:2] in (b"\xfe\xff", b"\0<"):
        return "UTF-16BE"
    declared = _DECLARED.match(head.removeprefix(b"\xef\xbb\xbf"))
    name = declared[1].decode("ascii") if declared else "utf-8"
    try:
        known = codecs.lookup(name).name
        one_byte = known.startswith(_ONE_BYTE) and len(bytes(range(256)).decode(known, "replace")) == 256
    except (LookupError, UnicodeError):
        known, one_byte = name, False
    if known == "utf-8":
        return "UTF-8"
    if not one_byte:
        raise FormatError(f"the encoding {name!r} is not read; save it as UTF-8", file=path, where="line 1")
    return known


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(256)
    except FileNotFoundError:
        raise DataError(f"{path} does not exist.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}).") from None


def make_parser(encoding: str) -> Any:
    """Return an expat parser that refuses document types, and with them entities of any kind."""
    parser = expat.ParserCreate(encoding)
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype
    return parser


def parse_file(path: Path, parser: Any) -> None:
    """Parse a whole file, a block at a time; whatever breaks it is told with line and column."""
    read = 0
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                parser.Parse(block, False)
                read += len(block)
                if read - parser.CurrentByteIndex > 2 * MOST_TAG:  # newer expats wait for twice a part
                    raise Untrusted(f"a tag is longer than {MOST_TAG} bytes, the most that is read")
            parser.Parse(b"", True)
    except expat.ExpatError as error:
        where = f"line {error.lineno}, column {error.offset + 1}"
        raise FormatError(describe(error), file=path, where=where) from None
    except Untrusted as error:
        where = f"line {parser.CurrentLineNumber}"
        raise FormatError(f"refused: {error}", file=path, where=where) from None
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}).") from None


def describe(error: expat.ExpatError) -> str:
    """Say what an error of expat means."""
    told = expat.ErrorString(error.code)
    early = "the file ends too early: " if error.code in _ENDS_EARLY else ""
    return f"not valid XML ({early}{told})"


def _refuse_doctype(name: str, *_: Any) -> None:
    raise Untrusted(f"it declares a document type ({name}), and CVAT's files have none and need no entities")


def in_text(text: str) -> str:
    """Write text between tags.

    >>> in_text('a < "b"')
    'a &lt; "b"'
    """
    return text.translate(_IN_TEXT)


def in_quotes(text: str) -> str:
    r"""Write text inside double quotes.

    >>> in_quotes('a "b"\n')
    'a &quot;b&quot;&#10;'
    """
    return text.translate(_IN_QUOTES)


def writable(text: str) -> str:
    r"""Put the replacement sign where XML cannot hold a character.

    >>> writable("a\x00b") == "a\ufffdb"
    True
    """
    return _UNWRITABLE.sub("\ufffd", text)
