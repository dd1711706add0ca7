"""The few HTTP calls of bm-core that the outside and the command line use."""

from __future__ import annotations

import hmac
import json
import logging
import re
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from . import settings
from .state import Core

log = logging.getLogger("api")

_STATE = "/api/system/installation/state"
_OS_RELEASE = Path("/etc/os-release")
_SERVERS = "SELECT item_id, ip, fqdn, name, tags FROM t_server ORDER BY item_id"
_JOBS = """SELECT p.domain_uid, p.kind, p.cron, extract(epoch from p.next_run)::bigint * 1000,
    extract(epoch from e.started)::bigint * 1000, e.status::text
  FROM t_job_plan p LEFT JOIN LATERAL (
    SELECT started, status FROM t_job_execution
    WHERE job_id = p.job_id AND domain_uid = p.domain_uid ORDER BY id DESC LIMIT 1) e ON true
  WHERE p.job_id = %s"""

_MAILBOXES = """SELECT i.uid FROM t_mailbox m JOIN t_container_item i ON i.id = m.item_id
  WHERE EXISTS (SELECT FROM t_mailbox_email e
                WHERE e.item_id = m.item_id AND e.right_address = %s) ORDER BY 1"""


class NotFound(Exception):
    """There is no such thing."""


def subscription() -> dict[str, Any]:
    """Return the subscription; it is bound to one distribution."""
    lines = (line.partition("=") for line in _OS_RELEASE.read_text().splitlines())
    codename = {key: value.strip('"') for key, _, value in lines}.get("VERSION_CODENAME", "")
    known = json.loads((settings.ETC / "subscription.bmz").read_text())
    return {**known, "valid": known["distribution"] == codename}


def job(name: str, rows: list[tuple[Any, ...]]) -> dict[str, Any]:
    """Return a job as net.bluemind.scheduledjob.api.Job; moments in milliseconds."""
    return {
        "domainStatus": [{"domain": row[0], "status": row[5]} for row in rows if row[5]],
        "domainPlanification": [
            {
                "kind": kind,
                "rec": {"cronString": cron},
                "lastRun": last,
                "nextRun": following,
                "domain": domain,
            }
            for domain, kind, cron, following, last, _ in rows
        ],
        "id": name,
        "description": name,
        "kind": "GLOBAL",
        "sendReport": False,
        "recipients": None,
    }


class Calls:
    """The answers, one method for each call."""

    def __init__(self, core: Core) -> None:
        self.core = core

    def state(self, _: Any) -> str:
        return self.core.state()

    def maintenance(self, _: Any) -> None:
        self.core.maintenance = True

    def no_maintenance(self, _: Any) -> None:
        self.core.maintenance = False

    def version(self, _: Any) -> dict[str, Any]:
        name = settings.version()
        rows = self.core.directory.rows("SELECT version FROM t_component_version LIMIT 1")
        known = rows[0][0]
        return {"softwareVersion": name, "databaseVersion": known, "needsUpgrade": name != known}

    def subscription(self, _: Any) -> dict[str, Any]:
        return subscription()

    def configuration(self, _: Any) -> dict[str, str]:
        return self.core.configuration()

    def configure(self, body: Any) -> None:
        self.core.configure(body)

    def servers(self, _: Any) -> list[dict[str, Any]]:
        return [
            {
                "uid": f"bm-master-{item}" if item > 1 else "bm-master",
                "internalId": item,
                "displayName": name,
                "value": {"ip": ip, "fqdn": fqdn, "name": name, "tags": tags},
            }
            for item, ip, fqdn, name, tags in self.core.directory.rows(_SERVERS)
        ]

    def task(self, _: Any, number: str) -> dict[str, Any]:
        found = self.core.task(number)
        if found is None:
            raise NotFound(f"no task {number}")
        return found

    def repair(self, _: Any) -> dict[str, Any]:
        self.core.repair.ask()
        return self.core.finished_task()

    def job(self, _: Any, name: str) -> dict[str, Any]:
        return job(name, self.core.directory.rows(_JOBS, name))

    def count(self, _: Any, uid: str) -> dict[str, int]:
        found = self.core.count(uid)
        if found is None:
            raise NotFound(f"no mailbox {uid}")
        return {"total": found}

    def mailboxes(self, _: Any, domain: str) -> list[str]:
        return [uid for (uid,) in self.core.directory.rows(_MAILBOXES, domain)]

    def firewall(self, _: Any) -> None:
        self.core.update_firewall()

    def tick(self, _: Any) -> dict[str, Any]:
        return self.core.started_task(self.core.reconfigure_tick)

    def node(self, _: Any) -> dict[str, str]:
        self.core.reach()
        return {"node": "online"}


