"""What core and adapters say to one another: accounts, capabilities, requests and answers."""
