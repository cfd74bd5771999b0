"""Whether the process is about to end: it still answers everything, and asks for no new work."""


class Draining:
    """Told once, when the process is asked to end.

    From then on the service is not ready, so that a proxy sends requests elsewhere, and each answer closes its
    connection, so that no later request comes over it.
    """

    begun = False

    def begin(self) -> None:
        """The process is to end once proxies have noticed."""
        self.begun = True
