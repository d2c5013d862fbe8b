"""Weights from the model hub, by the name of their repository."""

import re
from collections.abc import Sequence
from pathlib import Path

_NAME = re.compile(r"[\w.-]+/[\w.-]+")


class HubError(Exception):
    """A repository's files cannot be had; the message is the reason, in short."""


def is_hub_name(source: str) -> bool:
    """Whether `source` reads 'owner/repository'."""
    return bool(_NAME.fullmatch(source))


def fetch(repository: str, choices: Sequence[Sequence[str]]) -> Path:
    """The folder with the first choice of files that a repository has, downloaded where they are not in the cache.

    Raises:
      HubError: it has none of them, or the hub cannot be reached.
    """
    import huggingface_hub
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError

    try:
        for number, files in enumerate(choices, 1):
            try:
                paths = [huggingface_hub.hf_hub_download(repository, file) for file in files]
                return Path(paths[-1]).parent
            except EntryNotFoundError as error:
                # A local entry that is not found means that the hub was not reached at all.
                if isinstance(error, LocalEntryNotFoundError) or number == len(choices):
                    raise
    except (HfHubHTTPError, EntryNotFoundError, OSError, ValueError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].split(". ")[0].rstrip(".:")
        raise HubError(reason) from error
    raise HubError("nothing was asked for")
