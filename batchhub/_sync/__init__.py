"""What `batchhub.sync` is made of."""
