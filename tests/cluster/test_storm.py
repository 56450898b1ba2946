"""Everything at once, by chance; `make soak CLUSTER=1` is longer, and at a cluster's own pace."""

from __future__ import annotations

import random

import pytest
from cluster.conftest import OpenCluster
from support.cluster.storm import Storm


@pytest.mark.parametrize("seed", [1])
def test_nothing_is_lost_or_doubled(open_one: OpenCluster, seed: int) -> None:
    """Ten troubles; each item has one result in the end, and had its effect once."""
    cluster = open_one(shops=10, forgetful=1)
    storm = Storm(cluster=cluster, dice=random.Random(seed), calm_s=1.0, still_s=3.0, away_s=1.0)
    storm.rage(10)
    figures = storm.calm_down()
    assert figures.items
    assert storm.done.total() == 10
