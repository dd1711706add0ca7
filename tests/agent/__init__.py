"""Tests of data and shapes."""
