"""The benchmark: `make bench`. Nothing here is collected by pytest; nothing in the tests asserts a time."""
