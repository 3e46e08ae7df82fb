"""The paper's figures from the clips that its authors publish."""
