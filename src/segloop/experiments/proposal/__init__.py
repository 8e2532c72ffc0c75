"""Proposes an experiment for a prepared set: what follows from its numbers, as a config with reasons."""

from segloop.experiments.proposal.seen import Seen
from segloop.experiments.proposal.write import Proposal, propose

__all__ = ["Proposal", "Seen", "propose"]
