"""What a run does: config, runner, models, losses, hooks, metrics; `components` registers them."""
