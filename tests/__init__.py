"""Tests, as a tree that mirrors the source."""
