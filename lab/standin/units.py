"""The systemd units of the stand-in: which exist, what they run and what stops them."""

from __future__ import annotations

from dataclasses import dataclass

_HOLDER = "bmstandin.holder"


@dataclass(frozen=True)
class Service:
    """One unit; `port` is what a mere placeholder listens on."""

    name: str
    module: str = _HOLDER
    port: int = 0
    after: str = "network.target"
    # Those outside the target survive `bmctl stop`, to the surprise of whoever drops a database.
    in_target: bool = True
    timeout: int = 90

    @property
    def command(self) -> str:
        return f"/usr/bin/python3 -m {self.module} {self.port or ''}".strip()


SERVICES = (
    Service("bm-node", "bmstandin.node"),
    Service(
        "bm-core",
        "bmstandin.core",
        after="network.target bm-node.service postgresql.service",
        timeout=300,
    ),
    Service("bm-eas", port=8082),
    Service("bm-mapi", port=8084),
    Service("bm-elasticsearch", "bmstandin.elasticsearch"),
    Service("bm-keycloak", port=8099, after="postgresql.service"),
    Service("bm-milter", port=2500),
    Service("bm-php-fpm"),
    Service("bm-pimp"),
    Service("bm-tika", port=8087),
    Service("bm-webserver", port=8080),
    Service("bm-xivobridge"),
    Service("bm-ysnp", port=24),
    Service("telegraf", "bmstandin.telegraf", in_target=False),
    Service("influxdb", port=8086, in_target=False),
    Service("kapacitor", port=9092, in_target=False),
    Service("chronograf", port=8888, in_target=False),
)
# These two run other programs than the stand-in's own; only the firewall hangs on the target.
IN_TARGET = (*(s.name for s in SERVICES if s.in_target), "bm-iptables")

TARGET = """# stand-in for BlueMind's own target
[Unit]
Description=BlueMind (stand-in)
Wants=postgresql.service

[Install]
WantedBy=multi-user.target
"""

_UNIT = """# stand-in for BlueMind's own service; behaves as documented facts say
[Unit]
Description={name} (stand-in)
After={after}
ConditionPathExists=/etc/bm/bm.ini
ConditionPathExists=!/etc/bm/%N.disabled
{binding}
[Service]
Type=notify
Environment=PYTHONPATH=/usr/lib/bm-standin PYTHONDONTWRITEBYTECODE=1
ExecStart={command}
TimeoutStartSec={timeout}s
Restart=on-failure
RestartSec=1s

[Install]
WantedBy={wanted}
"""

NGINX = """# stand-in for BlueMind's own service; behaves as documented facts say
[Unit]
Description=bm-nginx (stand-in)
After=network.target
ConditionPathExists=/etc/bm/bm.ini
ConditionPathExists=!/etc/bm/%N.disabled

[Service]
Type=forking
PIDFile=/run/nginx.pid
ExecStartPre=/usr/sbin/nginx -t -q
ExecStart=/usr/sbin/nginx
ExecReload=/usr/sbin/nginx -s reload
TimeoutStopSec=5
KillMode=mixed

[Install]
WantedBy=multi-user.target
"""

IPTABLES = """# stand-in for BlueMind's own service; behaves as documented facts say
[Unit]
Description=bm-iptables (stand-in)
ConditionPathExists=!/etc/bm/%N.disabled
PartOf=bluemind.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'test ! -e /etc/bm-iptables/rules.sh || exec sh /etc/bm-iptables/rules.sh'

[Install]
WantedBy=bluemind.target
"""


def text(service: Service) -> str:
    wanted = "bluemind.target" if service.in_target else "multi-user.target"
    return _UNIT.format(
        name=service.name,
        after=service.after,
        binding="PartOf=bluemind.target\n" if service.in_target else "",
        command=service.command,
        timeout=service.timeout,
        wanted=wanted,
    )


def all_units() -> dict[str, str]:
    """Return each unit's file name and text."""
    own = {f"{service.name}.service": text(service) for service in SERVICES}
    return {
        "bluemind.target": TARGET,
        "bm-nginx.service": NGINX,
        "bm-iptables.service": IPTABLES,
        **own,
    }
