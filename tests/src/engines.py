"""Amazon's managed engines, in the process of moto's server, whose own answers are canned, of shapes that the services do not have, or
absent.

Requests must be signed rightly, must fit the service's model and must not be what the service refuses; answers fit it too, and hold
real work: this project's own programs look at what was sent. A service's allowances, faults and calls belong to an access key,
so that tests with keys of their own do not meet.

MediaConvert's jobs are done by video-job, from the settings that the job has, between moto's buckets.

POST /moto-api/engines/faults   {"key", "service", "action", "code" | "cut": true, "times", "after"}; of MediaConvert's action "Job"
                                the code is the one that the job ends with, or "crawl": seconds that it takes
GET  /moto-api/engines/calls?KEY   what a key has asked, in order
"""

import base64
import functools
import hashlib
import hmac
import json
import os
import re
import subprocess
import tempfile
import threading
import time
import traceback
import urllib.parse
from pathlib import Path

import service_models

SECRET = "testing"
AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})"
)
# What AWS's developer guides say, which its models do not.
SHORTEST_SIDE = 80
LONGEST_SIDE = 10_000
TEXT_BYTES = {"DetectSentiment": 5 * 1024}
MOST_TEXT_BYTES = 100 * 1024
FEWEST_CHARACTERS = 20


class Refusal(Exception):
    """What a service says instead of an answer."""

    def __init__(self, code, message, status=400):
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status = code, message, status


class Journal:
    """Calls and faults to come, by access key."""

    def __init__(self):
        self.lock = threading.Lock()
        self.calls, self.faults = {}, {}

    def note(self, key, call):
        with self.lock:
            self.calls.setdefault(key, []).append(call)
            for fault in self.faults.get(key, []):
                if (fault["service"], fault["action"]) != (call["service"], call["action"]) or not fault["times"]:
                    continue
                if fault["after"]:
                    fault["after"] -= 1
                    continue
                fault["times"] -= 1
                return fault
        return None


JOURNAL = Journal()


def signature(environ, body, date, region, service, signed):
    """What the signature of a request has to be, as of "Create a signed AWS API request"."""
    named = {
        name: environ.get("CONTENT_TYPE") if name == "content-type" else environ.get("HTTP_" + name.upper().replace("-", "_"))
        for name in signed.split(";")
    }
    for needed in ("host", "x-amz-date"):
        if needed not in named:
            raise Refusal("InvalidSignatureException", f"{needed} is not signed")
    query = urllib.parse.parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    canonical = "\n".join(
        [
            environ["REQUEST_METHOD"],
            urllib.parse.quote(environ["PATH_INFO"], safe="/-_.~"),
            "&".join(f"{urllib.parse.quote(k, safe='-_.~')}={urllib.parse.quote(v, safe='-_.~')}" for k, v in sorted(query)),
            *(f"{name}:{' '.join((named[name] or '').split())}" for name in sorted(named)),
            "",
            ";".join(sorted(named)),
            hashlib.sha256(body).hexdigest(),
        ]
    )
    scope = f"{date}/{region}/{service}/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = f"AWS4-HMAC-SHA256\n{named['x-amz-date']}\n{scope}\n{digest}"
    key = ("AWS4" + SECRET).encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), "sha256").digest()
    return hmac.new(key, to_sign.encode(), "sha256").hexdigest()


# This project's programs, which do the work.


