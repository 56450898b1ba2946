"""
What every other part may use, and what uses none of them: time, JSON, log, secrets, words.

Each module stands alone; all may be imported from anywhere in batchhub, but not from adapters.
"""
