"""Builds the stand-in's Debian packages: small, real, and all of one version."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from lab.standin import schema, units

_HERE = Path(__file__).parent
_METRICS = ("telegraf", "influxdb", "kapacitor", "chronograf")
PLUGINS = ("bm-plugin-core-ldap-import", "bm-plugin-admin-console-ldap-import")
# Packages that a real server has as well, and that carry nothing here.
_EMPTY = ("bm-conf", "bm-jdk", "bm-postfix", "bm-postgresql", "bm-installation-wizard")

# The numbers differ on purpose: the same name is another number on another distribution, and on
# Debian 13 the number that cyrus has on Debian 11 belongs to someone else.
NUMBERS = {
    "bullseye": {
        "cyrus": 121,
        "elasticsearch": 123,
        "telegraf": 131,
        "influxdb": 133,
        "bluemind": 161,
    },
    "bookworm": {
        "cyrus": 141,
        "elasticsearch": 143,
        "telegraf": 145,
        "influxdb": 147,
        "bluemind": 163,
    },
    "trixie": {
        "cyrus": 131,
        "elasticsearch": 133,
        "telegraf": 121,
        "influxdb": 123,
        "bluemind": 162,
    },
}


@dataclass
class Package:
    """What one package will hold: path inside the root, content, mode."""

    name: str
    files: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    postinst: str = ""

    def add(self, path: str, content: str | bytes, mode: int = 0o644) -> None:
        data = content.encode() if isinstance(content, str) else content
        self.files[path] = (data, mode)


def _users(release: str) -> str:
    numbers = NUMBERS[release]
    lines = [f"groupadd --force --gid {numbers['bluemind']} bluemind"]
    for name in ("cyrus", "elasticsearch", "telegraf", "influxdb"):
        number, group = numbers[name], "mail" if name == "cyrus" else name
        if group == name:
            lines.append(f"groupadd --force --gid {number} {name}")
        lines.append(
            f"id {name} >/dev/null 2>&1 || useradd --uid {number} --gid {group}"
            f" --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin {name}"
        )
    return "\n".join(lines)


def _own(name: str) -> str:
    return (_HERE / "files" / name).read_text()


def _base(release: str, version: str) -> Package:
    """Return the package with the programs, which a real server does not have."""
    package = Package("bm-standin", postinst=_users(release))
    for module in (_HERE / "machine").glob("*.py"):
        package.add(f"usr/lib/bm-standin/bmstandin/{module.name}", module.read_bytes())
    for name in ("setup-wizard", "set-version", "fill"):
        package.add(f"usr/lib/bm-standin/{name}", _own(name), 0o755)
    for size in schema.PARTITIONS:
        custom = " ".join(f"{key}={value}" for key, value in schema.custom_settings(size).items())
        package.add(
            f"usr/share/bm-standin/schema-{size}.sql", f"-- {custom}\n{schema.schema(size)}"
        )
    package.add("usr/share/bm-standin/version", f"{version}\n")
    return package


def _owner(unit: str) -> str:
    stem = unit.partition(".")[0]
    if stem in _METRICS:
        return "bm-tick-full"
    return "bm-core" if stem == "bluemind" else stem


def packages(release: str, version: str, plugins: tuple[str, ...]) -> list[Package]:
    found = {"bm-standin": _base(release, version), "bm-cli": Package("bm-cli")}
    for unit, text in units.all_units().items():
        package = found.setdefault(_owner(unit), Package(_owner(unit)))
        package.add(f"usr/lib/systemd/system/{unit}", text)
        package.postinst += f"systemctl --quiet enable {unit}\n"
    bmctl = _own("bmctl").replace("@UNITS@", " ".join(units.IN_TARGET))
    found["bm-core"].add("usr/sbin/bmctl", bmctl, 0o755)
    found["bm-cli"].add("usr/bin/bm-cli", _own("bm-cli"), 0o755)
    found["bm-nginx"].add("etc/nginx/sites-enabled/bm-webmail.conf", _own("bm-webmail.conf"))
    found[
        "bm-nginx"
    ].postinst += "rm -f /etc/nginx/sites-enabled/default\nsystemctl --quiet mask nginx.service\n"
    for name in (*_EMPTY, *plugins):
        found[name] = Package(name)
    return list(found.values())


def build(package: Package, version: str, folder: Path) -> Path:
    """Build one package with dpkg-deb."""
    tree = folder / package.name
    for path, (content, mode) in package.files.items():
        target = tree / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        target.chmod(mode)
    control = tree / "DEBIAN"
    control.mkdir(parents=True)
    (control / "control").write_text(_control(package.name, version))
    (control / "postinst").write_text(f"#!/bin/sh\nset -e\n{package.postinst}\n")
    (control / "postinst").chmod(0o755)
    result = folder / f"{package.name}.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Zgzip", "--build", str(tree), str(result)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return result


def _control(name: str, version: str) -> str:
    return (
        f"Package: {name}\nVersion: {version}\nArchitecture: all\nSection: mail\n"
        "Maintainer: transhume lab <root@localhost>\n"
        f"Description: stand-in for BlueMind's own {name}\n"
    )
