"""What stands for the page's own example names."""

ORIGIN = "mail.example.org"
"""The original server."""
