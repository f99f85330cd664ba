"""The lock: which versions popbridge was tested with, and what is known of them."""
