"""Packages, units and scripts say what the documented facts say."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from lab.standin import debs, units
from lab.standin.machine import cli, firewall, postfix

RELEASES = ("bullseye", "bookworm", "trixie")


@pytest.mark.parametrize("release", RELEASES)
def test_every_service_has_a_package_that_carries_its_unit(release: str) -> None:
    found = {p.name: p for p in debs.packages(release, "5.0.12", debs.PLUGINS)}
    for name in ("bm-core", "bm-node", "bm-nginx", "bm-iptables"):
        assert f"usr/lib/systemd/system/{name}.service" in found[name].files
    assert set(debs.PLUGINS) <= found.keys()
    assert all(name.startswith("bm-") for name in found)


def test_a_plugin_can_be_left_out() -> None:
    assert not any("plugin" in p.name for p in debs.packages("trixie", "5.0.12", ()))


def test_the_same_number_belongs_to_another_name_elsewhere() -> None:
    old, new = debs.NUMBERS["bullseye"], debs.NUMBERS["trixie"]
    assert old["cyrus"] != new["cyrus"]
    assert old["cyrus"] == new["telegraf"]


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="needs dpkg-deb")
def test_a_package_is_a_real_one(tmp_path: Path) -> None:
    package = debs.Package("bm-pimp", postinst="true")
    package.add("usr/bin/x", "#!/bin/sh\n", 0o755)
    built = debs.build(package, "5.0.12-trixie", tmp_path)
    shown = subprocess.run(
        ["dpkg-deb", "--showformat=${Package} ${Version}", "--show", built],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout == "bm-pimp 5.0.12-trixie"


@pytest.mark.parametrize("service", units.SERVICES, ids=lambda service: service.name)
def test_a_disabled_file_keeps_a_service_off(service: units.Service) -> None:
    text = units.text(service)
    assert "ConditionPathExists=!/etc/bm/%N.disabled" in text
    assert ("PartOf=bluemind.target" in text) == service.in_target


def test_the_metrics_outlive_a_stop() -> None:
    assert not {"telegraf", "influxdb", "kapacitor", "chronograf", "bm-nginx"} & set(
        units.IN_TARGET
    )


def test_the_firewall_knows_the_servers() -> None:
    text = firewall.script(["192.0.2.10"], ["192.0.2.77"])
    assert text.index("-s 192.0.2.10") < text.index("-s 192.0.2.77") < text.index("-j DROP")


def test_master_cf_keeps_the_chroot_column_at_its_default() -> None:
    master = "smtp      inet  n       -       y       -       -       smtpd\n# a y comment\n"
    assert postfix.without_chroot(master) == master.replace("  y   ", "  -   ")


@pytest.mark.parametrize("arguments", [[], ["tick"], ["sysconf", "get"], ["no", "such"]])
def test_wrong_usage_is_51(arguments: list[str]) -> None:
    assert cli.main(arguments) == 51


def test_a_failure_is_1(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise cli.Failed("the core does not answer")

    monkeypatch.setattr(cli, "call", fail)
    assert cli.main(["node", "status"]) == 1
