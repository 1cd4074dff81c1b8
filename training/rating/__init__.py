"""The real-or-fake test of the paper: its protocol and its page."""
