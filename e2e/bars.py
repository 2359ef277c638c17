"""What was measured beside what was promised."""


class Bars:
    """Collects lines for the end of the run."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def hold(self, what: str, measured: float, limit: float, unit: str = "s") -> None:
        """Note something measured; fail if it is above its bar."""
        self.lines.append(f"{what}: {measured:.1f} {unit} (bar {limit:g})")
        assert measured <= limit, self.lines[-1]
