"""What speed is claimed, as programs that anyone can run."""
