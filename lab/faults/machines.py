"""What happens to a whole machine, or to a service that the tool needs there."""

from __future__ import annotations

from collections.abc import Iterator

from lab.faults.look import holders
from lab.faults.stage import Broken, Scenario, Stage
from lab.places import ROLES, Role
from lab.traffic import POWER_LOST, Log


def power_lost(role: Role) -> Scenario:
    """One machine loses its power and gets it back: what wasn't on its disk is gone."""

    def scenario(stage: Stage) -> Iterator[None]:
        machine = stage.run.pair.machines[ROLES.index(role)]
        if role in holders(stage.run):
            Log(stage.run.sent).write(event=POWER_LOST)
        machine.kill()
        yield
        stage.over()
        machine.start()
        machine.wait_login()

    return scenario


def sshd_restarted(stage: Stage) -> Iterator[None]:
    """The source's sshd begins anew."""
    stage.source.exec(("systemctl", "restart", "ssh.service"))
    yield


def sshd_ended(stage: Stage) -> Iterator[None]:
    """The source's sshd is killed with all its sessions, and begins anew once the tool ended."""
    stage.source.exec(("sh", "-c", "systemctl stop ssh.service; pkill -KILL -x sshd; true"))
    yield
    stage.over()
    stage.source.exec(("systemctl", "start", "ssh.service"))


def postgres_crashed(role: Role) -> Scenario:
    """Every process of PostgreSQL is killed; somebody starts it once the tool ended."""

    def scenario(stage: Stage) -> Iterator[None]:
        machine = stage.run.pair.machines[ROLES.index(role)]
        machine.exec(("pkill", "-KILL", "-x", "postgres"))
        yield
        stage.over()
        script = (
            "systemctl start 'postgresql@*.service' || systemctl restart 'postgresql@*.service'; "
            "timeout 60 sh -c 'until pg_isready -q; do sleep 0.1; done'"
        )
        machine.exec(("sh", "-c", script))

    return scenario


def old_server_back(stage: Stage) -> Iterator[None]:
    """The source is switched off and on after its address was given away."""
    stage.source.kill()
    stage.source.boot(address=False)
    if holders(stage.run) != ["target"]:
        raise Broken(f"the address is held by {holders(stage.run)}")
    yield
