"""The names of cached disks: equal for equal content, different for whatever changes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab import disk, install, roots
from lab.shell import LabError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRANSHUME_LAB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stands in for the slow parts, and tells which layers were worked on."""
    done: list[str] = []

    def work(image: Path, *task: str) -> None:
        done.append(f"{task[2]} {task[3]}")

    def copy(image: Path, to: Path) -> None:
        to.write_bytes(image.read_bytes())

    monkeypatch.setattr(disk, "create", Path.touch)
    monkeypatch.setattr(disk, "copy", copy)
    monkeypatch.setattr(disk, "work", work)
    return done


def test_a_disk_is_built_from_the_bottom_up_and_once(made: list[str]) -> None:
    first = roots.build("trixie", kind="target")
    second = roots.build("trixie", kind="target")

    assert first == second
    assert made == ["trixie base", "trixie runtime", "trixie target"]


def test_another_package_renames_every_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {kind: roots.digest("trixie", kind) for kind in roots.KINDS}
    monkeypatch.setattr(roots, "PACKAGES", roots.PACKAGES + " vim")

    assert all(roots.digest("trixie", kind) != before[kind] for kind in roots.KINDS)


def test_another_stand_in_leaves_the_layers_below_as_they_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = {kind: roots.digest("trixie", kind) for kind in roots.KINDS}
    (tmp_path / "bmctl").write_text("changed")
    monkeypatch.setattr(roots, "_standin_files", lambda: [tmp_path / "bmctl"])

    changed = {kind for kind in roots.KINDS if roots.digest("trixie", kind) != before[kind]}

    assert changed == {"server", "target"}


def test_a_replaced_disk_leaves_the_cache(
    made: list[str], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = roots.build("bullseye", kind="base")
    monkeypatch.setattr(roots, "PACKAGES", roots.PACKAGES + " vim")
    new = roots.build("bullseye", kind="base")

    assert list(cache.glob("*.img")) == [new]
    assert new != old


def test_a_failed_build_leaves_no_draft(
    made: list[str], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise LabError("no space left")

    monkeypatch.setattr(disk, "work", fail)

    with pytest.raises(LabError, match="no space left"):
        roots.build("trixie", kind="base")
    assert {path.suffix for path in cache.iterdir()} == {".lock"}


def test_an_unknown_release_is_refused_with_the_known_ones() -> None:
    with pytest.raises(LabError, match=r"sid.*bullseye"):
        roots.build("sid", kind="base")


def test_a_target_too_old_for_the_tool_has_no_runtime(tmp_path: Path) -> None:
    install.dependencies(tmp_path, "bullseye")

    assert not list(tmp_path.iterdir())
