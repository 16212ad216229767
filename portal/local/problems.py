"""What can go wrong before the portal runs, said in one sentence to the person at the keyboard."""


class CannotStart(Exception):
    """A sentence that names what is wrong and what to do; printed without a traceback."""
