"""`python -m rotoline` is the `rotoline` command."""

from rotoline.cli import main

if __name__ == "__main__":
    main()
