"""What any server's move is made of; a profile puts steps into an order."""
