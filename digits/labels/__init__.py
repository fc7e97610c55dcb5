"""Label issues: found by networks that did not learn the digits, decided by people, applied by ingest."""
