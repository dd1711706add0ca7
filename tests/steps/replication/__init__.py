"""Tests of the databases that follow the source."""
