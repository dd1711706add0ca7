"""Data and shapes: no I/O, no process, no clock."""
