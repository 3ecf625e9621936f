"""The service that answers now, and the one change that it can undergo: another checkpoint takes over."""

from service.serving.running import Service
from service.serving.swap import Swapper


class Live:
    """Holds the service of the space that serves; whoever needs one space throughout takes `now` once."""

    def __init__(self, service: Service) -> None:
        self.now = service
        self.swapper = Swapper(lambda: self.now, self._serve)

    async def close(self) -> None:
        """Gives up what is being swapped in, finishes what was taken, then lets everything go."""
        await self.swapper.close()
        await self.now.close()

    def _serve(self, service: Service) -> None:
        self.now = service
