"""The way back after the opening: noted from the switch on, walked by `rollback`."""
