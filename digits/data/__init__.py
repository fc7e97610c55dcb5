"""From raw pictures to canonical digits and their splits."""
