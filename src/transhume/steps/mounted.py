"""Where trees lie: what isn't mounted any more would seem to be empty, and be emptied elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from transhume.core.change import Place, WriteFile
from transhume.core.host import Host
from transhume.errors import StepFailed
from transhume.steps.followed import FOLDER
from transhume.steps.requirements.mounts import Mount, inside, mounts, reached, under
from transhume.steps.requirements.remedy import quoted


def note_of(place: Place) -> str:
    """The file that says where the trees of that machine lay, on either machine."""
    return f"{FOLDER}/mounts-{place}"


def noting(keeper: Host, host: Host, paths: Sequence[str]) -> Iterator[WriteFile]:
    """Have `keeper` note where these trees of a machine lie; what was noted first counts."""
    noted = _noted(keeper, host.place)
    if set(paths) <= set(noted):
        return
    known = mounts(host)
    lie = {path: _holding(known, path, place) for path, place in reached(host, paths).items()}
    content = json.dumps({**lie, **noted}).encode()
    yield WriteFile(keeper.place, note_of(host.place), content, "0600")


def _holding(known: list[Mount], path: str, place: str) -> list[str]:
    """The mounts that a tree is made of: its name's, the one where it lies, those inside it."""
    within = {each.path for each in known if inside(each.path, place)}
    return sorted({under(known, path).path, under(known, place).path, *within})


def _noted(keeper: Host, place: Place) -> dict[str, list[str]]:
    content = keeper.file(note_of(place))
    if content is None:
        return {}
    try:
        return {
            str(path): [str(each) for each in held] for path, held in json.loads(content).items()
        }
    except (ValueError, AttributeError, TypeError):
        raise StepFailed(
            f"{note_of(place)} on the {keeper.place} can't be understood",
            remedy=f"see that every tree is mounted on the {place}; then on the {keeper.place}: "
            f"rm {note_of(place)}",
        ) from None


def refuse_unmounted(keeper: Host, host: Host, paths: Sequence[str]) -> None:
    """StepFailed when a file system went on which one of these trees lay, by the keeper's note."""
    noted = _noted(keeper, host.place)
    held = [(mount, path) for path in paths for mount in noted.get(path, ())]
    there = {each.path for each in mounts(host)} if held else set()
    for mount, path in held:
        if mount not in there:
            raise StepFailed(
                f"{mount} isn't mounted on the {host.place} any more, on which {path} lay",
                state="Nothing of it was copied or deleted: it would only seem to be empty.",
                remedy=f"on the {host.place}: mount {quoted(mount)}; then the same command again. "
                "If the tree lies elsewhere now, whole and for good: "
                f"rm {note_of(host.place)} on the {keeper.place}",
            )
