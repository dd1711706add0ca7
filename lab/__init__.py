"""Two real machines on one, a BlueMind stand-in, live mail, and an independent comparison."""
