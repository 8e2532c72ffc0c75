"""What the pages share: the shelf, what is kept in memory, a page of pictures, mistakes told in words."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import streamlit as st

from segloop.analysis.runs import Run
from segloop.app.images import ImageTable, read_table
from segloop.app.pictures import THUMB, read_case, thumbnail
from segloop.app.shelf import Shelf
from segloop.utils.errors import UserError

ON_PAGE = 24
CACHE = ".app"  # below the work_dirs
_COME = """<script>
document.querySelector(".st-key-closely")?.scrollIntoView({behavior: "instant", block: "start"});
</script>"""


@contextmanager
def told() -> Iterator[None]:
    """Say what a user can mend; a bug keeps its traceback, in the terminal."""
    try:
        yield
    except UserError as error:
        first, _, rest = str(error).partition("\n")
        st.error(first)
        if rest.strip():
            st.code(rest.strip("\n"), language=None, wrap_lines=True)


def shelf() -> Shelf:
    """Return the folders that everything is taken from."""
    return Shelf.of_environment()


def opened(name: str) -> tuple[Run, ImageTable]:
    """Return a RUN and its table, read once."""
    return _opened(name, _stamp(_folder(str(shelf().work_dirs), name)))


@st.cache_data(ttl=5, show_spinner=False)
def _folder(work_dirs: str, name: str) -> Path | None:
    """Return where a RUN lies: asked for each picture of a page, and to look is a walk over all runs."""
    return Shelf(Path(work_dirs), Path()).runs().get(name)


@st.cache_resource(max_entries=8, show_spinner="Reading the RUN …")
def _opened(name: str, stamp: tuple[float, ...]) -> tuple[Run, ImageTable]:
    run = shelf().open_run(name)
    return run, read_table(run, cache=shelf().work_dirs / CACHE)


def case_of(name: str, image_id: str) -> Any:
    """Return an image of a RUN with truth and prediction."""
    run, table = opened(name)
    return read_case(run, image_id, data_root=shelf().data_root(run), kinds=table.kinds.get(image_id))


def thumb(name: str, image_id: str, show: str) -> bytes | str:
    """Return a small picture of an image of a RUN, or why there is none."""
    try:
        return _thumb(name, _stamp(_folder(str(shelf().work_dirs), name)), image_id, show)
    except UserError as error:  # not kept, for the user may mend it
        return str(error)


@st.cache_data(max_entries=6000, show_spinner=False)
def _thumb(name: str, stamp: tuple[float, ...], image_id: str, show: str) -> bytes:
    return thumbnail(case_of(name, image_id), show=show)


def _stamp(folder: Path | None) -> tuple[float, ...]:
    """Return when a RUN and its analysis were written: another test is read again."""
    files = [] if folder is None else [folder / "meta.json", folder / "analysis" / "images.csv"]
    return tuple(file.stat().st_mtime if file.is_file() else 0.0 for file in files)


def choose_run(key: str) -> str | None:
    """Ask for a RUN; the address of the page remembers it."""
    names = list(shelf().runs())
    if not names:
        st.info(
            f"There is no RUN in `{shelf().work_dirs}` yet. A test makes one: `python tools/test.py CONFIG`"
        )
        return None
    asked = st.query_params.get("run")
    name = st.selectbox("RUN", names, index=names.index(asked) if asked in names else 0, key=f"{key}.run")
    st.query_params["run"] = name
    return name


def gallery(
    ids: Sequence[str],
    *,
    key: str,
    picture: Callable[[str], bytes | str],
    caption: Callable[[str], str],
    on_open: Callable[[str], None],
    ticked: set[str] | None = None,
) -> list[str]:
    """Show one page of pictures, each with a button and, with `ticked`, a box; return the page's ids."""
    pages = max(1, math.ceil(len(ids) / ON_PAGE))
    state = f"{key}.page"
    page = min(max(1, int(st.session_state.get(state, 1))), pages)
    st.session_state[state] = page

    def turn(by: int) -> None:
        st.session_state[state] = page + by

    shown = list(ids[(page - 1) * ON_PAGE : page * ON_PAGE])
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Back",
            key=f"{key}.back",
            on_click=turn,
            args=(-1,),
            disabled=page == 1,
            icon=":material/chevron_left:",
        )
        st.button(
            "Next",
            key=f"{key}.next",
            on_click=turn,
            args=(1,),
            disabled=page == pages,
            icon=":material/chevron_right:",
        )
        st.caption(f"Page {page} of {pages:,}, {len(ids):,} images")
    with st.container(horizontal=True, gap="small", key=f"{key}_grid"):
        for image_id in shown:
            with st.container(width=THUMB, gap="xxsmall"):
                drawn = picture(image_id)
                if isinstance(drawn, str):
                    st.caption(f":material/broken_image: {drawn}")
                else:
                    st.image(drawn, width=THUMB)
                st.button(
                    caption(image_id),
                    key=f"{key}_open.{image_id}",
                    on_click=on_open,
                    args=(image_id,),
                    type="tertiary",
                    icon=":material/zoom_in:",
                    help=f"Open {image_id}",
                )
                if ticked is not None:
                    _box(image_id, key, ticked)
    return shown


def come_to(key: str) -> None:
    """Bring what was opened in front of the eyes: the picture that was clicked may be far below it.

    To be called last: as long as a page is not all there, it is too short to be scrolled so far.
    """
    if st.session_state.pop(f"{key}.opened", False):
        st.html(_COME, unsafe_allow_javascript=True)


def _box(image_id: str, key: str, ticked: set[str]) -> None:
    name = f"{key}.tick.{image_id}"

    def change() -> None:
        (ticked.add if st.session_state[name] else ticked.discard)(image_id)

    if name not in st.session_state or st.session_state[name] != (image_id in ticked):
        st.session_state[name] = image_id in ticked
    st.checkbox(_short(image_id), key=name, on_change=change)


def _short(image_id: str, most: int = 18) -> str:
    return image_id if len(image_id) <= most else f"…{image_id[1 - most :]}"


def percent(value: float) -> str:
    """Return a fraction as percent, or a dash.

    >>> percent(0.5), percent(float("nan"))
    ('50.0', '–')
    """
    return "–" if value != value else f"{100 * value:.1f}"
