"""Everything that can go wrong here is told in one line that names what to change."""


class StackError(Exception):
    """A plain answer to the person who asked; its text is complete, no traceback is needed."""


class Unavailable(StackError):
    """A component cannot be had or does not answer."""

    def __init__(self, component: str, why: str) -> None:
        super().__init__(f"{component}: {why}")
        self.component = component
        self.why = why


class PortInUse(StackError):
    """Another program listens on a port that was asked for by number."""

    def __init__(self, component: str, port: int, variable: str | None) -> None:
        remedy = f"set {variable} to a free port" if variable else "choose another port"
        super().__init__(f"{component}: port {port} is in use; {remedy}")
        self.component = component
        self.port = port
        self.variable = variable
