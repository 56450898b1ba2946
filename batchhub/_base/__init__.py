"""What every other part needs and what knows none of them: time, JSON, logs, secrets, words."""
