"""Live traffic on a pair: a sender that never gives up and a prober that looks from outside."""

from lab.traffic.outage import Outage, downtime
from lab.traffic.running import Running, deliver_one, start_prober, start_sender
from lab.traffic.sender import POWER_LOST, Accepted, Log, accepted

__all__ = [
    "POWER_LOST",
    "Accepted",
    "Log",
    "Outage",
    "Running",
    "accepted",
    "deliver_one",
    "downtime",
    "start_prober",
    "start_sender",
]
