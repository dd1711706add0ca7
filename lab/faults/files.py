"""What happens to a file while it is copied."""

from __future__ import annotations

from collections.abc import Iterator

from lab import network
from lab.faults.stage import Scenario, Stage, Unmet
from lab.shell import wait_until

FILE = "/var/spool/bm-docs/changing"
_COMING = "find /var/spool/bm-docs -name '*changing*' -o -path '*.transhume-partial/*' | grep -q ."
_BECOMES = {
    "grows": f"head -c 3000000 /dev/urandom >> {FILE}",
    "shrinks": f"truncate -s 1000 {FILE}",
    "vanishes": f"rm {FILE}",
    "becomes a folder": f"rm {FILE} && mkdir {FILE} && echo new > {FILE}/inside",
    "becomes a link": f"ln -sfn ../somewhere {FILE}",
}
KINDS = tuple(_BECOMES)


def changes(what: str) -> Scenario:
    """A file of the source becomes another one while it is on its way over a thin wire."""

    def scenario(stage: Stage) -> Iterator[None]:
        stage.source.exec(("dd", "if=/dev/urandom", f"of={FILE}", "bs=1M", "count=6"))
        network.limit(stage.name, "source", "8mbit")
        yield
        try:
            wait_until(lambda: _coming(stage), "the file to be on its way", 120)
            stage.source.exec(("sh", "-c", _BECOMES[what]))
        finally:
            network.limit(stage.name, "source", None)

    return scenario


def _coming(stage: Stage) -> bool:
    if not stage.tool.running():
        raise Unmet("the copy was over before the file was seen on its way")
    return not stage.target.exec(("sh", "-c", _COMING), check=False).returncode
