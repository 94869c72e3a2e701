"""What is in the MRML scene: the nodes of a case, filled and read."""
