"""What training and serving share: encoders, network, checkpoint."""
