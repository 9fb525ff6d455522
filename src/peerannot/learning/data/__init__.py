"""What a network is trained on: images, labels, splits, and what is done to them."""
