#!/usr/bin/env python3
"""Reads documents with the program and gathers what `classify` decides by.

    classify_vectors.py PROGRAM FOLDER VECTORS.jsonl

A document is FOLDER/TYPE/FILE. Each line of VECTORS is its example.json, with its file, what the program said of it and its text."""
import glob
import json
import os
import subprocess
import sys
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..')


def key_of(result, out):
    """The key of the object that a folder holds the result of: a leading slash is written as a percent sign."""
    return os.path.relpath(os.path.dirname(result), out).removeprefix('%')


def read(program, documents):
    """The examples of documents, pairs of a label and a path, by path; those that the program refuses are missing."""
    environment = dict(os.environ, WEIGHTS_FOLDER=os.environ.get('WEIGHTS_FOLDER', os.path.join(ROOT, 'target/weights')))
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        lines = []
        for at, (label, path) in enumerate(documents):
            source = {'key': os.path.abspath(path), 'size': os.path.getsize(path)}
            option = f'classify?features=type&example-of={label}'
            lines.append(json.dumps({'schemaVersion': 1, 'jobId': str(at), 'source': source, 'kind': 'document', 'processingOption': option}))
        manifest, out = os.path.join(folder, 'list.jsonl'), os.path.join(folder, 'out')
        with open(manifest, 'w') as file:
            file.write('\n'.join(lines))
        command = [os.path.abspath(program), 'run', '--manifest', manifest, '--output', out, '--output-format', 'json']
        # Some files of a set may be refused, which the exit code says.
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
        for path in glob.glob(os.path.join(out, '**/example.json'), recursive=True):
            result = os.path.dirname(path)
            example = json.load(open(path))
            report = json.load(open(os.path.join(result, 'classification.json')))
            example['decision'], example['words'] = report['classification'], report['document']['words']
            found[key_of(result, out)] = example
    return {path: found[os.path.abspath(path)] for _, path in documents if os.path.abspath(path) in found}


def main():
    program, folder, vectors = sys.argv[1:4]
    paths = sorted(glob.glob(os.path.join(folder, '*/*')))
    documents = [(os.path.basename(os.path.dirname(path)), path) for path in paths]
    examples = read(program, documents)
    with open(vectors, 'w') as file:
        for _, path in documents:
            if path in examples:
                file.write(json.dumps({**examples[path], 'file': path}) + '\n')
    print(f'{len(examples)} of {len(documents)} documents were read')


if __name__ == '__main__':
    main()
