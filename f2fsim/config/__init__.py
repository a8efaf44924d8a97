"""Configuration: YAML files to frozen, validated models."""

from f2fsim.config.conv_layer import (
    Conv1dLayer,
    Conv2dLayer,
    Conv3dLayer,
    ConvLayer,
    ConvTransposeLayer,
)
from f2fsim.config.layer import Layer, LinearLayer, LstmLayer
from f2fsim.config.load_workload import load_workload
from f2fsim.config.workload import AnyLayer, Workload

__all__ = [
    "AnyLayer",
    "Conv1dLayer",
    "Conv2dLayer",
    "Conv3dLayer",
    "ConvLayer",
    "ConvTransposeLayer",
    "Layer",
    "LinearLayer",
    "LstmLayer",
    "Workload",
    "load_workload",
]
