"""Models as files: our own, TorchScript, torch.export, ONNX, and their cards."""
