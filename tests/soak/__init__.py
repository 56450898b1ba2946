"""Long runs, which are no part of the tests."""
