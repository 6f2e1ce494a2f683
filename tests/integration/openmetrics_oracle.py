"""Reads OpenMetrics with the Prometheus project's own parser for Python, and tells in JSON what it read."""

import json
import sys

from prometheus_client.openmetrics import parser


def told(sample):
    exemplar = sample.exemplar
    return {
        "name": sample.name,
        "labels": sample.labels,
        "value": sample.value,
        "exemplar": exemplar
        and {"labels": exemplar.labels, "value": exemplar.value, "at": float(exemplar.timestamp)},
    }


families = parser.text_string_to_metric_families(sys.stdin.read())
json.dump(
    [
        {"name": f.name, "type": f.type, "unit": f.unit, "help": f.documentation, "samples": [told(s) for s in f.samples]}
        for f in families
    ],
    sys.stdout,
)
