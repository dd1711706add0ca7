"""What makes a fresh disk one machine and no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab import furnish, netconf


@pytest.fixture
def disks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    monkeypatch.setattr(netconf, "run", lambda _: None)
    source, target = tmp_path / "source", tmp_path / "target"
    for root in (source, target):
        (root / "etc/ssh").mkdir(parents=True)
        (root / "root").mkdir()
    furnish.machine(source, "source", "ifupdown")
    furnish.machine(target, "target", "networkd")
    furnish.trust(source, target)
    return source, target


def test_no_two_machines_share_an_identity(disks: tuple[Path, Path]) -> None:
    for unique in ("etc/machine-id", "etc/hostname", "etc/ssh/ssh_host_ed25519_key"):
        source, target = ((root / unique).read_text() for root in disks)
        assert source != target


def test_the_machine_id_has_the_form_that_systemd_accepts(disks: tuple[Path, Path]) -> None:
    assert len((disks[0] / "etc/machine-id").read_text()) == 33


def test_the_target_may_log_in_to_the_source_and_knows_it(disks: tuple[Path, Path]) -> None:
    source, target = disks
    key = (target / "root/.ssh/id_ed25519.pub").read_text()
    known = (target / "root/.ssh/known_hosts").read_text()
    host_key = (source / "etc/ssh/ssh_host_ed25519_key.pub").read_text()

    assert (source / "root/.ssh/authorized_keys").read_text() == key
    assert known == f"mail.example.org,192.0.2.10,2001:db8::10 {host_key}"
    assert not (source / "root/.ssh/id_ed25519").exists()


def test_both_know_each_other_by_name(disks: tuple[Path, Path]) -> None:
    for root in disks:
        hosts = (root / "etc/hosts").read_text()
        assert "192.0.2.10 mail.example.org mail" in hosts
        assert "192.0.2.20 new.example.org new" in hosts
