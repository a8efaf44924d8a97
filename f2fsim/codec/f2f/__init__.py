"""Fixed-to-fixed encoding: matrices, encoders, decoder, patches, mask codes."""
