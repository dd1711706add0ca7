"""What four clicks in the administration console send to the server, as curl would."""

from __future__ import annotations

from lab.documented.page import ORIGIN

_KEY = '-H "X-BM-ApiKey: $(cat /etc/bm/bm-core.tok)"'
_API = f"https://{ORIGIN}/api"
STATE = f"curl -sk --max-time 5 {_API}/system/installation/state"
_LIMIT = 120

AWAIT = (
    f"for i in $(seq {_LIMIT}); do {STATE} | grep -q core.state.running && break; sleep 1; done; "
    f"{STATE} | grep core.state.running"
)
"""An admin opens the console again and again until it lets them in, for two minutes at most."""

# Save sends what the page of the console shows: nothing was changed in it.
SAVE = (
    f"curl -fsSk {_KEY} {_API}/configuration | "
    f"curl -fsSk {_KEY} -H 'Content-Type: application/json' -d @- {_API}/configuration"
)

# The console's progress bar ends when the task says that it is done.
RUN = (
    f"task=$(curl -fsSk {_KEY} -X POST {_API}/system/maildelivery/mgmt/_repair | "
    'sed -E \'s/.*"id": ?"([^"]+)".*/\\1/\') && '
    f"curl -fsSk {_KEY} {_API}/tasks/$task"
)
