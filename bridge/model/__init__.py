"""The records and names that cross rooms. Pure: imports nothing but the standard library's types."""
