"""Labels in the formats of others: written for a trainer, read back without a pixel changed."""
