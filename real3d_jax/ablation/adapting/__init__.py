"""From which number of photographs on adapting a model helps: drawn photographs, curated, trained on, scored."""
