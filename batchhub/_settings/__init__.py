"""Settings, accounts and the adapters that are installed."""
