"""From pictures as they came to canonical digits and their splits."""
