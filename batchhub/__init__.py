"""Batches at every vendor: hand over items, get back exactly one result for every item."""
