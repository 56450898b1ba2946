"""What `batchhub.transport` is made of."""
