"""What the results say: counts, scores and run folders, read and compared without torch."""
