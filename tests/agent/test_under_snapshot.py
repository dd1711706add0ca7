"""The slot is made, its snapshot handed to the first program, and dropped when anything fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import transhume.agent
from transhume.agent import program

pytestmark = pytest.mark.programs(Path(sys.executable).name, faked=True)

# As psql answers by the replication protocol; what it was asked is kept.
_PSQL = """\
#!{python}
import sys
for line in sys.stdin:
    open({asked!r}, "a").write(line)
    if line.startswith("CREATE"):
        print({answer!r}, flush=True)
    elif line.startswith("IDENTIFY"):
        print("7|1|0/1|bj", flush=True)
"""
_ANSWER = "transhume_5|0/10|00000003-0000001B-1|pgoutput"


def _start(folder: Path, *words: str, answer: str = _ANSWER) -> subprocess.Popen[str]:
    fake = folder / "psql"
    fake.write_text(_PSQL.format(python=sys.executable, asked=str(folder / "asked"), answer=answer))
    fake.chmod(0o755)
    assert transhume.agent.__file__
    argv = [sys.executable, "-c", program("under_snapshot").decode(), "service=x", "transhume_5"]
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    return subprocess.Popen(
        [*argv, *words], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def _asked(folder: Path) -> list[str]:
    return [line.split()[0].rstrip(";\n") for line in (folder / "asked").read_text().splitlines()]


def test_the_first_program_works_under_the_snapshot(tmp_path: Path) -> None:
    process = _start(tmp_path, "--", "echo", "dump", "--", "echo", "restore")
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert out.splitlines() == ["dump --snapshot=00000003-0000001B-1", "restore"]
    # The snapshot, which holds up the source's cleaning, is let go of before the restore.
    assert _asked(tmp_path) == ["CREATE_REPLICATION_SLOT", "IDENTIFY_SYSTEM"]


@pytest.mark.parametrize(
    "words", [("--", "false", "--", "echo"), ("--", "echo", "--", "false")], ids=["dump", "restore"]
)
def test_a_program_that_fails_takes_the_slot_with_it(tmp_path: Path, words: tuple[str]) -> None:
    process = _start(tmp_path, *words)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "false ended with status 1" in err
    assert _asked(tmp_path)[-1] == "DROP_REPLICATION_SLOT"


def test_asked_to_end_it_ends_its_program_and_drops_the_slot(tmp_path: Path) -> None:
    process = _start(tmp_path, "--", "sh", "-c", f"echo $$ >{tmp_path}/pid; exec sleep 60")
    deadline = time.monotonic() + 20
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().strip():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 128 + signal.SIGTERM
    assert _asked(tmp_path)[-1] == "DROP_REPLICATION_SLOT"
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_source_that_refuses_the_slot_is_told(tmp_path: Path) -> None:
    process = _start(tmp_path, "--", "echo", "never", answer="")
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (1, "")
    assert "the source refused CREATE_REPLICATION_SLOT" in err
