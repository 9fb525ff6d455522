"""``python -m peerannot``."""

from peerannot.cli import main

main()
