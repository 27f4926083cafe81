"""The disk: files and folders whole or not at all, and strangers' files opened as untrusted."""
