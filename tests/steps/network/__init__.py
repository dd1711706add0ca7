"""Tests of what is known of network managers and of the kernel's addresses."""
