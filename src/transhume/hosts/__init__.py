"""The two machines: looked at and altered here or over OpenSSH."""
