"""Text for people: amounts in words, and names of others as a window, a terminal or a table may show them."""
