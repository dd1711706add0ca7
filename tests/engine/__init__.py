"""Tests of the walk, its journal and the one room that performs."""
