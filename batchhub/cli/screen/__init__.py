"""What a command shows: lines, tables, progress, advice, the log."""
