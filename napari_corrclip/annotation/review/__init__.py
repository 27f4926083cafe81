"""Where a person should look next."""
