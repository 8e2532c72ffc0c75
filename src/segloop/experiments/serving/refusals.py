"""Why a request is not answered with a prediction: a status of HTTP and a sentence."""

from __future__ import annotations

RETRY_SECONDS = 1


class Refusal(Exception):
    """A request that is refused; `status` is HTTP's, the text is for whoever sent it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message

    @property
    def headers(self) -> dict[str, str]:
        """What goes with the refusal: when to try again, where that may help."""
        return {"Retry-After": str(RETRY_SECONDS)} if self.status in (429, 503) else {}

    def body(self) -> dict[str, object]:
        """Return what is answered, as JSON has it."""
        return {"error": {"status": self.status, "message": self.message}}
