"""One file a resource: HTTP in, one call, HTTP out."""
