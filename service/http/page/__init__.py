"""The page at `/ui`: a client of the API in a browser, in files that are served as they are."""
