"""Databases that follow the source by logical replication until the switch."""
