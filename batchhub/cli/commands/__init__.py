"""What each command does; `batchhub.cli.app` says which function is which command's."""
