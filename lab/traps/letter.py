"""The documented procedure on machines with every trap, looked at where each one snaps."""

from __future__ import annotations

from pathlib import Path

from lab import documented, network, split_brain
from lab.compare import Side, compare
from lab.documented import console, favour, page
from lab.documented.procedure import type_lines
from lab.documented.typist import Shell, Typed, Typist
from lab.pair import Pair
from lab.processes import process_list
from lab.traffic import start_prober
from lab.traps import looks
from lab.traps.before import Before, rows
from lab.traps.plant import plant
from lab.traps.trap import Run, gone


def walk(pair: Pair, folder: Path) -> tuple[Run, Run]:
    """Type the page; gives what it lost, at the source's address and at the target's own."""
    taken, kept = Run(), Run()
    taken.noted["password"] = _password(pair)
    favour.usual_password(pair)
    marker = plant(pair)
    reference = looks.reference(pair.source)
    before = Before(pair)
    documented.run(pair, ("hot",))
    _cold(pair, reference, taken)
    _restored_anew(pair, reference, taken)
    _at_its_own_address(pair, kept)
    type_lines(pair.target, "cold", page.restore())
    taken.noted["early"] = _replace(pair, folder / "letter.jsonl", before, taken)
    taken.differences = compare(reference, pair.target).differences
    taken.noted["held"] = looks.held(pair.target, marker)
    _look_after(pair, before, taken)
    return taken, kept


def _password(pair: Pair) -> list[str]:
    """The page's password, where the wizard has made another."""
    account = type_lines(pair.target, "cold", [each for each in page.dumps() if each.row == 13])
    sizes = looks.lines(pair.target, "stat -c '%n: %s bytes' /tmp/dump-*.sql")
    pair.target.exec(("sh", "-c", "rm /tmp/dump-*.sql"))
    return [
        f"{size}, pg_dump ended with {typed.status}"
        for typed, size in zip(account, sizes, strict=True)
        if typed.status
    ]


def _cold(pair: Pair, reference: Side, run: Run) -> None:
    began = looks.now(pair.target)
    with process_list(pair.source) as there, process_list(pair.target) as here:
        documented.run(pair, ("cold",))
    run.noted["process list"] = looks.shown(there + here, favour.PASSWORD)
    run.noted["outage"] = looks.bodies_since(pair.target, began, reference)
    run.noted["dumps"] = looks.dumps(pair.target)
    run.noted["session"] = looks.rows_lost(reference, pair.target)
    run.noted["indexed"] = sorted({*looks.indexes(pair.source)} & {*looks.indexes(pair.target)})


def _restored_anew(pair: Pair, reference: Side, run: Run) -> None:
    """Row 16 once more, with nobody connected to the target's databases."""
    favour.without_sessions(pair.target)
    account = type_lines(pair.target, "cold", page.restore())
    lost = looks.rows_lost(reference, pair.target)
    rows(lost, run)
    run.noted["status"] = [
        f"{typed.command}: {typed.status}, though not a row of it is missing"
        for typed in account
        if typed.status
        and "dump-bj.sql" in typed.command
        and not any(line.startswith("bj ") for line in lost)
    ]


def _at_its_own_address(pair: Pair, run: Run) -> None:
    """The target is started where it stands, and somebody starts the source again."""
    old, own = network.SERVICE.ipv4, network.TARGET.ipv4
    pair.source.exec(("bmctl", "start"))
    before = split_brain.driven(pair.source)
    with Shell(pair.target) as shell:
        typist = Typist(shell, "after", [])
        for text in ("bmctl start", console.at(console.AWAIT, "127.0.0.1")):
            typist.line(17, "start", text)
        typist.line(18, "start", console.at(console.SAVE, "127.0.0.1"))
        typist.line(19, "start", console.at(console.RUN, "127.0.0.1"))
        typist.line(20, "start", console.at(console.networks(old, own), "127.0.0.1"))
        typist.line(21, "start", "bm-cli tick reconfigure")
    run.noted["driven"] = split_brain.told(split_brain.driven(pair.source) - before)
    run.noted["places"] = looks.places(pair.target, old)
    for machine in pair.machines:
        type_lines(machine, "cold", page.stop(10))


def _replace(pair: Pair, log: Path, before: Before, run: Run) -> list[str]:
    with start_prober(pair.name, log):
        documented.run(pair, ("replace",))
        _after(pair, before, run)
    return looks.early(log)


def _after(pair: Pair, before: Before, run: Run) -> None:
    """Rows 18 to 21, looked at after each click."""
    with Shell(pair.target) as shell:
        typist = Typist(shell, "after", [])
        for line in page.after():
            known = looks.written(pair.target)
            typed = typist.line(line.row, line.part, line.text)
            if line.row == 18:
                run.noted["firewall"] = gone(before.firewall, looks.firewall(pair.target))
            if line.row == 19:
                run.noted["maps"] = _unwritten(typed, known, looks.written(pair.target))


def _unwritten(typed: Typed, before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Maps that weren't written when the console said that the work was done."""
    if "Success" not in typed.output:
        return []
    return [f"{path}: not written yet at Success" for path in before if before[path] == after[path]]


def _look_after(pair: Pair, before: Before, run: Run) -> None:
    # Its cable is out: two machines at one address would disturb what is looked at.
    network.pull(pair.name, "source")
    pair.source.boot(address=False)
    before.look_after(pair, run)
