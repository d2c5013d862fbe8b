"""Pages of HTML in one file that needs nothing from outside: the skeleton, charts and pictures that reports share."""
