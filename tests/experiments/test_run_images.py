"""How images are named and described, and how the model is timed on them."""

from __future__ import annotations

import hashlib
import time

from mmengine.structures import BaseDataElement
from torch import nn

from segloop.experiments.run_images import ImageNames, InferenceTimer, sha256


class Plain:
    def __init__(self, root, folder, suffix):
        self.data_root = str(root)
        self.data_prefix = {"img_path": str(root / folder)}
        self.img_suffix = suffix


def test_image_ids_through_wrappers_and_suffixes(tmp_path):
    class Wrapper:
        pass

    joined, repeated = Wrapper(), Wrapper()
    repeated.dataset = Plain(tmp_path, "one/deeper", "_leftImg8bit.png")
    joined.datasets = [Plain(tmp_path, "one", ".png"), repeated]
    names = ImageNames(joined)
    assert names.image_id(tmp_path / "one/x.y/1.png") == "x.y/1"
    assert names.image_id(tmp_path / "one/deeper/aachen/7_leftImg8bit.png") == "aachen/7"


def test_pictures_of_one_name_in_two_roots_are_told_apart_by_their_folders(tmp_path):
    class Listed(Plain):
        def __init__(self, root, folder, names):
            super().__init__(root, folder, ".png")
            self.names = names

        def __len__(self):
            return len(self.names)

        def get_data_info(self, number):
            return {"img_path": f"{self.data_prefix['img_path']}/{self.names[number]}.png"}

    class Joined:
        pass

    joined = Joined()
    joined.datasets = [Listed(tmp_path, "img_dir/train", ["1"]), Listed(tmp_path, "img_dir/val", ["1", "2"])]
    names = ImageNames(joined)
    assert names.image_id(tmp_path / "img_dir/train/1.png") == "train/1"
    assert names.image_id(tmp_path / "img_dir/val/1.png") == "val/1"
    joined.datasets[1].names = ["2"]
    assert ImageNames(joined).image_id(tmp_path / "img_dir/val/2.png") == "2"


def test_an_image_outside_the_data_set_still_has_a_name(tmp_path):
    names = ImageNames(Plain(tmp_path / "data", "img", ".png"))
    image = tmp_path / "elsewhere" / "1.jpg"
    assert names.image_id(image).endswith("elsewhere/1")
    meta = {"img_path": str(image), "ori_shape": (4, 6)}
    row = names.row(BaseDataElement(metainfo=meta))
    assert (row.image, row.truth, row.height, row.width) == ("../elsewhere/1.jpg", "", 4, 6)
    assert row.sha256 == ""  # there is no such file


def test_sha256(tmp_path):
    (tmp_path / "a").write_bytes(b"pixels")
    assert sha256(tmp_path / "a") == hashlib.sha256(b"pixels").hexdigest()
    assert sha256(tmp_path / "b") is None


class Slow(nn.Module):
    def __init__(self):
        super().__init__()
        self.calls = 0

    def test_step(self, data):
        time.sleep(0.2 if self.calls == 0 else 0.01)  # the first batch warms up
        self.calls += 1
        return [BaseDataElement(metainfo={"img_path": name}) for name in data] + [BaseDataElement(loss=1)]


def test_times_leave_out_the_warm_up_and_share_a_batch():
    model = Slow()
    timer = InferenceTimer(model, warm_up=1)
    for _ in range(4):
        assert len(model.test_step(["1.png", "2.png"])) == 3
    timing = timer.close()
    assert (timing["images"], timing["warm_up_images"], timing["batch_size"]) == (6, 2, 2)
    assert 0.004 < timing["seconds_per_image"]["median"] < 0.1
    assert timing["device"] == "cpu"
    assert "test_step" not in vars(model)  # its own again


def test_a_test_without_images():
    timing = InferenceTimer(Slow(), warm_up=3).close()
    assert timing["seconds_per_image"] == {"median": None, "p95": None, "mean": None}
