"""What a run does: config, runner, models, losses, hooks, metrics. Imported by configs through `components`."""
