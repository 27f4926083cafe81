"""The networks: which, where, how fine; what is downloaded."""
