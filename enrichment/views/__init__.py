"""The HTTP doors of enrichment: they read a request, call an operation, and show the answer."""
