"""The app's pages, run without a browser: what is shown, what a click changes, what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("streamlit")
import streamlit
from streamlit.testing.v1 import AppTest

from segloop.app.picks import LISTS
from segloop.data.layout import read_list
from tests.analysis.runs_made import write_run
from tests.app.models_made import write_work_dir
from tests.app.test_images import IMAGES

APP = Path(__file__).resolve().parents[3] / "supplementary/app/app.py"
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # streamlit's own, of others' packages


@pytest.fixture
def top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with an empty runs folder and an empty data folder."""
    for name in ("work_dirs", "data"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(f"SEGLOOP_{name.upper()}", str(tmp_path / name))
    yield tmp_path
    streamlit.cache_data.clear()
    streamlit.cache_resource.clear()


def page(name: str) -> AppTest:
    """Open a page of the app."""
    app = AppTest.from_file(APP, default_timeout=60).run()
    app = app if name == "try_it.py" else app.switch_page(name).run()
    assert not app.exception
    return app


def texts(app: AppTest) -> str:
    kinds = ("markdown", "caption", "info", "error", "subheader", "code")
    return "\n".join(each.value for kind in kinds for each in app.get(kind))


def opened(app: AppTest) -> list[str]:
    """Return the images on the page of pictures."""
    return [
        each.key.removeprefix("results_open.")
        for each in app.button
        if (each.key or "").startswith("results_open.")
    ]


@pytest.mark.parametrize("name", ["try_it.py", "results.py", "compare.py", "data.py", "loop.py"])
def test_each_page_says_what_to_do_where_there_is_nothing_yet(name: str, top: Path) -> None:
    assert "python tools/" in texts(page(name)) or name == "compare.py"


def test_results_open_images_filter_them_and_keep_ticked_ones_as_a_list(top: Path) -> None:
    write_run(top, IMAGES)
    app = page("results.py")
    assert opened(app) == ["mixed", "half", "good", "empty"]
    app.multiselect(key="results.classes").select("bar").run()
    assert opened(app) == ["mixed", "half"]
    app.button(key="results_open.half").click().run()
    assert "half" in [each.value for each in app.subheader]
    app.button(key="results.before").click().run()
    assert "mixed" in [each.value for each in app.subheader]
    app.checkbox(key="results.tick.half").check().run()
    app.multiselect(key="results.classes").set_value([]).run()
    app.checkbox(key="results.tick.good").check().run()
    app.text_input(key="results.list").input("my pick").run()
    next(each for each in app.button if each.label == "Save LIST").click().run()
    assert not app.exception
    assert read_list(top / "work_dirs" / LISTS / "my pick.txt") == ["good", "half"]
    next(each for each in app.button if each.label == "Save LIST").click().run()
    assert "exists" in app.error[0].value


def test_a_cell_of_the_confusion_opens_its_images(top: Path) -> None:
    write_run(top, IMAGES)
    app = page("results.py")
    app.selectbox(key="results.true").select("bar").run()
    app.selectbox(key="results.predicted").select("disc").run()
    assert opened(app) == ["mixed"]
    next(each for each in app.button if each.label == "All images").click().run()
    assert len(opened(app)) == 4


def test_many_images_come_a_page_at_a_time(top: Path) -> None:
    write_run(top, {f"{number:03d}": IMAGES["half"] for number in range(30)})
    app = page("results.py")
    assert len(opened(app)) == 24
    app.button(key="results.next").click().run()
    assert opened(app) == [f"{number:03d}" for number in range(24, 30)]
    app.text_input(key="results.text").input("7").run()
    assert opened(app) == ["007", "017", "027"]


def test_a_picture_that_is_gone_costs_its_place_and_not_the_page(top: Path) -> None:
    write_run(top, IMAGES)
    (top / "data/img/half.png").unlink()
    app = page("results.py")
    assert len(opened(app)) == 4
    assert "half.png is missing" in texts(app)


def test_a_damaged_run_is_told_in_words(top: Path) -> None:
    run = write_run(top, IMAGES)
    (run.folder / "per_image.csv.gz").unlink()
    assert "has lost" in texts(page("results.py"))


def test_two_runs_are_compared(top: Path) -> None:
    write_run(top, IMAGES)
    truth = {name: (each[0], each[1] if each[0] is None else each[0]) for name, each in IMAGES.items()}
    write_run(top / "more", truth)
    (top / "more/work_dirs/net").rename(top / "work_dirs/other")
    app = page("compare.py")
    app.multiselect(key="compare.runs").set_value(["net/test-last", "other/test-last"]).run()
    assert not app.exception
    assert not app.error
    assert app.subheader[0].value.startswith("A and B:")
    assert len(app.dataframe) >= 2


def test_a_data_set_is_shown_with_its_labels_and_an_image_closely(top: Path, tiny_master: Path) -> None:
    (top / "data/tiny").symlink_to(tiny_master)
    app = page("data.py")
    assert {each.label: each.value for each in app.metric}["images"] == "8"
    names = [each.key for each in app.button if (each.key or "").startswith("data_open.")]
    app.button(key=names[0]).click().run()
    assert not app.exception
    assert app.subheader[0].value == names[0].removeprefix("data_open.")


def test_dropped_images_are_predicted_and_offered(top: Path, tiny_master: Path) -> None:
    write_work_dir(top / "work_dirs", tiny_master)
    picture = sorted((tiny_master / "img_dir/val").glob("*.png"))[0]
    app = page("try_it.py")
    uploader = app.file_uploader(key="try.files")
    uploader.upload(picture.name, picture.read_bytes(), "image/png")
    uploader.upload("x.png", b"no", "image/png")
    app.run()
    assert not app.exception
    assert not app.error
    assert "not an image" in app.warning[0].value
    assert {each.label for each in app.get("download_button")} == {
        "Picture (PNG)",
        "Mask (PNG)",
        "COCO",
        "CVAT",
        "Table (CSV)",
    }


def test_the_app_listens_to_this_machine_alone_and_tells_nobody() -> None:
    import sys

    if sys.version_info >= (3, 11):
        import tomllib

        config = tomllib.loads((APP.parent / ".streamlit/config.toml").read_text(encoding="utf-8"))
        assert config["server"]["address"] == "localhost"
        assert config["browser"]["gatherUsageStats"] is False
        assert config["server"]["enableXsrfProtection"] is True


def test_the_sign_of_the_page_is_made_here() -> None:
    source = APP.read_text(encoding="utf-8")
    assert 'page_icon=":material' not in source, "it would be fetched from a server of Google's"
