"""Networks by name, their own file, and ONNX."""

__all__ = ["OWN"]

# Written here, so that they are known without PyTorch.
OWN = ("logistic", "modellabelme", "modelmusic", "smallcnn")
