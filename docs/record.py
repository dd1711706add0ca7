"""Record two moves between lab machines, one finished, one taken back twice: screens and journal.

As root: python -m docs.record [NAME]. It makes a pair of that name for each, records below
docs/run, and takes the pair down. `python docs/generate.py` makes the pages from the records.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from lab.fill import fill
from lab.machine import Machine
from lab.pair import Pair
from lab.shell import LabError, wait_until
from lab.standin.setup import set_up
from transhume.engine import journal

RUN = Path(__file__).parent / "run"
STATE = "/var/lib/transhume"
REPORT = "/root/transhume-report.html"
_COLUMNS = 92
_STEP_LIMIT = 300


class Recorder:
    """Types commands on the target and keeps what they print."""

    def __init__(self, target: Machine, folder: Path) -> None:
        self.target = target
        self.folder = folder

    def __call__(self, key: str, *arguments: str) -> None:
        """Run one command to its end, which must be a good one; its output goes to KEY.txt."""
        done = self.target.exec(_typed(arguments), check=False)
        self._keep(key, arguments, done.stdout, done.returncode)
        if done.returncode:
            raise LabError(f"{key} ended with {done.returncode}:\n{done.stdout}")

    def interrupted(self, key: str, when: Callable[[], bool], *arguments: str) -> None:
        """Run one command, and press Ctrl-C once `when` holds."""
        running = subprocess.Popen(
            self.target.command(_typed(arguments)), stdout=subprocess.PIPE, text=True
        )
        try:
            wait_until(when, f"the moment to interrupt {key}", _STEP_LIMIT)
            self.target.exec(["sh", "-c", f"kill -INT $(cat {STATE}/lock)"])
            printed, _ = running.communicate(timeout=_STEP_LIMIT)
        finally:
            running.kill()
            running.wait()
        self._keep(key, arguments, printed, running.returncode)

    def json(self, key: str, *arguments: str) -> None:
        """Keep what a command prints for programs."""
        printed = self.target.exec(["transhume", *arguments, "--json"]).stdout
        (self.folder / f"{key}.json").write_text(printed)

    def _keep(self, key: str, arguments: tuple[str, ...], printed: str, status: int) -> None:
        ended = f"(exit code {status})\n" if status else ""
        lines = "".join(f"{line.rstrip()}\n" for line in printed.splitlines())
        (self.folder / f"{key}.txt").write_text(
            f"# transhume {' '.join(arguments)}\n{lines}{ended}"
        )
        sys.stderr.write(f"recorded {key} ({status})\n")


def _typed(arguments: tuple[str, ...]) -> list[str]:
    both = 'exec "$@" 2>&1'
    return ["env", f"COLUMNS={_COLUMNS}", "sh", "-c", both, "sh", "transhume", *arguments]


def _fingerprint(source: Machine) -> str:
    shown = source.exec(["ssh-keygen", "-lf", "/etc/ssh/ssh_host_ed25519_key.pub"]).stdout
    return shown.split()[1]


def _starts(target: Machine) -> bool:
    """Whether the services are being started: the longest step while people are shut out."""
    printed = target.exec(["transhume", "status", "--json"], check=False).stdout
    steps = json.loads(printed)["steps"] if printed.startswith("{") else []
    return any((each["key"], each["state"]) == ("start", "running") for each in steps)


def _begun(pair: Pair) -> tuple[str, ...]:
    free = ("--maintenance", "192.0.2.11", "--maintenance", "2001:db8::11")
    return ("root@mail.example.org", "--host-key", _fingerprint(pair.source), *free)


def given_up(pair: Pair, record: Recorder) -> None:
    """A move that is interrupted in its outage and taken back, and once more after the opening."""
    pair.target.exec(["transhume", "init", *_begun(pair)])
    pair.target.exec(["transhume", "sync"])
    record.interrupted("cutover-interrupted", partial(_starts, pair.target), "cutover", "--yes")
    record("status-interrupted", "status")
    record("rollback", "rollback")
    pair.target.exec(["transhume", "cutover", "--yes"])
    record("rollback-opened", "rollback")


def finished(pair: Pair, record: Recorder) -> None:
    """A move from its beginning to its end."""
    record("init", "init", *_begun(pair))
    record("check", "check")
    record("plan", "plan")
    record("plan-commands", "plan", "--commands")
    record.json("plan", "plan")
    record("sync-first", "sync")
    record("sync", "sync")
    record("cutover-report", "cutover")
    record("cutover", "cutover", "--yes")
    record("verify", "verify")
    record("status", "status")
    record.json("status", "status")
    record("finish", "finish")
    record("report", "report", "--output", REPORT)
    shutil.copyfile(pair.target.root / REPORT.lstrip("/"), record.folder / "report.html")


def keep_journal(target: Machine, folder: Path) -> None:
    """The journal as JSON, without the commands: they follow from the acts."""
    with tempfile.TemporaryDirectory() as aside:
        for path in (target.root / STATE.lstrip("/")).glob(f"{journal.FILE}*"):
            shutil.copy(path, aside)
        events, _ = journal.read(Path(aside))
    told = [_slim(asdict(event)) for event in events]
    text = ",\n".join(json.dumps(event, sort_keys=True) for event in told)
    (folder / "journal.json").write_text(f"[\n{text}\n]\n")


def _slim(event: dict[str, Any]) -> dict[str, Any]:
    data = event["data"]
    if event["kind"] == "change-begun":
        back = {key: data["back"][key] for key in ("kind", "reason") if key in data["back"]}
        kept = {key: data[key] for key in ("step", "title", "act")}
        event["data"] = {**kept, "back": back}
    return event


def ready(pair: Pair) -> None:
    """The wizard on both, and mail, people and events on the source."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(set_up, pair.machines))
    fill(pair.source, messages=4_000, users=40)


def main(name: str = "docs") -> None:
    RUN.mkdir(exist_ok=True)
    for move in (finished, given_up):
        with Pair.up(name) as pair:
            ready(pair)
            move(pair, Recorder(pair.target, RUN))
            if move is finished:
                keep_journal(pair.target, RUN)


if __name__ == "__main__":
    main(*sys.argv[1:2])
