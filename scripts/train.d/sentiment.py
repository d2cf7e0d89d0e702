#!/usr/bin/env python3
"""The line between positive and negative texts: sentiment.py RATINGS ENCODER VOCABULARY OUTPUT [SST_DEV]"""
import hashlib
import random
import struct
import sys

import numpy as np
import onnxruntime

# Texts of each source, and the rating (-4 to 4) below which one is neither.
TEXTS, CLEAR = 3000, 0.5
# The inverse of the regularisation's strength, as scikit-learn counts it.
STRENGTH = 5.0
TOKENS = 128


class Embedder:
    """The embeddings of text-encoder, as crates/semantics/src/embedding.rs makes them."""

    def __init__(self, encoder, vocabulary):
        with open(vocabulary, "rb") as file:
            data = file.read()
        pieces, self.first, self.last, self.unknown, places, width, entries = struct.unpack_from("<7I", data, 4)
        at = 32

        def take(kind, count):
            nonlocal at
            found = np.frombuffer(data, kind, count, at)
            at += found.nbytes
            return found

        offsets = take("<u4", pieces + 1)
        self.scores = take("<f4", pieces).tolist()
        self.of_unknown = min(self.scores) - 10
        self.places = take("<f4", places * width).reshape(places, width)
        self.rows = take(np.dtype([("scale", "<f2"), ("halves", "u1", 16)]), pieces * width // 32).reshape(pieces, -1)
        take("<u4", int(take("<u4", 1)[0]))
        text = data[at : at + int(offsets[-1])]
        at += len(text)
        self.numbers = {text[offsets[piece] : offsets[piece + 1]].decode(): piece for piece in range(pieces)}
        self.longest = max(map(len, self.numbers))
        self.normalisation = {}
        for _ in range(entries):
            character, count = struct.unpack_from("<IB", data, at)
            self.normalisation[character] = "".join(map(chr, struct.unpack_from(f"<{count}I", data, at + 5)))
            at += 5 + 4 * count
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = 1, 3
        self.session = onnxruntime.InferenceSession(encoder, options)

    def pieces(self, text):
        text = "".join(self.normalisation.get(ord(character), character) for character in text)
        text = "".join("\u2581" + word for word in text.split(" ") if word)
        best = [(0.0, 0, 0)] + [(-np.inf, 0, 0)] * len(text)
        for start in range(len(text)):
            score = best[start][0]
            for end in range(start + 1, min(len(text), start + self.longest) + 1):
                piece = self.numbers.get(text[start:end])
                if piece is not None and piece != self.unknown and score + self.scores[piece] > best[end][0]:
                    best[end] = (score + self.scores[piece], piece, start)
            if score + self.of_unknown > best[start + 1][0]:
                best[start + 1] = (score + self.of_unknown, self.unknown, start)
        found, at = [], len(text)
        while at:
            _, piece, at = best[at]
            found.append(piece)
        return found[::-1]

    def embed(self, text):
        pieces = [self.first, *self.pieces("passage: " + text)[: TOKENS - 2], self.last]
        rows = self.rows[pieces]
        numbers = np.concatenate([rows["halves"] & 15, rows["halves"] >> 4], -1).astype(np.int8) - 8
        numbers = (numbers * rows["scale"].astype(np.float32)[..., None]).reshape(len(pieces), -1) + self.places[: len(pieces)]
        mask = np.zeros((1, 1, 1, len(pieces)), np.float32)
        [hidden] = self.session.run(None, {"embeddings": numbers[None].astype(np.float32), "mask": mask})
        mean = hidden[0].mean(0)
        return mean / np.linalg.norm(mean)


def fit(rows, is_positive):
    """Logistic regression by Newton's method."""
    rows = np.concatenate([rows, np.ones((len(rows), 1))], 1).astype(np.float64)
    line = np.zeros(rows.shape[1])
    penalty = np.full(rows.shape[1], 1 / STRENGTH)
    penalty[-1] = 0
    for _ in range(50):
        shares = 1 / (1 + np.exp(-rows @ line))
        slope = rows.T @ (shares - is_positive) + penalty * line
        curve = (rows * (shares * (1 - shares))[:, None]).T @ rows + np.diag(penalty)
        step = np.linalg.solve(curve, slope)
        line -= step
        if np.abs(step).max() < 1e-8:
            break
    return line


def main(ratings, encoder, vocabulary, output, sst=None):
    random.seed(1)
    texts = []
    for source in ("tweets", "amazonReviewSnippets", "nytEditorialSnippets"):
        with open(f"{ratings}/{source}_GroundTruth.txt", errors="ignore") as file:
            rated = [line.rstrip("\n").split("\t") for line in file]
        rated = [(fields[2], float(fields[1])) for fields in rated if len(fields) >= 3]
        random.shuffle(rated)
        texts += rated[:TEXTS]
    texts = [(text, rating) for text, rating in texts if abs(rating) > CLEAR]
    embedder = Embedder(encoder, vocabulary)
    line = fit(np.stack([embedder.embed(text) for text, _ in texts]), np.array([rating > 0 for _, rating in texts]))
    with open(encoder, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    with open(output, "w") as file:
        print(f"# Made by scripts/train-sentiment: the bias and the line through the space of the network {digest}.", file=file)
        print("# Learnt from the ratings of VADER's authors (Hutto and Gilbert, 2014; MIT).", file=file)
        for number in (line[-1], *line[:-1]):
            print(f"{number:.5f}", file=file)
    print(f"learnt from {len(texts)} texts")
    if sst:
        with open(sst) as file:
            held_out = [line.rstrip("\n").split("\t") for line in file]
        held_out = [(fields[0], fields[1] == "1") for fields in held_out if len(fields) == 2]
        right = sum((embedder.embed(text) @ line[:-1] + line[-1] > 0) == truth for text, truth in held_out)
        print(f"SST-2 dev, out of domain: {right} of {len(held_out)} right ({right / len(held_out):.3f})")


if __name__ == "__main__":
    main(*sys.argv[1:])
