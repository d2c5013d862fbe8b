"""What checks the annotations of all functions of the package while tests run; pyproject.toml names it to jaxtyping."""

import functools

from beartype import BeartypeConf, beartype

# Where a float is wanted an int will do, as for Python itself (PEP 484).
check = functools.partial(beartype, conf=BeartypeConf(is_pep484_tower=True))
