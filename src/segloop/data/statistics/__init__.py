"""What a data set is like, counted in one pass over it, and what follows for a config."""

from segloop.data.statistics.gather import Gathered, gather
from segloop.data.statistics.tally import Tally

__all__ = ["Gathered", "Tally", "gather"]
