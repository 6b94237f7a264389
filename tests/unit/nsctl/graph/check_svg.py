#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Is the SVG of each file named well-formed, are its boxes apart, and is all of it within the picture?"""
import sys
import xml.etree.ElementTree as xml

SVG = "{http://www.w3.org/2000/svg}"
CHAR_WIDTH = 7.3  # of 12 px monospace, 0.6 em and a little


def overlap(a, b):
    return a[0] < b[0] + b[2] and b[0] < a[0] + a[2] and a[1] < b[1] + b[3] and b[1] < a[1] + a[3]


def boxes_of(root):
    for rect in root.iter(SVG + "rect"):
        if rect.get("class", "").startswith("netns"):
            yield tuple(float(rect.get(name)) for name in ("x", "y", "width", "height"))


def check(path):
    root = xml.parse(path).getroot()
    width, height = float(root.get("width")), float(root.get("height"))
    boxes = list(boxes_of(root))
    for i, a in enumerate(boxes):
        assert a[0] >= 0 and a[1] >= 0 and a[0] + a[2] <= width and a[1] + a[3] <= height, f"{a} is outside"
        for b in boxes[:i]:
            assert not overlap(a, b), f"{a} and {b} overlap"
    for text in root.iter(SVG + "text"):
        x, y, words = float(text.get("x")), float(text.get("y")), "".join(text.itertext())
        size = {"name": 18, "title": 15}.get(text.get("class"), 12)
        end = x + len(words) * CHAR_WIDTH * size / 12
        within = [box for box in boxes if box[0] <= x < box[0] + box[2] and box[1] <= y < box[1] + box[3]]
        assert y < height and end <= (within[0][0] + within[0][2] if within else width), f"'{words}' sticks out"


for path in sys.argv[1:]:
    check(path)
