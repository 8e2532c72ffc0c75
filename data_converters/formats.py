"""The table of formats: every name that `--from` and `--to` take."""

from __future__ import annotations

from data_converters.base import Format
from segloop.utils.errors import UserError, nearest

FORMATS: dict[str, Format] = {
    each.name: each
    for each in (
        Format(
            name="mmseg",
            module="data_converters.mmseg",
            summary="img_dir and ann_dir with index masks, as mmsegmentation trains on",
            read_options=("images", "split", "labels", "list_file", "reduce_zero_label"),
            write_options=("overlap", "media"),
            whole_images=True,
        ),
        Format(
            name="coco",
            module="data_converters.coco",
            summary="COCO instances, or results",
            target=("folder", ".json"),
            read_options=("images", "split", "list_file", "size_hw", "results"),
            write_options=("masks", "instances", "connectivity", "media", "results"),
        ),
        Format(
            name="cvat",
            module="data_converters.cvat",
            summary="CVAT for images 1.1 (and Video 1.1 to read), XML or zip",
            target=(".xml", ".zip"),
            read_options=("images", "split", "list_file", "size_hw", "join_groups"),
            write_options=("masks", "instances", "connectivity", "media"),
            packs_images=True,
        ),
        Format(
            name="cvat-coco",
            module="data_converters.cvat_coco",
            summary="CVAT's COCO 1.0, a zip",
            target=(".zip", ".json"),
            read_options=("images", "split", "list_file", "size_hw", "results", "keep_crowds"),
            write_options=("masks", "instances", "connectivity", "media", "results"),
            packs_images=True,
        ),
        Format(
            name="cvat-mask",
            module="data_converters.cvat_mask",
            summary="CVAT's Segmentation mask 1.1; not written, for it loses masks",
            writes=False,
            read_options=("images", "split", "list_file"),
            packs_images=True,
        ),
        Format(
            name="airbus",
            module="data_converters.airbus",
            summary="ships: a CSV of runs, column by column from 1",
            target=(".csv",),
            read_options=("images", "split", "list_file", "labels", "size_hw"),
            write_options=("instances", "connectivity"),
        ),
        Format(
            name="sartorius",
            module="data_converters.sartorius",
            summary="cells: a CSV of runs, row by row from 1",
            target=(".csv",),
            read_options=("images", "split", "list_file", "labels", "size_hw", "repair"),
            write_options=("overlap", "instances", "connectivity"),
        ),
        Format(
            name="masks",
            module="data_converters.masks",
            summary="one PNG an object (Data Science Bowl 2018), or 16-bit PNGs of object numbers",
            read_options=("images", "split", "labels", "list_file"),
            write_options=("overlap", "instances", "connectivity", "media", "numbers"),
            whole_images=True,
        ),
        Format(
            name="pairs",
            module="data_converters.pairs",
            summary="images and pictures of their classes, however named, valued or coloured; to read",
            writes=False,
            read_options=("images", "split", "labels", "list_file", "mask_folder"),
            whole_images=True,
        ),
        Format(
            name="labelme",
            module="data_converters.labelme",
            summary="LabelMe: a JSON for each image; to read",
            writes=False,
            read_options=("images", "split", "list_file"),
        ),
        Format(
            name="supervisely",
            module="data_converters.supervisely",
            summary="Supervisely: meta.json, and a JSON for each image; to read",
            writes=False,
            read_options=("images", "split", "list_file"),
        ),
        Format(
            name="yolo",
            module="data_converters.yolo",
            summary="YOLO's segmentation: a YAML, images, and a text of outlines for each; to read",
            writes=False,
            read_options=("split", "list_file"),
        ),
        Format(
            name="spacecraft",
            module="data_converters.spacecraft",
            summary="parts of craft in colours, and boxes of craft; not written, for what touches melts",
            writes=False,
            read_options=("images", "split", "list_file", "join_groups", "min_area", "color_tolerance"),
            whole_images=True,
        ),
        Format(
            name="cityscapes",
            module="data_converters.cityscapes",
            summary="street scenes: leftImg8bit and gtFine; the official form of predictions",
            read_options=("images", "split", "labels", "list_file", "results", "semantic"),
            write_options=("overlap", "instances", "connectivity", "media", "results"),
            whole_images=True,
        ),
    )
}


def find_format(name: str) -> Format:
    """Return a format by its name."""
    if name not in FORMATS:
        raise UserError(f"There is no format {name!r}; choose {', '.join(FORMATS)}.{nearest(name, FORMATS)}")
    return FORMATS[name]
