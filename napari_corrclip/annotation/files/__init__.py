"""Steps, states and sessions as bytes and folders; what is read is taken as untrusted."""
