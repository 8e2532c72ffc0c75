"""What happens around a run's iterations: the live line, patience, one model in all processes."""
