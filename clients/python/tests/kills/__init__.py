"""What is left when something is killed."""
