"""Reads a graph model of TensorFlow.js and writes it as ONNX, channels first. Only the operators that the networks of the list
have are known; another one ends with its name."""
import base64
import json
import os

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Graph:
    """Nodes of a model.json, and its weights as float32 or int32."""

    def __init__(self, path):
        with open(path, encoding='utf-8') as file:
            model = json.load(file)
        self.nodes = {node['name']: node for node in model['modelTopology']['node']}
        self.weights = {}
        for group in model['weightsManifest']:
            parts = (os.path.join(os.path.dirname(path), part) for part in group['paths'])
            data = b''.join(open(part, 'rb').read() for part in parts)
            offset = 0
            for entry in group['weights']:
                stored = entry.get('quantization', {}).get('dtype')
                kind = np.dtype({'float16': '<f2'}.get(stored) or {'float32': '<f4', 'int32': '<i4'}[entry['dtype']])
                count = int(np.prod(entry['shape'])) if entry['shape'] else 1
                array = np.frombuffer(data, kind, count, offset).reshape(entry['shape'])
                self.weights[entry['name']] = array.astype(np.float32) if kind.kind == 'f' else array
                offset += count * kind.itemsize
            assert offset == len(data), f'{path}: weights are left over'


class Writer:
    """Walks a graph from its outputs and writes ONNX nodes. `known` names nodes that are inputs of what is written."""

    def __init__(self, graph, known):
        self.graph, self.done, self.nodes, self.constants = graph, dict(known), [], {}

    def constant(self, name, array):
        self.constants.setdefault(name, numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def add(self, operator, inputs, output, **attributes):
        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def weight(self, name):
        return self.graph.weights[name.split(':')[0]]

    def operand(self, name):
        name = name.split(':')[0]
        if name not in self.graph.weights:
            return self.of(name)
        array = self.graph.weights[name].astype(np.float32)
        return self.constant(name + '_c', array.reshape(1, -1, 1, 1) if array.ndim == 1 and array.size > 1 else array)

    def clip(self, x, output):
        return self.add('Clip', [x, self.constant('lo', np.float32(0)), self.constant('hi', np.float32(6))], output)

    def of(self, name):
        """The ONNX name of what a node makes."""
        if name not in self.done:
            self.done[name] = self.write(name)
        return self.done[name]

    def write(self, name):
        node = self.graph.nodes[name.split(':')[0]]
        operator, out, attributes = node['op'], node['name'], node.get('attr', {})
        inputs = [entry for entry in node.get('input', []) if not entry.startswith('^')]
        if operator == 'Placeholder':
            return 'input'
        if operator in ('Conv2D', '_FusedConv2D', 'DepthwiseConv2dNative', 'FusedDepthwiseConv2dNative'):
            return self.convolution(operator, out, attributes, inputs)
        if operator in ('Add', 'AddV2', 'BiasAdd', 'Mul', 'Sub'):
            onnx_name = {'AddV2': 'Add', 'BiasAdd': 'Add'}.get(operator, operator)
            return self.add(onnx_name, [self.operand(entry) for entry in inputs], out)
        if operator == 'AddN':
            return self.add('Sum', [self.operand(entry) for entry in inputs], out)
        if operator == 'FusedBatchNorm':
            rest = [self.constant(f'{out}_{at}', self.weight(inputs[at])) for at in (1, 2, 3, 4)]
            epsilon = float(attributes['epsilon']['f'])
            return self.add('BatchNormalization', [self.of(inputs[0])] + rest, out, epsilon=epsilon)
        if operator == 'Relu6':
            return self.clip(self.of(inputs[0]), out)
        if operator == 'LeakyRelu':
            return self.add('LeakyRelu', [self.of(inputs[0])], out, alpha=float(attributes['alpha']['f']))
        if operator in ('Relu', 'Sigmoid'):
            return self.add(operator, [self.of(inputs[0])], out)
        if operator == 'Identity':
            return self.of(inputs[0])
        if operator == 'ConcatV2':
            axis = int(self.weight(inputs[-1]))
            return self.add('Concat', [self.of(entry) for entry in inputs[:-1]], out, axis=axis)
        if operator == 'ResizeBilinear':
            size = self.weight(inputs[1])
            x = self.of(inputs[0])
            half = attributes.get('half_pixel_centers', {}).get('b', False)
            shape = self.constant(out + '_s', np.array([1, self.channels(x), int(size[0]), int(size[1])], np.int64))
            mode = 'half_pixel' if half else 'asymmetric'
            return self.add('Resize', [x, '', '', shape], out, mode='linear', coordinate_transformation_mode=mode)
        if operator == 'Transpose':
            order = [int(axis) for axis in self.weight(inputs[1])]
            if order in ([0, 2, 3, 1], [0, 3, 1, 2]):
                return self.of(inputs[0])
            return self.add('Transpose', [self.of(inputs[0])], out, perm=order)
        if operator in ('Pad', 'PadV2'):
            pads = self.weight(inputs[1]).reshape(4, 2)
            value = float(self.weight(inputs[2])) if operator == 'PadV2' else 0.0
            ends = self.constant(out + '_p', np.concatenate([pads[:, 0], pads[:, 1]]).astype(np.int64))
            return self.add('Pad', [self.of(inputs[0]), ends, self.constant(out + '_v', np.float32(max(value, -3e38)))], out)
        if operator == 'MaxPool':
            window = lambda key: [int(length) for length in attributes[key]['list']['i']][1:3]
            return self.add('MaxPool', [self.of(inputs[0])], out, kernel_shape=window('ksize'), strides=window('strides'),
                            auto_pad=padding(attributes))
        if operator == 'SplitV':
            sizes = [int(length) for length in self.weight(inputs[1])]
            parts = [f'{out}_{at}' for at in range(len(sizes))]
            axis = int(self.weight(inputs[2]))
            ends = self.constant(out + '_z', np.array(sizes, np.int64))
            self.nodes.append(helper.make_node('Split', [self.of(inputs[0]), ends], parts, axis=axis))
            self.done.update({out if at == 0 else f'{out}:{at}': part for at, part in enumerate(parts)})
            return self.done[name]
        return self.special(operator, out, inputs)

    def special(self, operator, out, inputs):
        """What only one network has."""
        raise SystemExit(f'{operator} ({out}) is not known')

    def convolution(self, operator, out, attributes, inputs):
        weight = self.weight(inputs[1])
        depthwise = 'Depthwise' in operator
        assert not depthwise or weight.shape[3] == 1
        turned = weight.transpose(2, 3, 0, 1) if depthwise else weight.transpose(3, 2, 0, 1)
        fused = [text(entry) for entry in attributes.get('fused_ops', {}).get('list', {}).get('s', [])]
        parts = [self.of(inputs[0]), self.constant(out + '_w', turned)]
        if 'BiasAdd' in fused:
            parts.append(self.constant(out + '_b', self.weight(inputs[2])))
        activation = [entry for entry in fused if entry != 'BiasAdd']
        made = self.add('Conv', parts, out + '_pre' if activation else out, kernel_shape=list(weight.shape[:2]),
                        strides=[int(step) for step in attributes['strides']['list']['i']][1:3],
                        group=weight.shape[2] if depthwise else 1, auto_pad=padding(attributes))
        if activation == ['Relu']:
            return self.add('Relu', [made], out)
        if activation == ['Relu6']:
            return self.clip(made, out)
        assert not activation, f'{activation} ({out}) is not known'
        return made

    def channels(self, name):
        """Channels of what a node makes: those of the convolution before it."""
        node = next(node for node in reversed(self.nodes) if name in node.output)
        if node.op_type == 'Conv':
            return numpy_helper.to_array(self.constants[node.input[1]]).shape[0]
        return self.channels(next(entry for entry in node.input if entry and entry not in self.constants))

    def save(self, path, name, shape, outputs):
        value = lambda output, dimensions: helper.make_tensor_value_info(output, TensorProto.FLOAT, dimensions)
        graph = helper.make_graph(self.nodes, name, [value('input', shape)],
                                  [value(output, dimensions) for output, dimensions in outputs], list(self.constants.values()))
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 13)])
        model.ir_version = 8
        onnx.checker.check_model(model)
        onnx.save(model, path)


def text(value):
    return base64.b64decode(value).decode() if isinstance(value, str) else bytes(value).decode()


def padding(attributes):
    return {'SAME': 'SAME_UPPER', 'VALID': 'VALID'}[text(attributes['padding']['s'])]
