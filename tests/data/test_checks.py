"""Each way in which a semantic data set can be broken is reported, and a clean one is not."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from segloop.data import checks
from segloop.data.checks import Finding, Legal, check_semantic, describe, look_at_pairs, raise_findings
from segloop.data.layout import Layout
from segloop.data.png import encode_indices, encode_rgb
from segloop.utils.errors import DataError

PALETTE = [(0, 0, 0), (200, 0, 0), (0, 200, 0)]
IMAGE = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
MASK = np.arange(12 * 16, dtype=np.uint8).reshape(12, 16) % 3


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A clean set: three training pairs, one validation pair."""
    for split, names in {"train": ("a", "b", "sub/c"), "val": ("d",)}.items():
        for name in names:
            put(tmp_path, split, name)
    return tmp_path


def put(
    root: Path, split: str, name: str, *, image: bytes | None = None, mask: bytes | np.ndarray = MASK
) -> tuple[Path, Path]:
    places = (root / "img_dir" / split / f"{name}.png", root / "ann_dir" / split / f"{name}.png")
    if isinstance(mask, np.ndarray):
        mask = encode_indices(mask, palette=PALETTE)
    for place, data in zip(places, (image or encode_rgb(IMAGE), mask), strict=True):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    return places


def as_file(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def check(root: Path, **options: object) -> list[Finding]:
    return check_semantic(root, **{"num_classes": 3, "cache": False, "workers": 1, **options})


def only(findings: list[Finding]) -> Finding:
    assert len(findings) == 1, findings
    return findings[0]


def test_a_clean_set_gives_nothing(root: Path) -> None:
    assert check(root) == []
    raise_findings([])


def test_names_with_blanks_cyrillic_and_signs_are_fine(root: Path) -> None:
    put(root, "train", "R&D сцена 1 (копия)")
    assert check(root) == []


def test_can_report_values_outside_the_classes(root: Path) -> None:
    mask = MASK.copy()
    mask[0, :5], mask[1, 0] = 7, 200
    put(root, "train", "b", mask=mask)
    found = only(check(root))
    assert (found.kind, found.file) == ("values", "ann_dir/train/b.png")
    assert found.text == "7 in 5 px, 200 in 1 px (0 to 2 and 255 are allowed)"


def test_the_ignored_value_is_allowed_and_can_be_another(root: Path) -> None:
    mask = MASK.copy()
    mask[0] = 255
    put(root, "train", "b", mask=mask)
    assert check(root) == []
    assert only(check(root, ignore_index=254)).kind == "values"


def test_reduce_zero_label_moves_the_limit_by_one(root: Path) -> None:
    mask = MASK.copy()
    mask[0] = 3
    put(root, "train", "b", mask=mask)
    assert only(check(root)).kind == "values"
    assert check(root, reduce_zero_label=True) == []


def test_can_report_masks_of_0_and_255(tmp_path: Path) -> None:
    put(tmp_path, "train", "a", mask=(MASK > 0).astype(np.uint8) * 255)
    put(tmp_path, "val", "b", mask=np.zeros((12, 16), np.uint8))
    findings = check(tmp_path, num_classes=2)
    assert only(findings).kind == "binary"
    assert "128 pixels" in findings[0].text
    assert "// 255" in describe(findings)


def test_the_remedy_for_0_and_255_works(tmp_path: Path) -> None:
    put(tmp_path, "train", "a", mask=as_file(Image.fromarray((MASK > 0).astype(np.uint8) * 255)))
    put(tmp_path, "val", "b", mask=np.zeros((12, 16), np.uint8))
    _, _, code = checks.KINDS["binary"][1].partition('-c "')
    file = str(tmp_path / "ann_dir" / "train" / "a.png")
    code = code.partition('"')[0].replace("import sys, cv2; ", "").replace("sys.argv[1:]", "files")
    exec(code, {"cv2": cv2, "files": [file]})
    assert check(tmp_path, num_classes=2) == []


def test_255_beside_real_classes_is_ignored_not_binary(root: Path) -> None:
    put(root, "train", "b", mask=(MASK > 0).astype(np.uint8) * 255)
    assert check(root) == []


def test_can_report_an_rgb_mask(root: Path) -> None:
    put(root, "train", "b", mask=encode_rgb(IMAGE))
    found = only(check(root))
    assert (found.kind, found.text) == ("channels", "mode RGB")


def test_a_16_bit_mask_is_fine_until_a_value_is_outside(root: Path) -> None:
    wide = MASK.astype(np.uint16)
    put(root, "train", "b", mask=as_file(Image.fromarray(wide)))
    assert check(root) == []
    wide[0, 0] = 256  # mmseg would read it as class 0
    put(root, "train", "b", mask=as_file(Image.fromarray(wide)))
    assert only(check(root)).text.startswith("256 in 1 px")


def test_can_report_an_image_without_mask_and_the_reverse(root: Path) -> None:
    (root / "ann_dir" / "train" / "a.png").unlink()
    (root / "img_dir" / "train" / "sub" / "c.png").unlink()
    first, second = check(root)
    assert (first.kind, first.file) == ("no-mask", "img_dir/train/a.png")
    assert "expected ann_dir/train/a.png" in first.text
    assert (second.kind, second.file) == ("no-image", "ann_dir/train/sub/c.png")


def test_can_report_masks_of_another_suffix(root: Path) -> None:
    for file in (root / "ann_dir" / "val").iterdir():
        file.rename(file.with_name(file.stem + "_mask.PNG"))
    assert "d_mask.PNG is there: set the mask suffix to '_mask.PNG'" in check(root)[0].text


def test_a_list_of_ids_narrows_the_check(root: Path) -> None:
    (root / "ann_dir" / "train" / "a.png").unlink()
    (root / "list.txt").write_text("b\nsub/c\n")
    layout = Layout.find(root, "train", {"ann_file": "list.txt"})
    assert check(root, splits={"train": layout}) == []


def test_can_report_a_link_that_leads_nowhere(root: Path) -> None:
    image = root / "img_dir" / "train" / "b.png"
    image.unlink()
    image.symlink_to(root / "gone.png")
    found = only(check(root))
    assert (found.kind, found.text) == ("broken-image", "No such file or directory")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "TIFF"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.97])
