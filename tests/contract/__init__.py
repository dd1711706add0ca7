"""What every step keeps to, whoever writes the next one."""
