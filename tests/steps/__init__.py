"""Tests of the steps, as their tree."""
