"""The relabelling loop, played with an automatic annotator against a stand-in of CVAT."""
