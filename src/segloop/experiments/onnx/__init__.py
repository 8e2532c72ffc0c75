"""Runs exported models: what an `.onnx` file says of itself, and prediction without torch."""
