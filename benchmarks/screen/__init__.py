"""From a message's commit to the customer's socket: ours against a floor, in one run."""
