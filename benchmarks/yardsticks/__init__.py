"""Other ways to answer the same requests, each an ASGI application under its own uvicorn."""
