"""The version, in one place for code and metadata."""

__version__ = "0.1.0"
