"""The first stages on Spark: the same functions, run on shards by the processes of a cluster or of this machine."""
