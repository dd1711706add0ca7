"""The private folder of a run, put where a test may write."""

from __future__ import annotations

from pathlib import Path

import pytest

from transhume.hosts import machine, postgres, ssh


@pytest.fixture
def run_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What is /run/transhume otherwise."""
    folder = tmp_path / "run"
    monkeypatch.setattr(ssh, "FOLDER", folder)
    monkeypatch.setattr(ssh, "SOCKETS", folder / "source")
    monkeypatch.setattr(machine, "SOCKETS", folder / "source")
    monkeypatch.setattr(ssh, "SSH_CONFIG", str(folder / "ssh_config"))
    monkeypatch.setattr(ssh, "SSH_BULK", str(folder / "ssh_bulk"))
    monkeypatch.setattr(postgres, "SERVICE_FILE", str(folder / "pg_service.conf"))
    monkeypatch.setenv("PGSERVICEFILE", "")
    return folder
