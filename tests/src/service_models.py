"""AWS's own models of its services, as botocore has them: what a request may say and what an answer may say.

botocore itself checks types, required members and minima. Maxima, patterns, enumerations and members that nobody knows are checked
here, in requests of the programs under test and in answers of the emulator alike: an emulator that answers what the service
could not would prove nothing.
"""

import base64
import binascii
import functools
import re

from botocore.loaders import Loader
from botocore.model import ServiceModel

LOADER = Loader()


@functools.cache
def model(service):
    """The newest model of a service that botocore has."""
    version = LOADER.determine_latest_version(service, "service-2")
    return ServiceModel(LOADER.load_service_model(service, "service-2", version), service)


def is_in_body(shape):
    return shape.serialization.get("location") is None


def faults(shape, value, path=""):
    """What is wrong with JSON that should be of a shape, each with its place."""
    if value is None:
        return []
    return list(CHECKS[shape.type_name](shape, value, path))


def structure(shape, value, path):
    if not isinstance(value, dict):
        yield f"{path or '.'}: {type(value).__name__} is not an object"
        return
    names = {s.serialization.get("name", name): s for name, s in shape.members.items() if is_in_body(s)}
    for name in shape.required_members:
        member = shape.members[name]
        if is_in_body(member) and value.get(member.serialization.get("name", name)) is None:
            yield f"{path or '.'}: {name} is missing"
    for name, member in value.items():
        if name in names:
            yield from faults(names[name], member, f"{path}.{name}")
        else:
            yield f"{path or '.'}: unknown member {name}"
    if getattr(shape, "is_tagged_union", False) and sum(member is not None for member in value.values()) != 1:
        yield f"{path or '.'}: a union has exactly one member"


def sequence(shape, value, path):
    if not isinstance(value, list):
        yield f"{path}: not a list"
        return
    yield from size(shape, len(value), "items", path)
    for at, item in enumerate(value):
        yield from faults(shape.member, item, f"{path}[{at}]")


def mapping(shape, value, path):
    if not isinstance(value, dict):
        yield f"{path}: not an object"
        return
    yield from size(shape, len(value), "members", path)
    for key, item in value.items():
        yield from faults(shape.key, key, f"{path}<{key}>")
        yield from faults(shape.value, item, f"{path}.{key}")


def size(shape, length, unit, path):
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and length < least:
        yield f"{path}: {length} {unit}, at least {least}"
    if most is not None and length > most:
        yield f"{path}: {length} {unit}, at most {most}"


def text(shape, value, path):
    if not isinstance(value, str):
        yield f"{path}: {value!r} is not a text"
        return
    yield from size(shape, len(value), "characters", path)
    if getattr(shape, "enum", None) and value not in shape.enum:
        yield f"{path}: {value!r} is none of {shape.enum}"
    pattern = shape.metadata.get("pattern")
    if pattern and not re.search(pattern, value):
        yield f"{path}: {value!r} does not match {pattern}"


def number(whole):
    def check(shape, value, path):
        kinds = (int,) if whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds):
            yield f"{path}: {value!r} is not a number of the kind"
            return
        least, most = shape.metadata.get("min"), shape.metadata.get("max")
        if (least is not None and value < least) or (most is not None and value > most):
            yield f"{path}: {value} is outside {least} to {most}"

    return check


def blob(shape, value, path):
    try:
        yield from size(shape, len(base64.b64decode(value, validate=True)), "bytes", path)
    except (binascii.Error, TypeError, ValueError):
        yield f"{path}: not base64"


def of_type(*kinds):
    def check(shape, value, path):
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            yield f"{path}: {value!r} is not of type {shape.type_name}"

    return check


CHECKS = {
    "structure": structure,
    "list": sequence,
    "map": mapping,
    "string": text,
    "character": text,
    "integer": number(True),
    "long": number(True),
    "float": number(False),
    "double": number(False),
    "boolean": of_type(bool),
    "blob": blob,
    "timestamp": of_type(int, float, str),
}
