"""A trained model behind a page for people and a small HTTP door for programs, in one process."""
