"""Layers as XML: Sonic Visualiser and ELAN.

References
----------
Cannam, C., Landone, C. and Sandler, M. (2010). Sonic Visualiser: an open source application for
viewing, analysing, and annotating music audio files. ACM Multimedia (layer files, ``.svl``).
Wittenburg, P. et al. (2006). ELAN: a professional framework for multimodality research. LREC
(annotation format, EAF 3.0).
"""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np

from cantaor.annotation.layers import Layers
from cantaor.types import REFERENCE_RATE

_ELAN_SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"


def sonic_visualiser_text(layers: Layers) -> str:
    """The layers of one recording as a Sonic Visualiser layer file: f0, notes, families.

    Frames count at 44,100 Hz whatever the rate of the audio.
    """
    root = ElementTree.Element("sv")
    data, display = ElementTree.SubElement(root, "data"), ElementTree.SubElement(root, "display")
    end = str(_frame(layers.end_s))
    voiced = np.flatnonzero(layers.hz > 0)
    f0 = [
        {"frame": str(_frame(t)), "value": f"{hz:.4f}", "label": ""}
        for t, hz in zip(layers.times[voiced].tolist(), layers.hz[voiced].tolist(), strict=True)
    ]
    notes = [
        _long(one.start_s, one.end_s, f"{one.hz:.4f}", one.name) | {"level": "0.8"}
        for one in layers.notes
    ]
    regions = [
        _long(one.start_s, one.end_s, str(row), name)
        for row, (name, spans) in enumerate(layers.families.items())
        for one in spans
    ]
    regions.sort(key=lambda one: int(one["frame"]))
    kinds = (
        ("f0", "timevalues", {"dimensions": "2", "units": "Hz"}, f0),
        ("notes", "notes", {"dimensions": "3", "subtype": "note", "units": "Hz"}, notes),
        ("families", "regions", {"dimensions": "3", "subtype": "region", "units": ""}, regions),
    )
    for number, (name, kind, facts, points) in enumerate(kinds):
        model, points_id, layer = (str(3 * number + i + 1) for i in range(3))
        values = [float(point["value"]) for point in points] or [0.0]
        bounds = {"minimum": repr(min(values)), "maximum": repr(max(values))}
        common = {"id": model, "name": name, "sampleRate": str(REFERENCE_RATE), "start": "0"}
        common |= {"end": end, "type": "sparse", "resolution": "1", "notifyOnAdd": "true"}
        ElementTree.SubElement(data, "model", common | facts | bounds | {"dataset": points_id})
        rows = ElementTree.SubElement(
            data, "dataset", {"id": points_id, "dimensions": facts["dimensions"]}
        )
        for point in points:
            ElementTree.SubElement(rows, "point", point)
        ElementTree.SubElement(
            display, "layer", {"id": layer, "type": kind, "name": name, "model": model}
        )
    ElementTree.indent(root, " ")
    body = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE sonic-visualiser>\n{body}\n'


def elan_text(layers: Layers) -> str:
    """Notes and families of one recording as ELAN tiers; ELAN counts whole milliseconds."""
    root = ElementTree.Element(
        "ANNOTATION_DOCUMENT",
        {
            "AUTHOR": "cantaor",
            "DATE": "1970-01-01T00:00:00+00:00",
            "FORMAT": "3.0",
            "VERSION": "3.0",
            "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
            "xsi:noNamespaceSchemaLocation": _ELAN_SCHEMA,
        },
    )
    header = ElementTree.SubElement(
        root, "HEADER", {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"}
    )
    media = {"MEDIA_URL": layers.path, "MIME_TYPE": "audio/*"}
    ElementTree.SubElement(header, "MEDIA_DESCRIPTOR", media)
    order = ElementTree.SubElement(root, "TIME_ORDER")
    tiers = {"notes": [(one.start_s, one.end_s, one.name) for one in layers.notes]}
    for name, spans in layers.families.items():
        tiers[name] = [(one.start_s, one.end_s, name) for one in spans]
    slots = annotations = 0
    for name, rows in tiers.items():
        tier = ElementTree.SubElement(
            root, "TIER", {"LINGUISTIC_TYPE_REF": "default-lt", "TIER_ID": name}
        )
        for start, end, text in rows:
            for t in (start, end):
                slots += 1
                place = {"TIME_SLOT_ID": f"ts{slots}", "TIME_VALUE": str(round(1000 * t))}
                ElementTree.SubElement(order, "TIME_SLOT", place)
            annotations += 1
            holder = ElementTree.SubElement(tier, "ANNOTATION")
            one = ElementTree.SubElement(
                holder,
                "ALIGNABLE_ANNOTATION",
                {
                    "ANNOTATION_ID": f"a{annotations}",
                    "TIME_SLOT_REF1": f"ts{slots - 1}",
                    "TIME_SLOT_REF2": f"ts{slots}",
                },
            )
            ElementTree.SubElement(one, "ANNOTATION_VALUE").text = text
    kind = {"GRAPHIC_REFERENCES": "false", "LINGUISTIC_TYPE_ID": "default-lt"}
    ElementTree.SubElement(root, "LINGUISTIC_TYPE", kind | {"TIME_ALIGNABLE": "true"})
    ElementTree.indent(root, " ")
    body = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def _frame(seconds: float) -> int:
    return round(seconds * REFERENCE_RATE)


def _long(start: float, end: float, value: str, label: str) -> dict[str, str]:
    frame = _frame(start)
    duration = str(max(1, _frame(end) - frame))
    return {"frame": str(frame), "value": value, "duration": duration, "label": label}
