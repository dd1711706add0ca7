"""How both machines were before a move, and which of it the target lacks after it."""

from __future__ import annotations

from lab import network
from lab.pair import Pair
from lab.traps import looks
from lab.traps.trap import Run, gone


class Before:
    """Looked at once; what was planted must be seen, or the look is worth nothing."""

    def __init__(self, pair: Pair) -> None:
        self.running = looks.running(pair.source)
        self.chroots = looks.chroots(pair.target)
        self.firewall = looks.must(looks.firewall(pair.source), "the source's firewall")
        self.settings = looks.must(looks.server_settings(pair.source), "PostgreSQL's settings")
        self.directory = looks.must(looks.directory(pair.source), "the directory")

    def look_after(self, pair: Pair, run: Run) -> None:
        """Note what the target lacks of it, and what the source still does; the source is on."""
        target = pair.target
        run.noted["running"] = gone(self.running, looks.running(target))
        run.noted["chroot"] = gone(self.chroots, looks.chroots(target))
        run.noted["settings"] = gone(self.settings, looks.server_settings(target))
        run.noted["ldap"] = gone(self.directory, looks.directory(target))
        run.noted["closed maps"] = looks.closed_maps(target)
        run.noted["backup"] = looks.running_backups(target)
        run.noted["awake"] = looks.awake(pair.source, network.SERVICE.ipv4)


def rows(lost: list[str], run: Run) -> None:
    """Note the rows that are missing by the trap that they fell into."""
    run.noted["zones"] = [line for line in lost if "t_calendar_vevent:" in line]
    run.noted["triggers"] = [line for line in lost if "t_mailbox_record:" in line]
