"""Predicts: any images, with the model of a run, as fast as the machine can and in a form that stays."""