def routes(calls: Calls) -> list[tuple[str, re.Pattern[str], Callable[..., Any]]]:
    table: list[tuple[str, str, Callable[..., Any]]] = [
        ("GET", _STATE, calls.state),
        ("PUT", f"{_STATE}/_maintenance", calls.maintenance),
        ("DELETE", f"{_STATE}/_maintenance", calls.no_maintenance),
        ("GET", "/api/system/installation/version", calls.version),
        ("GET", "/api/system/installation/subscription", calls.subscription),
        ("GET", "/api/configuration", calls.configuration),
        ("POST", "/api/configuration", calls.configure),
        ("GET", "/api/servers/default/_complete", calls.servers),
        ("GET", "/api/tasks/([^/]+)(?:/status)?", calls.task),
        ("POST", "/api/system/maildelivery/mgmt/_repair", calls.repair),
        ("GET", "/api/scheduledjobs/_job/([^/]+)", calls.job),
        ("GET", "/api/mailboxes-standin/([^/]+)/_count", calls.count),
        ("GET", "/api/mailboxes/([^/]+)/_listUids", calls.mailboxes),
        ("POST", "/internal-api/system/firewall/_updatefirewallrules", calls.firewall),
        ("POST", "/internal-api/tick/mgmt/_reconfigure", calls.tick),
        ("GET", "/internal-api/node/_status", calls.node),
    ]
    return [(verb, re.compile(path), call) for verb, path, call in table]


class Handler(BaseHTTPRequestHandler):
    """Finds the call, checks the key, answers in JSON."""

    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._reply(*self._answer(body))

    def do_POST(self) -> None:
        self.do_GET()

    def do_PUT(self) -> None:
        self.do_GET()

    def do_DELETE(self) -> None:
        self.do_GET()

    def _answer(self, body: bytes) -> tuple[int, Any]:
        path = self.path.partition("?")[0]
        # Visitors ask for the state without a key; nothing else is public.
        if path != _STATE and not self._known():
            return 403, {"errorCode": "PERMISSION_DENIED", "message": "wrong key"}
        for verb, pattern, call in self.server.table:
            match = pattern.fullmatch(path)
            if match and verb == self.command:
                return self._call(call, body, match.groups())
        return 404, {"errorCode": "NOT_FOUND", "message": path}

    def _known(self) -> bool:
        return hmac.compare_digest(self.headers.get("X-BM-ApiKey", ""), settings.token())

    def _call(
        self, call: Callable[..., Any], body: bytes, values: tuple[str, ...]
    ) -> tuple[int, Any]:
        try:
            return 200, call(json.loads(body) if body else None, *values)
        except NotFound as error:
            return 404, {"errorCode": "NOT_FOUND", "message": str(error)}
        except Exception as error:
            log.exception("%s %s failed", self.command, self.path)
            return 500, {"errorCode": "FAILURE", "message": str(error)}

    def _reply(self, status: int, answer: Any) -> None:
        data = b"" if answer is None else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Only failures are worth a line."""


class Server(ThreadingHTTPServer):
    """Listens on 127.0.0.1; nginx stands before it."""

    daemon_threads = True

    def __init__(self, core: Core) -> None:
        super().__init__(("127.0.0.1", settings.CORE_PORT), Handler)
        self.table = routes(Calls(core))
