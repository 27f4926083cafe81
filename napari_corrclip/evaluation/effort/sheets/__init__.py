"""The study of the contact sheet: a whole set corrected page by page, and region by region."""
