"""`python -m docsearch` is the same as `docsearch`."""

from docsearch.cli.start import main

if __name__ == "__main__":
    main()
