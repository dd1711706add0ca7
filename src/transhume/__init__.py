"""transhume moves a live BlueMind server to another machine, proves the copy, and can go back."""

__version__ = "0.1.0"
