"""SegLoop: from raw labels to a segmentation model that you can defend."""

__version__ = "0.1.0"
