"""The HTTP doors of the job system: they read a request, call an operation, and show the answer."""
