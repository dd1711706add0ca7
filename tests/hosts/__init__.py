"""Tests of the two machines, without any."""
