"""BlueMind: where it keeps what, and in which order it moves."""
