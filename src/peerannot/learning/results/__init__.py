"""What a trained network says, and how right it is."""
