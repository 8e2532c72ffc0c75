"""The lines of LIST files, which `segloop.data.layout.read_list` reads."""

from __future__ import annotations


def list_line(image_id: str) -> str:
    """Return the line of a LIST that names an image; a comment where no line can.

    `./` keeps an id that begins with # from being a comment. No line holds blanks at the ends of an id, a
    break in it, or bytes that are no UTF-8 text.

    >>> list_line("a/1"), list_line("#1"), list_line("b ")
    ('a/1', './#1', "# 'b '")
    """
    text = image_id.encode("utf-8", "backslashreplace").decode("utf-8")
    if text != image_id or text != text.strip() or "\n" in text or "\r" in text:
        return f"# {image_id!r}"
    return f"./{text}" if text.startswith("#") else text
