"""The models that ship with the package and run without torch."""
