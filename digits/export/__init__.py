"""The model as files for other inference servers: Triton, and KServe on Kubernetes."""
