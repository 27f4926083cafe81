"""The window of the contact sheet: regions of the whole project as small pictures, decided many at once."""
