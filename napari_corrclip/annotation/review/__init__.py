"""The order in which a person should look at regions."""
