"""How long tests wait: a limit guards against hanging, and says nothing of how fast a machine is."""

HANG_SECONDS = 600
"""What takes longer hangs, however busy the machine is."""
MUCH_LONGER_SECONDS = 3600
"""The length of a wait that has to be cut short: who waits it out fails at ``HANG_SECONDS``."""
