"""Faults of all kinds, struck at every phase of a move: nothing is lost, and there is a way on."""
