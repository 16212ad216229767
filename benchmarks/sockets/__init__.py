"""What a socket costs: CPU for a direct message, memory while idle; ours against plain Channels."""
