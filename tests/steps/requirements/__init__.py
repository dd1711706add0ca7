"""Every check of the requirements, on two machines in memory."""
