"""The cost of correcting image after image, with and without a lesson that is taught by it."""
