"""What runs and what is kept, without a widget."""
