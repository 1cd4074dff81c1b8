"""The data doctor: what is wrong with a data set, and how to train on it."""
