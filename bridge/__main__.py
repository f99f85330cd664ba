"""`python -m bridge` is `popbridge`."""

from bridge.cli import main

if __name__ == "__main__":
    main()
