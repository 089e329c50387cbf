"""One file for each kind; every file here is found by itself."""
