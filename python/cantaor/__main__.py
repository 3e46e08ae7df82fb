"""``python -m cantaor`` is the command ``cantaor``."""

from cantaor.cli import main

main()