def program(name, arguments, content, extension):
    """Runs a job's program on a file; its results by name."""
    folder = os.environ.get("ENGINES_PROGRAMS", "")
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch, "input" + extension)
        source.write_bytes(content)
        done = subprocess.run(
            [Path(folder, name), *arguments, source, Path(scratch, "out")],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={"PATH": os.environ.get("PATH", "")},
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{name} {arguments}: {done.stdout.decode()}{done.stderr.decode()}")
        return {path.name: path.read_bytes() for path in Path(scratch, "out").rglob("*") if path.is_file()}


def picture_of(request, field="Image"):
    """The bytes of a request's picture, which must be one that the service takes."""
    content = base64.b64decode(request[field].get("Bytes") or "")
    if not content.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")):
        refusal = {"Image": "InvalidImageFormatException", "Document": "UnsupportedDocumentException"}
        raise Refusal(refusal[field], "Request has unsupported format")
    return content


def recognised(content, feature, confidence=0.0, most=1000):
    arguments = ["recognise", "--features", feature, "--min-confidence", f"{confidence / 100:.3f}", "--max", str(most)]
    recognition = json.loads(program("image-job", arguments, content, ".jpg")["recognition.json"])
    sides = (recognition["width"], recognition["height"])
    if min(sides) < SHORTEST_SIDE or max(sides) > LONGEST_SIDE:
        raise Refusal("InvalidParameterException", f"{sides}: a side is shorter than {SHORTEST_SIDE} or longer than {LONGEST_SIDE}")
    return recognition


def box(bounds, recognition):
    (left, top, right, bottom), width, height = bounds, recognition["width"], recognition["height"]
    return {
        "Left": left / width,
        "Top": top / height,
        "Width": (right - left) / width,
        "Height": (bottom - top) / height,
    }


def geometry(part, recognition):
    corners = [{"X": x / recognition["width"], "Y": y / recognition["height"]} for x, y in part["corners"]]
    return {"BoundingBox": box(part["bounds"], recognition), "Polygon": corners}


def detect_labels(request):
    found = recognised(picture_of(request), "labels,objects", request.get("MinConfidence", 55), request.get("MaxLabels", 1000))
    labels = [
        {
            "Name": label["name"],
            "Confidence": label["confidence"] * 100,
            "Instances": [
                {"BoundingBox": box(instance["bounds"], found), "Confidence": instance["confidence"] * 100}
                for instance in label.get("instances", [])
            ],
            "Parents": [{"Name": parent} for parent in label["parents"]],
            "Aliases": [],
            "Categories": [],
        }
        for label in found["labels"]
    ]
    return {"Labels": labels, "LabelModelVersion": "3.0"}


def detect_faces(request):
    found = recognised(picture_of(request), "faces")
    faces = [
        {
            "BoundingBox": box(face["bounds"], found),
            "Landmarks": [
                {"Type": name, "X": x / found["width"], "Y": y / found["height"]} for name, (x, y) in face["landmarks"].items()
            ],
            "Pose": {"Roll": 0.0, "Yaw": 0.0, "Pitch": 0.0},
            "Quality": {"Brightness": 80.0, "Sharpness": 80.0},
            "Confidence": face["confidence"] * 100,
        }
        for face in found["faces"]
    ]
    return {"FaceDetails": faces[:100]}


def detect_text(request):
    found = recognised(picture_of(request), "text")
    least = request.get("Filters", {}).get("WordFilter", {}).get("MinConfidence", 0)
    detections, words = [], []
    for number, line in enumerate(found["text"]):
        common = {"Confidence": line["confidence"] * 100, "Geometry": geometry(line, found)}
        detections.append({"DetectedText": line["text"], "Type": "LINE", "Id": number, **common})
        words += [(number, word) for word in line["words"] if word["confidence"] * 100 >= least]
    for number, (line, word) in enumerate(words, len(detections)):
        common = {"Confidence": word["confidence"] * 100, "Geometry": geometry(word, found)}
        detections.append({"DetectedText": word["text"], "Type": "WORD", "Id": number, "ParentId": line, **common})
    return {"TextDetections": detections, "TextModelVersion": "3.0"}


def detect_moderation_labels(request):
    found = recognised(picture_of(request), "moderation", request.get("MinConfidence", 50))
    labels = [
        {"Name": label["name"], "ParentName": label.get("parent", ""), "TaxonomyLevel": 1, "Confidence": label["confidence"] * 100}
        for label in found["moderation"]
    ]
    return {"ModerationLabels": labels, "ModerationModelVersion": "7.0", "ContentTypes": []}


def detect_document_text(request):
    found = recognised(picture_of(request, "Document"), "text")
    whole = {"BoundingBox": {"Left": 0.0, "Top": 0.0, "Width": 1.0, "Height": 1.0}, "Polygon": []}
    page = {"BlockType": "PAGE", "Id": "page", "Geometry": whole, "Relationships": [{"Type": "CHILD", "Ids": []}]}
    lines, words = [], []
    for number, line in enumerate(found["text"]):
        of_line = [
            {
                "BlockType": "WORD",
                "Id": f"word-{number}-{at}",
                "Text": word["text"],
                "TextType": "PRINTED",
                "Confidence": word["confidence"] * 100,
                "Geometry": geometry(word, found),
            }
            for at, word in enumerate(line["words"])
        ]
        words += of_line
        lines.append(
            {
                "BlockType": "LINE",
                "Id": f"line-{number}",
                "Text": line["text"],
                "Confidence": line["confidence"] * 100,
                "Geometry": geometry(line, found),
                "Relationships": [{"Type": "CHILD", "Ids": [word["Id"] for word in of_line]}],
            }
        )
        page["Relationships"][0]["Ids"].append(f"line-{number}")
    if not lines:
        del page["Relationships"]
    return {"Blocks": [page, *lines, *words], "DocumentMetadata": {"Pages": 1}, "DetectDocumentTextModelVersion": "1.0"}


TYPES = {
    "person": "PERSON",
    "organisation": "ORGANIZATION",
    "place": "LOCATION",
    "location": "LOCATION",
    "facility": "LOCATION",
    "product": "COMMERCIAL_ITEM",
    "event": "EVENT",
    "work": "TITLE",
    "date-in-words": "DATE",
    "time": "DATE",
    "percent": "QUANTITY",
    "money": "QUANTITY",
    "quantity": "QUANTITY",
    "cardinal": "QUANTITY",
    "ordinal": "QUANTITY",
}


def analysed(request, feature):
    text = request["Text"]
    found = program("document-job", ["analyse", "--features", feature, "--max-phrases", "200"], text.encode(), ".txt")
    return text, json.loads(found["semantics.json"])


def places(text, name):
    """Where a name is in a text, whatever spaces are in it, in characters."""
    pattern = r"\s+".join(re.escape(word) for word in name.split())
    return [(match.start(), match.end()) for match in re.finditer(rf"(?<!\w){pattern}(?!\w)", text, re.IGNORECASE)]


def found_in(text, start, end, score):
    return {"Score": score, "Text": text[start:end], "BeginOffset": start, "EndOffset": end}


def detect_entities(request):
    text, semantics = analysed(request, "names")
    entities = [
        {**found_in(text, start, end, 0.97), "Type": TYPES.get(name["type"], "OTHER")}
        for name in semantics.get("names", [])
        for start, end in places(text, name["text"])
    ]
    return {"Entities": sorted(entities, key=lambda entity: entity["BeginOffset"])}


def detect_key_phrases(request):
    text, semantics = analysed(request, "phrases")
    phrases = [
        found_in(text, start, end, 0.9 + phrase["score"] / 20)
        for phrase in semantics.get("keyPhrases", [])
        for start, end in places(text, phrase["text"])
    ]
    return {"KeyPhrases": sorted(phrases, key=lambda phrase: phrase["BeginOffset"])}


def detect_sentiment(request):
    _, semantics = analysed(request, "sentiment")
    sentiment = semantics.get("sentiment") or {"feeling": "neutral", "score": 0.0}
    score = sentiment["score"]
    scores = {"Positive": max(score, 0.0), "Negative": max(-score, 0.0), "Neutral": 1 - abs(score), "Mixed": 0.0}
    return {"Sentiment": sentiment["feeling"].upper(), "SentimentScore": scores}


def detect_dominant_language(request):
    _, semantics = analysed(request, "languages")
    return {"Languages": [{"LanguageCode": share["language"], "Score": share["share"]} for share in semantics["languages"]]}


# MediaConvert.

MEDIA_JOBS, MEDIA_TOKENS, MEDIA_LOCK = {}, {}, threading.Lock()
# Seconds that the service keeps a token ("Idempotency" in its reference).
TOKEN_LIFE = 60


@functools.cache
def s3():
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{os.environ['MOTO_PORT']}",
        region_name="us-east-1",
        aws_access_key_id="testing",
        aws_secret_access_key=SECRET,
    )


