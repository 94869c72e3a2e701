"""What a clinician sees: the page, its sections, and what they are bound to."""
