"""What any two machines need before a server moves between them, a room for each theme."""
