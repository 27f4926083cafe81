"""The report on a study: tables, plots and the folder that holds them."""
