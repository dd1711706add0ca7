"""The guards of the switch: what they are told, and what they do alone."""
