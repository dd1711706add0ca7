"""What four clicks in the administration console send to the server, as curl would."""

from __future__ import annotations

from lab.documented.names import ORIGIN

_KEY = '-H "X-BM-ApiKey: $(cat /etc/bm/bm-core.tok)"'
_JSON = "-H 'Content-Type: application/json' -d @-"
_API = f"https://{ORIGIN}/api"
_STATE = f"curl -sk --max-time 5 {_API}/system/installation/state"
_CONFIGURATION = f"curl -fsSk {_KEY} {_API}/configuration"
_LIMIT = 120

AWAIT = (
    f"for i in $(seq {_LIMIT}); do {_STATE} | grep -q core.state.running && break; sleep 1; done; "
    f"{_STATE} | grep core.state.running"
)
"""An admin opens the console again and again until it lets them in, for two minutes at most."""

SAVE = f"{_CONFIGURATION} | {_CONFIGURATION} {_JSON}"
"""Save sends all that the console shows, whether something was changed in it or not."""

RUN = (
    f"task=$(curl -fsSk {_KEY} -X POST {_API}/system/maildelivery/mgmt/_repair | "
    f'sed -E \'s/.*"id": ?"([^"]+)".*/\\1/\') && curl -fsSk {_KEY} {_API}/tasks/$task'
)
"""The console's progress bar ends when the task says that it is done."""


def networks(old: str, new: str) -> str:
    """My Networks with the new address where the old one stood, and Save."""
    return f"{_CONFIGURATION} | sed 's#{old}#{new}#g' | {_CONFIGURATION} {_JSON}"


def at(click: str, address: str) -> str:
    """The same in the console of the server at another address."""
    return click.replace(f"https://{ORIGIN}/", f"https://{address}/")
