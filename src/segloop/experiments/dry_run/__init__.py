"""Tries a training or a test before it is started: what `--dry-run` does."""