def parted(url):
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return bucket, key


def transcode_options(settings):
    """What of our own options the settings mean; whatever this does not know is the settings' own."""
    group = settings["outputGroups"][0]
    videos = [output for output in group["outputs"] if "videoDescription" in output]
    video = videos[0]["videoDescription"]
    codec = video["codecSettings"]
    own = next(value for name, value in codec.items() if name != "codec")
    options = ["--codec", {"H_264": "h264", "H_265": "h265", "VP9": "vp9", "AV1": "av1"}[codec["codec"]], "--preset", "ultrafast"]
    if own["rateControlMode"] == "VBR":
        options += ["--bitrate", str(own["bitrate"] // 1000)]
    if own["framerateControl"] == "SPECIFIED":
        options += ["--frame-rate", str(own["framerateNumerator"] // own["framerateDenominator"])]
    if group["outputGroupSettings"]["type"] == "CMAF_GROUP_SETTINGS":
        cmaf = group["outputGroupSettings"]["cmafGroupSettings"]
        heights = ",".join(str(output["videoDescription"]["height"]) for output in videos)
        options += ["--container", "hls", "--heights", heights, "--segment-duration", str(cmaf["segmentLength"])]
        return options + (["--dash"] if cmaf["writeDashManifest"] == "ENABLED" else []), cmaf["destination"]
    options += ["--container", {"MP4": "mp4", "WEBM": "webm"}[videos[0]["containerSettings"]["container"]]]
    if "height" in video:
        options += ["--max-height", str(video["height"])]
    return options, group["outputGroupSettings"]["fileGroupSettings"]["destination"]


def media_job(job, fault):
    """Does a job's work, in a thread of its own."""
    try:
        job["status"] = "PROGRESSING"
        time.sleep(float((fault or {}).get("crawl", 0)))
        if fault and "code" in fault:
            raise Refusal(fault["code"], "as the test wants it")
        bucket, key = parted(job["settings"]["inputs"][0]["fileInput"])
        try:
            content = s3().get_object(Bucket=bucket, Key=key)["Body"].read()
        except s3().exceptions.NoSuchKey:
            raise Refusal("1404", "Unable to open input file: HTTP 404") from None
        options, destination = transcode_options(job["settings"])
        results = transcoded(options, content)
        bucket, folder = parted(destination.rpartition("/")[0])
        details = []
        for name, (bytes_, facts) in results.items():
            s3().put_object(Bucket=bucket, Key=f"{folder}/{name}", Body=bytes_)
            if "width" in facts:
                size = {"widthInPx": facts["width"], "heightInPx": facts["height"]}
                details.append({"durationInMs": int(facts.get("duration", 0) * 1000), "videoDetails": size})
        job["outputGroupDetails"] = [{"outputDetails": details}]
        job["status"] = "COMPLETE"
    except Refusal as refusal:
        job.update(status="ERROR", errorCode=int(refusal.code), errorMessage=refusal.message)
    except Exception:  # noqa: BLE001 whatever it is, a test shall see it
        job.update(status="ERROR", errorCode=9999, errorMessage=traceback.format_exc())


def transcoded(options, content):
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch, "input.mp4")
        source.write_bytes(content)
        command = [Path(os.environ["ENGINES_PROGRAMS"], "video-job"), "transcode", *options, source, Path(scratch, "out")]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, env={}, check=False)
        if done.returncode:
            raise Refusal("1040", done.stdout.decode() + done.stderr.decode())
        outputs = json.loads(done.stdout)["outputs"]
        folder = os.path.commonpath([Path(output["key"]).parent for output in outputs])
        return {
            str(Path(output["key"]).relative_to(folder)): (Path(scratch, "out", output["key"]).read_bytes(), output)
            for output in outputs
        }


def create_job(key, request):
    if not request["role"].startswith("arn:aws:iam::"):
        raise Refusal("ForbiddenException", "the role cannot be assumed", 403)
    now = time.time()
    token = (key, request.get("clientRequestToken"))
    with MEDIA_LOCK:
        known = MEDIA_TOKENS.get(token)
        if token[1] and known and now - known[1] < TOKEN_LIFE:
            return {"job": shown(MEDIA_JOBS[known[0]])}
        number = f"{int(now * 1000)}-{len(MEDIA_JOBS):06}"
        kept = {name: request[name] for name in ("role", "settings", "userMetadata", "queue") if name in request}
        job = {"id": number, "arn": f"arn:aws:mediaconvert:us-east-1:123456789012:jobs/{number}", "status": "SUBMITTED", **kept}
        job.update(createdAt=int(now), key=key)
        MEDIA_JOBS[number] = job
        MEDIA_TOKENS[token] = (number, now)
    fault = JOURNAL.note(key, {"service": "mediaconvert", "action": "Job", "bytes": 0})
    threading.Thread(target=media_job, args=(job, fault), daemon=True).start()
    return {"job": shown(job)}


def shown(job):
    return {name: value for name, value in job.items() if name != "key"}


def get_job(key, number):
    job = MEDIA_JOBS.get(number)
    if not job or job["key"] != key:
        raise Refusal("NotFoundException", "no such job", 404)
    return {"job": shown(job)}


def list_jobs(key, query):
    first = int(query.get("nextToken", 0))
    most = int(query.get("maxResults", 20))
    if not 1 <= most <= 20:
        raise Refusal("BadRequestException", "maxResults: 1 to 20")
    mine = [shown(job) for job in MEDIA_JOBS.values() if job["key"] == key]
    mine.sort(key=lambda job: job["id"], reverse=query.get("order") == "DESCENDING")
    after = {"nextToken": str(first + most)} if first + most < len(mine) else {}
    return {"jobs": mine[first : first + most], **after}


MEDIA_PATH = re.compile(r"/2017-08-29/jobs(?:/([^/]+))?")


def media_convert(environ, body, credential):
    """The answer of MediaConvert, which speaks REST."""
    key, date, region, service, signed, given = credential
    path = MEDIA_PATH.fullmatch(environ["PATH_INFO"])
    method = environ["REQUEST_METHOD"]
    action = {("POST", False): "CreateJob", ("GET", False): "ListJobs", ("GET", True): "GetJob"}.get((method, bool(path and path[1])))
    if not path or not action:
        raise Refusal("NotFoundException", f"{method} {environ['PATH_INFO']}", 404)
    fault = JOURNAL.note(key, {"service": service, "action": action, "bytes": len(body)})
    if fault and "code" in fault:
        status = {"TooManyRequestsException": 429, "ForbiddenException": 403, "InternalServerErrorException": 500}
        raise Refusal(fault["code"], "as the test wants it", status.get(fault["code"], 400))
    if given != signature(environ, body, date, region, service, signed):
        raise Refusal("ForbiddenException", "the signature does not match", 403)
    operation = service_models.model(service).operation_model(action)
    query = dict(urllib.parse.parse_qsl(environ.get("QUERY_STRING", "")))
    if action == "CreateJob":
        request = json.loads(body)
        wrong = service_models.faults(operation.input_shape, request)
        if wrong:
            raise Refusal("BadRequestException", "; ".join(wrong))
        said = create_job(key, request)
    else:
        said = get_job(key, path[1]) if action == "GetJob" else list_jobs(key, query)
    wrong = service_models.faults(operation.output_shape, said)
    if wrong:
        raise RuntimeError(f"{action}: the emulator's own answer is wrong: {'; '.join(wrong)}")
    return json.dumps(said).encode(), bool(fault and fault.get("cut")), operation.http["responseCode"]


ACTIONS = {
    "rekognition": {
        "DetectLabels": detect_labels,
        "DetectFaces": detect_faces,
        "DetectText": detect_text,
        "DetectModerationLabels": detect_moderation_labels,
    },
    "textract": {"DetectDocumentText": detect_document_text},
    "comprehend": {
        "DetectEntities": detect_entities,
        "DetectKeyPhrases": detect_key_phrases,
        "DetectSentiment": detect_sentiment,
        "DetectDominantLanguage": detect_dominant_language,
    },
}


def check_text(action, request):
    if "Text" not in request:
        return
    text = request["Text"]
    if len(text.encode()) > TEXT_BYTES.get(action, MOST_TEXT_BYTES):
        raise Refusal("TextSizeLimitExceededException", f"Input text size exceeds limit: {len(text.encode())} bytes")
    if action == "DetectDominantLanguage" and len(text) < FEWEST_CHARACTERS:
        raise Refusal("InvalidRequestException", f"the text has fewer than {FEWEST_CHARACTERS} characters")


def answer(environ, body, credential):
    """The answer of a service to a request, or what it says instead."""
    key, date, region, service, signed, given = credential
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    prefix, _, action = target.rpartition(".")
    model = service_models.model(service)
    if prefix != model.metadata["targetPrefix"] or action not in ACTIONS[service]:
        raise Refusal("UnknownOperationException", target, 404)
    if environ.get("CONTENT_TYPE") != f"application/x-amz-json-{model.metadata['jsonVersion']}":
        raise Refusal("UnknownOperationException", f"content type {environ.get('CONTENT_TYPE')}", 404)
    fault = JOURNAL.note(key, {"service": service, "action": action, "bytes": len(body)})
    if fault and "code" in fault:
        raise Refusal(fault["code"], "as the test wants it", 500 if fault["code"].startswith("Internal") else 400)
    if given != signature(environ, body, date, region, service, signed):
        raise Refusal("InvalidSignatureException", "The request signature we calculated does not match the one you provided.")
    request = json.loads(body)
    operation = model.operation_model(action)
    wrong = service_models.faults(operation.input_shape, request)
    if wrong:
        raise Refusal("InvalidParameterException" if service != "comprehend" else "InvalidRequestException", "; ".join(wrong))
    check_text(action, request)
    said = ACTIONS[service][action](request)
    wrong = service_models.faults(operation.output_shape, said)
    if wrong:
        raise RuntimeError(f"{action}: the emulator's own answer is wrong: {'; '.join(wrong)}")
    return json.dumps(said).encode(), bool(fault and fault.get("cut"))


class Engines:
    """Answers for the engines' services, and hands everything else on."""

    def __init__(self, application):
        self.application = application

    def __call__(self, environ, start_response):
        path = environ.get("PATH_INFO", "")
        if path.startswith("/moto-api/engines/"):
            return self.control(environ, start_response, path.rpartition("/")[2])
        credential = AUTHORIZATION.match(environ.get("HTTP_AUTHORIZATION", ""))
        if not credential or credential[4] not in (*ACTIONS, "mediaconvert"):
            return self.application(environ, start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        status, cut = "200 OK", False
        try:
            if credential[4] == "mediaconvert":
                said, cut, code = media_convert(environ, body, credential.groups())
                status = f"{code} Done"
            else:
                said, cut = answer(environ, body, credential.groups())
        except Refusal as refusal:
            status = f"{refusal.status} Refused"
            said = json.dumps({"__type": refusal.code, "message": refusal.message}).encode()
        except Exception:  # noqa: BLE001 whatever it is, a test shall see it
            status = "400 Emulator"
            said = json.dumps({"__type": "EmulatorFault", "message": traceback.format_exc()}).encode()
        headers = [("Content-Type", "application/x-amz-json-1.1"), ("Content-Length", str(len(said)))]
        if cut:
            headers.append(("Connection", "close"))
        start_response(status, headers)
        return [said[: len(said) // 2] if cut else said]

    def control(self, environ, start_response, what):
        if what == "faults":
            fault = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
            fault.setdefault("after", 0)
            fault.setdefault("times", 1)
            with JOURNAL.lock:
                JOURNAL.faults.setdefault(fault["key"], []).append(fault)
            said = b"{}"
        else:
            with JOURNAL.lock:
                said = json.dumps(JOURNAL.calls.get(environ.get("QUERY_STRING", ""), [])).encode()
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(said)))])
        return [said]
