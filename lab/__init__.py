"""Two real machines of two distributions on one, with a BlueMind stand-in, live mail and an independent comparison."""
