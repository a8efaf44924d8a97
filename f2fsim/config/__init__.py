"""Configuration: YAML files to frozen, validated models."""
