"""Families: the papers, each as one module; programs know them by the protocol alone."""
