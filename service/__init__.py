"""The online half: items in, rankings out, over HTTP."""
