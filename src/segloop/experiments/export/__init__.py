"""Exports models to ONNX, checks the file against torch, and makes it smaller and faster in whole numbers."""
