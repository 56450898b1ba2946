"""CSV, JSON and Parquet, in and out."""
