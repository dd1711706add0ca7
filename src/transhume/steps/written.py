"""When a file was written: people may have done it since the target was opened."""

from __future__ import annotations

from transhume.core.host import Host


def written(host: Host, path: str) -> float:
    """When a file was last written, in seconds since the epoch; 0 for none."""
    output = host.ask("stat", "-c", "%Y", "--", path)
    return float(output.text) if output.status == 0 else 0.0
