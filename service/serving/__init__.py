"""What lives as long as the service: opened together, swapped as a whole when another checkpoint takes over."""
