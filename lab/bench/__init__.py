"""The benchmark: the documented procedure and transhume, on the same two machines, in one run."""
