"""The relabelling loop through CVAT: what is sent, how it gets there and back, and what changed meanwhile."""
