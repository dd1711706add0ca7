"""The part of the BlueMind stand-in that runs inside the machines (Python 3.9 and up)."""
