"""What is known about kinds of servers: layouts as data, order and conditions as Python."""
