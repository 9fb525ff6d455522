"""Networks by name, their own file, and ONNX."""
