"""The independent comparison of two servers after a move: it knows nothing of transhume."""

from lab.compare.result import EXPECTED, Comparison
from lab.compare.sides import Side, compare, observe

__all__ = ["EXPECTED", "Comparison", "Side", "compare", "observe"]
