"""Networks of our own, registered for configs."""
