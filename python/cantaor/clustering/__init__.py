"""Pitch clusters: exact 1-D k-means over arrays and over histograms of any size."""

from __future__ import annotations

from cantaor.clustering.histogram import ClusterHistogram as ClusterHistogram
from cantaor.clustering.kmeans import kmeans_1d as kmeans_1d
from cantaor.clustering.kmeans import kmeans_path as kmeans_path
