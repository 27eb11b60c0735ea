"""The ``qilu`` command, its configuration and the web page: the one room that may know all others."""
