"""The data stages on Spark, in one session of this machine."""
