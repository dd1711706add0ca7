"""The switch is watched over: without a word from the mover both machines go back by themselves."""
