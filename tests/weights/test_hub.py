"""Names of the model hub."""

import huggingface_hub
import pytest
from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

from real3d_jax.weights import hub


@pytest.mark.parametrize(
    ("name", "is_name"), [("openai/clip", True), ("a-b/c.d_1", True), ("mini", False), ("a/b/c", False), ("/a", False)]
)
def test_names_have_an_owner_and_a_repository(name, is_name):
    assert hub.is_hub_name(name) == is_name


def test_the_first_choice_that_is_there_is_taken(monkeypatch):
    asked = []

    def download(repository, file):
        asked.append(file)
        if file == "a":
            raise EntryNotFoundError("404")
        return f"/cache/{repository}/{file}"

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    assert str(hub.fetch("own/er", [("config.json", "a"), ("b",), ("c",)])) == "/cache/own/er"
    assert asked == ["config.json", "a", "b"]


@pytest.mark.parametrize("error", [EntryNotFoundError, LocalEntryNotFoundError])
def test_what_is_not_there_is_told_in_short(monkeypatch, error):
    def download(repository, file):
        raise error("none of it. Try later.\nMore")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    with pytest.raises(hub.HubError, match=r"^none of it$"):
        hub.fetch("own/er", [("a",), ("b",)])
