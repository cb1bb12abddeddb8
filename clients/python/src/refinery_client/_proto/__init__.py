"""Generated from Proto/ by the script clients/python/generate; the rest of the package hides it."""
