"""A scene is a pair of machines ready for a move: set up, filled, and with a user at the target."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lab import fill, network, places
from lab.pair import Pair
from lab.shell import LabError, say
from lab.standin.setup import set_up
from lab.traffic import start_prober, start_sender

NAME = "mail.example.org"
SOURCE = f"root@{NAME}"


@dataclass(frozen=True)
class Scene:
    """The two machines, what the source was filled with, and where to put what is recorded."""

    pair: Pair
    filled: dict[str, Any]

    @property
    def folder(self) -> Path:
        """Where the traffic's logs are."""
        return places.instance(self.pair.name)

    @property
    def sent(self) -> Path:
        """The log of what became of the mail that people send."""
        return self.folder / "sent.jsonl"

    def transhume(
        self, *words: str, check: bool = True, heard: Callable[[str], None] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Type a transhume command on the target; LabError when it must succeed and doesn't."""
        argv = self.pair.target.command(("transhume", *words))
        lines: list[str] = []
        with subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            assert process.stdout
            for line in process.stdout:
                lines.append(line)
                if heard is not None:
                    heard(line)
        said = "".join(lines)
        if check and process.returncode:
            raise LabError(f"transhume {' '.join(words)} ended with {process.returncode}:\n{said}")
        return subprocess.CompletedProcess(argv, process.returncode, said, "")

    def begin(self) -> None:
        """init, with the fingerprint that the admin has read on the source."""
        listed = self.pair.source.exec(("ssh-keygen", "-lf", "/etc/ssh/ssh_host_ed25519_key.pub"))
        addresses = (network.MAINTENANCE.ipv4, network.MAINTENANCE.ipv6)
        maintenance = [word for address in addresses for word in ("--maintenance", address)]
        self.transhume("init", SOURCE, "--host-key", listed.stdout.split()[1], *maintenance)

    @contextmanager
    def traffic(self, rate: float = 5.0) -> Iterator[tuple[Path, Path]]:
        """Mail and probes from outside; gives the sender's and the prober's log."""
        sent, probed = self.sent, self.folder / "probed.jsonl"
        people = self.filled["addresses"]
        with (
            start_prober(self.pair.name, probed),
            start_sender(self.pair.name, sent, people, rate=rate),
        ):
            yield sent, probed


def build(pair: Pair, *, partitions: Literal["small", "full"], **wanted: Any) -> Scene:
    """Set both machines up and fill the source; the tool of this checkout is on the target."""
    for machine in pair.machines:
        say(f"setting the {machine.role} up")
        set_up(machine, external_url=NAME, partitions=partitions)
    say("filling the source")
    filled = fill.fill(pair.source, **wanted)
    scene = Scene(pair, filled)
    (places.instance(pair.name) / "filled.json").write_text(json.dumps(filled))
    return scene


def echo(line: str) -> None:
    """Show a line of the tool's as it comes."""
    sys.stdout.write(line)
    sys.stdout.flush()
