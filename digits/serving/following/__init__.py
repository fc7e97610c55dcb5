"""What the registry has comes into the local copy: the champion, the challenger, and the reference of drift."""
