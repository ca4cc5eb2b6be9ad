"""Who calls, whichever port it is: the token, and what the kernel knows of a connection on this machine."""
