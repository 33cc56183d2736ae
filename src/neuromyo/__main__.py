"""``python -m neuromyo``."""

from neuromyo.cli.main import main

if __name__ == "__main__":
    main()
