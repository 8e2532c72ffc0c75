"""Real downloads, and drawn ones, turned into the form that is trained on, task by task."""
