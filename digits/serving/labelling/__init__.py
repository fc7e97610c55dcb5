"""The page of `digits label`: one picture of the queue at a time, to be labelled or dropped."""
