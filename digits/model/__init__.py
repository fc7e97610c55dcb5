"""The network: built, trained, exported and run; the only package that imports Keras."""
