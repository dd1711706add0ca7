"""The documented procedure, typed on two machines letter by letter, nothing in it corrected."""

from lab.documented import favour
from lab.documented.procedure import PHASES, Phase, run
from lab.documented.typist import Part, Typed

__all__ = ["PHASES", "Part", "Phase", "Typed", "favour", "run"]
