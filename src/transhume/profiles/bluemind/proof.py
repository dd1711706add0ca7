"""What of a BlueMind 5 server is proved, at any time of the move."""

from __future__ import annotations

from transhume.core.host import Pair
from transhume.core.settings import Settings
from transhume.profiles.bluemind import profile
from transhume.profiles.bluemind.layout import Layout
from transhume.steps.bodies import Bodies
from transhume.steps.proof import Subject


def subject(
    layout: Layout, settings: Settings, pair: Pair, *, full: bool, opened: float
) -> Subject:
    """What is to be proved; `opened` as Subject has it."""
    known = layout.bodies
    bodies = Bodies(known.tiers, known.database, known.table, known.column)
    databases = profile.copier(layout, settings).present(pair)
    return Subject(profile.all_trees(layout, settings), databases, bodies, full, opened)
