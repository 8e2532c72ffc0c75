"""A config that is written out once, not at every checkpoint, and as Python that reads back to the same."""

from __future__ import annotations

import ast
from typing import Any

from mmengine.config import Config

_texts: dict[str, str] = {}  # by what they say; few, for a process has one config or two
_MOST = 8


class WrittenConfig(Config):
    """mmengine's config, whose text is kept.

    mmengine formats the text anew for each log, curve file and checkpoint, half a second each.
    """

    @classmethod
    def of(cls, config: Config) -> WrittenConfig:
        """Take over what another config holds."""
        new = cls.__new__(cls)
        new.__dict__.update(config.__dict__)
        return new

    @property
    def pretty_text(self) -> str:
        """The merged config as Python."""
        key = repr(self._cfg_dict)
        if key not in _texts:
            while len(_texts) >= _MOST:
                _texts.pop(next(iter(_texts)))
            try:
                _texts[key] = readable(super().pretty_text)
            except SyntaxError:  # mmengine writes dict(class=1) for a key that is a word of Python's
                lines = (f"{name} = {value!r}\n" for name, value in self.to_dict().items())
                _texts[key] = readable("".join(lines))
        return _texts[key]


def config_text(config: Config | dict[str, Any]) -> str:
    """Return a merged config as Python that reads back to the same values."""
    return WrittenConfig.of(config if isinstance(config, Config) else Config(config)).pretty_text


def readable(text: str) -> str:
    """Return Python without the bare `inf` and `nan` that mmengine writes; some of mmdet's configs hold them.

    >>> readable("a = dict(b=-inf)")
    "a = dict(b=-float('inf'))"
    """
    lines = text.splitlines(keepends=True)
    names = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)]
    for node in sorted(names, key=lambda node: (node.lineno, node.col_offset), reverse=True):
        if node.id in ("inf", "nan") and isinstance(node.ctx, ast.Load):
            line = lines[node.lineno - 1].encode()  # the offset counts bytes
            end = node.col_offset + len(node.id)
            lines[node.lineno - 1] = (
                line[: node.col_offset] + b"float('%s')" % node.id.encode() + line[end:]
            ).decode()
    return "".join(lines)
