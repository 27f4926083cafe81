"""The contact sheet: regions of a whole project as a grid of small pictures, decided many at once."""
