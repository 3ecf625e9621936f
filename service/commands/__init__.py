"""What `thaw` does, one file a command; nobody but the command line imports them."""
