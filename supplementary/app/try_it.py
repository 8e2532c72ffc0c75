"""Try: drop images, choose a model, see and take away what it finds."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import pandas as pd
import streamlit as st
from shared import percent, shelf, told

from data_converters.bundle import FILES, packed
from segloop.app.found import by_class, painted
from segloop.app.outcome import Outcome, picture_png, predict_uploads
from segloop.app.pictures import LARGE, enlarged
from segloop.app.shelf import chosen
from segloop.app.uploads import NAMES, Limits

LIMITS = Limits()


@st.cache_resource(max_entries=3, show_spinner="Loading the model …")
def model_of(name: str, stamp: float):  # type: ignore[no-untyped-def]
    """Load a model of the runs folder, weights as data and never as code."""
    import segloop

    return segloop.load(chosen(name, shelf().models(), what="model"))


def main() -> None:
    """Ask for a model and images; show and offer what was found."""
    st.title("Try a model")
    models = shelf().models()
    if not models:
        st.info(f"There is no model in `{shelf().work_dirs}` yet: `python tools/train.py CONFIG` trains one.")
        return
    names, asked = list(models), st.query_params.get("model")
    first = names.index(asked) if asked in names else 0
    name = st.selectbox(
        "Model", names, index=first, help="Trained models and exported ones of the runs folder"
    )
    files = st.file_uploader(
        "Images", type=list(NAMES), accept_multiple_files=True, help=str(LIMITS), key="try.files"
    )
    if not files:
        st.caption(f"{LIMITS} They stay on this machine.")
        return
    with told():
        outcome = outcome_of(name, [(each.name, each.getvalue()) for each in files])
        for line in outcome.refused:
            st.warning(line)
        show(outcome)


def outcome_of(name: str, files: list[tuple[str, bytes]]) -> Outcome:
    """Predict, once for a model and a drop; the last one is kept."""
    stamp = shelf().models()[name].stat().st_mtime
    digest = hashlib.sha256(f"{name}\0{stamp}".encode())
    for file, data in files:
        digest.update(f"\0{file}\0{len(data)}\0".encode() + hashlib.sha256(data).digest())
    key = digest.hexdigest()
    if st.session_state.get("try.key") != key:
        model = model_of(name, stamp)
        bar = st.progress(0.0, text="Predicting …")
        outcome = predict_uploads(
            model,
            files,
            limits=LIMITS,
            progress=lambda done, total: bar.progress(done / max(total, 1), text="Predicting …"),
        )
        bar.empty()
        st.session_state["try.key"], st.session_state["try.outcome"] = key, outcome
    return st.session_state["try.outcome"]


def show(outcome: Outcome) -> None:
    """Show one image with its masks, classes, scores and areas, and offer the files."""
    ids = [image.image_id for image in outcome.images]
    if not ids:
        return
    image_id = st.selectbox("Image", ids, key="try.image") if len(ids) > 1 else ids[0]
    found = outcome.found(image_id)
    labels = outcome.predicted.classes
    scored = any(each.score is not None for each in found)
    left, right = st.columns([3, 2], gap="large")
    with right:
        opacity = st.slider("Opacity of masks", 0.0, 1.0, 0.45, 0.05, key="try.opacity")
        names = [label.name for label in labels.foreground]
        classes = st.multiselect("Classes", names, placeholder="all", key="try.classes") or names
        score = st.slider("Score from", 0.0, 1.0, 0.0, 0.05, key="try.score") if scored else 0.0
    kept = [each for each in found if each.label in classes and (each.score is None or each.score >= score)]

    def drawn(side: int | None = None) -> np.ndarray:
        return painted(
            outcome.prediction(image_id),
            outcome.picture(image_id),
            opacity=opacity,
            classes=classes,
            score_from=score,
            side=side,
        )

    with left:
        st.image(enlarged(drawn(LARGE)), width="stretch", caption=f"{image_id}: {len(kept)} found")
    with right:
        st.dataframe(
            pd.DataFrame(
                [
                    (label, count, percent(share), "–" if best is None else f"{best:.2f}")
                    for label, count, share, best in by_class(kept)
                ],
                columns=["class", "objects", "area, %", "best score"],
            ),
            hide_index=True,
        )
        downloads(outcome, image_id, drawn)
    with st.expander(f"Every object ({len(kept)})"):
        st.dataframe(
            pd.DataFrame(
                [
                    (each.number, each.label, each.score, each.pixels, 100 * each.share, *each.box_xyxy)
                    for each in kept
                ],
                columns=["object", "class", "score", "pixels", "area, %", "left", "top", "right", "bottom"],
            ),
            hide_index=True,
        )
        if not scored:
            st.caption("Parts of an index mask: its classes are decided pixel by pixel, and have no score.")


def downloads(outcome: Outcome, image_id: str, drawn: Callable[[], np.ndarray]) -> None:
    """Offer the picture, the masks, COCO, CVAT and a table; the files are those of `tools/predict.py`."""
    st.caption("Download")
    many = len(outcome.images) > 1
    key = st.session_state.get("try.key")
    if st.session_state.get("try.packed_key") != key:
        files = {form: packed(outcome.predicted, form=form, objects=outcome.objects) for form in FILES}
        files |= {"csv": outcome.csv(), "masks": outcome.masks() if many else outcome.mask_png(image_id)}
        st.session_state["try.packed_key"], st.session_state["try.packed"] = key, files
    files = st.session_state["try.packed"]
    with st.container(horizontal=True):
        st.download_button(
            "Picture (PNG)",
            lambda: picture_png(drawn()),  # whole, and only if somebody wants it
            f"{image_id}_masks.png",
            "image/png",
            on_click="ignore",
        )
        masks = ("masks.zip", "application/zip") if many else (f"{image_id}.png", "image/png")
        st.download_button("Masks (zip)" if many else "Mask (PNG)", files["masks"], *masks, on_click="ignore")
        st.download_button("COCO", files["coco"], FILES["coco"], "application/json", on_click="ignore")
        st.download_button("CVAT", files["cvat"], FILES["cvat"], "application/xml", on_click="ignore")
        st.download_button("Table (CSV)", files["csv"], "found.csv", "text/csv", on_click="ignore")


main()
