"""Answers images over HTTP: uploads read with care, batches under load, counters. No torch needed."""
