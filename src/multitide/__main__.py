"""``python -m multitide`` is the command ``multitide``."""

from multitide.cli import main

if __name__ == "__main__":
    main()