def test_can_report_a_truncated_image(root: Path, kind: str, share: float) -> None:
    data = as_file(Image.fromarray(IMAGE), kind)
    put(root, "train", "b", image=data[: max(1, int(len(data) * share))])
    assert only(check(root)).kind == "broken-image"


@pytest.mark.parametrize("cut", [1, 12, 20, 60])
def test_can_report_a_truncated_mask(root: Path, cut: int) -> None:
    data = encode_indices(MASK, palette=PALETTE)
    put(root, "train", "b", mask=data[:-cut])
    found = only(check(root))
    assert (found.kind, found.file) == ("broken-mask", "ann_dir/train/b.png")
    assert "truncated" in found.text


def test_can_report_what_the_decoders_hide(root: Path) -> None:
    cut = encode_rgb(IMAGE)[:-16]
    with Image.open(io.BytesIO(cut)) as image:
        image.load()  # Pillow does not miss the last chunk and a checksum
    put(root, "train", "b", image=cut)
    assert "truncated" in only(check(root)).text


def test_a_jpeg_with_a_thumbnail_is_whole_until_it_is_cut(root: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "thumbnail \xff\xd9"
    data = as_file(Image.fromarray(IMAGE), "JPEG", exif=exif, comment=b"\xff\xd9")
    put(root, "train", "b", image=data)
    assert check(root) == []
    put(root, "train", "b", image=data[:-2])
    assert only(check(root)).kind == "broken-image"


def test_can_report_flipped_bits(root: Path) -> None:
    data = bytearray(encode_rgb(IMAGE))
    data[len(data) // 2] ^= 1
    put(root, "train", "b", image=bytes(data))
    assert "checksum of its IDAT chunk" in only(check(root)).text


@pytest.mark.parametrize(("data", "text"), [(b"", "empty"), (b"hello", "not an image")])
def test_can_report_what_is_no_image(root: Path, data: bytes, text: str) -> None:
    file, _ = put(root, "train", "b")
    file.write_bytes(data)
    assert text in only(check(root)).text


def test_can_report_sizes_that_differ(root: Path) -> None:
    put(root, "train", "b", mask=MASK[:10])
    found = only(check(root))
    assert (found.kind, found.text) == ("size", "mask 16x10, image 16x12 (width x height)")


def test_exif_rotation_counts_for_the_size(root: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image, _ = put(root, "train", "b", image=as_file(Image.fromarray(IMAGE), "JPEG", exif=exif))
    turned = cv2.imdecode(np.frombuffer(image.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    assert turned.shape[:2] == (16, 12)
    assert "EXIF orientation 6" in only(check(root)).text
    put(root, "train", "b", image=image.read_bytes(), mask=np.ascontiguousarray(MASK.T))
    assert check(root) == []


def test_can_report_numbers_of_classes_in_jpegs(root: Path) -> None:
    mask = np.zeros((16, 16), np.uint8)
    mask[3:6, 3:6] = 1
    image, _ = put(root, "train", "a", image=encode_rgb(np.zeros((16, 16, 3), np.uint8)))
    blurred = root / "ann_dir/train/a.JPG"
    blurred.write_bytes(as_file(Image.fromarray(mask), "JPEG"))
    legal = Legal(num_classes=3, ignore_index=255)
    found = only(look_at_pairs(root, [(image, blurred)], legal=legal, cache=False, workers=1).findings)
    assert (found.kind, found.file) == ("jpeg", "ann_dir/train/a.JPG")


def test_can_report_an_empty_split(root: Path) -> None:
    for name in ("img_dir", "ann_dir"):
        (root / name / "val" / "d.png").unlink()
    (root / "img_dir" / "val" / "notes.txt").write_text("soon")
    found = only(check(root))
    assert (found.kind, found.file) == ("empty-split", "img_dir/val")
    assert "holds 1 .txt" in found.text


def test_can_report_missing_folders(tmp_path: Path) -> None:
    findings = check(tmp_path / "nowhere")
    assert [finding.kind for finding in findings] == ["missing-folder"] * 4
    with pytest.raises(
        DataError, match=r"img_dir/train: the images of split 'train' were expected"
    ) as caught:
        raise_findings(findings)
    assert "prepare.py multiclass" in str(caught.value)


def test_can_report_two_images_of_one_name(root: Path) -> None:
    (root / "img_dir" / "train" / "a.jpg").write_bytes(as_file(Image.fromarray(IMAGE), "JPEG"))
    found = only(check(root))
    assert (found.kind, found.text) == ("same-id", "a.jpg and a.png would be the same image")


@pytest.mark.skipif(sys.platform != "linux", reason="other file systems refuse such names")
def test_can_report_a_name_in_another_code(root: Path) -> None:
    put(root, "train", os.fsdecode(b"caf\xe9"))
    found = only(check(root))
    assert (found.kind, found.file) == ("name", "img_dir/train/caf\\udce9.png")
    str(found).encode()


def test_the_message_groups_counts_and_cuts(root: Path) -> None:
    for index in range(8):
        put(root, "train", f"wrong{index}", mask=MASK + 1)
    (root / "ann_dir" / "train" / "a.png").unlink()
    text = describe(check(root), most=3)
    assert text.startswith("The data cannot be used as they are: 9 finding(s).")
    assert "8 x masks with values outside the classes" in text
    assert "1 x images without a mask" in text
    assert "wrong2" in text
    assert "wrong3" not in text
    assert "… and 5 more" in text


def test_what_was_seen_is_kept_until_a_file_changes(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check(root, cache=True) == []
    looked: list[bytes] = []
    original = checks.mask_facts
    monkeypatch.setattr(checks, "mask_facts", lambda data: (looked.append(data), original(data))[1])
    monkeypatch.setattr(checks, "image_facts", lambda data: pytest.fail("an image was looked over again"))
    assert check(root, cache=True) == []
    assert looked == []

    mask = root / "ann_dir/train/b.png"
    before = mask.stat()
    put(root, "train", "b", mask=MASK + 1)
    os.utime(mask, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert only(check(root, cache=True)).file == "ann_dir/train/b.png"
    assert looked == [mask.read_bytes()]


def test_cached_facts_serve_other_classes(root: Path) -> None:
    assert check(root, cache=True) == []
    assert len(check(root, cache=True, num_classes=2)) == 4


def test_pairs_are_checked_wherever_they_lie(root: Path) -> None:
    image, mask = put(root, "train", "b", mask=MASK + 1)
    pairs = [(image, mask), (root / "img_dir/val/d.png", root / "ann_dir/val/d.png")]
    seen = look_at_pairs(root, pairs, legal=Legal(num_classes=3), cache=False)
    assert only(seen.findings).kind == "values"
    assert seen.images[image].size_hw == (12, 16)
    assert seen.masks[pairs[1][1]].values == {0: 64, 1: 64, 2: 64}


def test_progress_counts_every_file(root: Path) -> None:
    heard: list[tuple[int, int]] = []
    check(root, progress=lambda done, total: heard.append((done, total)))
    assert heard == [(n, 8) for n in range(1, 9)]
