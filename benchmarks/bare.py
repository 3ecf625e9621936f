"""
A route that does nothing, on the server that Thaw runs on: what no request can be faster than here.

    python -m benchmarks.bare PORT FILE

Answers every `/recommend/{user_id}` with what the file holds.
"""

import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from fastapi.responses import Response


def make_app(body: bytes) -> FastAPI:
    """The route, and `/health/ready`."""
    app = FastAPI()

    @app.get("/recommend/{user_id}")
    async def recommend(user_id: str) -> Response:
        return Response(body, media_type="application/json")

    @app.get("/health/ready")
    async def ready() -> dict[str, bool]:
        return {"ready": True}

    return app


if __name__ == "__main__":
    app = make_app(Path(sys.argv[2]).read_bytes())
    uvicorn.run(app, port=int(sys.argv[1]), loop="uvloop", http="httptools", log_config=None, access_log=False)
