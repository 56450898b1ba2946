"""What drives jobs to their end."""
