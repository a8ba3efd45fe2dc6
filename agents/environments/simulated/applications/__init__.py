"""What runs in the cluster: service graphs, and the Kubernetes objects that deploy them."""
