"""Makes a drawing of a page a file of its own, with the page's colours, light and dark."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from segloop.viz import page


def stand_alone(svg: str) -> str:
    """Return a drawing as an SVG file; what stands beside it, as a legend, is left out."""
    match = re.search(r"<svg\b(.*?)>(.*?)</svg>", svg, re.DOTALL)
    if match is None:
        raise ValueError("this holds no drawing")
    frame = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', match[1])
    size = f' width="{frame[1]}" height="{frame[2]}"' if frame else ""
    style = f"<style>{_colors()}text{{font:11px sans-serif}}</style>"
    opening = f'<svg xmlns="http://www.w3.org/2000/svg"{size}{match[1]}>'
    ground = '<rect width="100%" height="100%" style="fill:var(--card)"/>'
    return f"{opening}{style}{ground}{match[2]}</svg>\n"


@cache
def _colors() -> str:
    """Return the colours of the page's style sheet, as it sets them."""
    sheet = Path(page.__file__).with_name("page.css").read_text(encoding="utf-8")
    light, dark = re.findall(r":root \{(.*?)\}", sheet, re.DOTALL)[:2]

    def only_colors(text: str) -> str:
        return "".join(re.findall(r"--[\w-]+:\s*#\w+;", text))

    return (
        f":root{{{only_colors(light)}}}@media(prefers-color-scheme:dark){{:root{{{only_colors(dark)}}}}}"
    ).replace(" ", "")
