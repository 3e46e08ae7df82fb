"""Every stage timed beside the best peers that are installed, the answers compared first."""
