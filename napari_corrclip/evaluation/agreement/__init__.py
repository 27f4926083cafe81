"""The report on two people's agreement: files, pictures, and lines for the console."""
