"""A machine's addresses: on disk, as its network manager reads them, and in the kernel."""
