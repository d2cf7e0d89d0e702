"""Notes what each program asks AWS for, as IAM would name it: pairs of an action and a resource.

A program is known by its access key, a request by what the Service Authorization Reference says of it. `GET /recorded` answers
with everything so far. The programs' requests to services that are not in the list below are noted as they came, so that whoever
looks for their right finds none."""

import io
import json
import re
import urllib.parse

REGION, ACCOUNT = "us-east-1", "123456789012"
ENGINES = {"comprehend", "rekognition", "textract"}
# What the access key of a program begins with. Others are those of the tests themselves, of Terraform and of the command line.
PROGRAM = "program-"

noted = set()


def arn(service, resource):
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def queue(body):
    return arn("sqs", body["QueueUrl"].rsplit("/", 1)[1])


def of_dynamodb(operation, body):
    for table in [body["TableName"]] if "TableName" in body else body["RequestItems"]:
        index = f"/index/{body['IndexName']}" if "IndexName" in body else ""
        yield f"dynamodb:{operation}", arn("dynamodb", f"table/{table}{index}")


def of_sqs(operation, body):
    # A batch of a request is allowed by the action of the request.
    yield f"sqs:{operation.removesuffix('Batch')}", queue(body)


def of_events(operation, body):
    for entry in body.get("Entries", []):
        bus = entry.get("EventBusName", "default")
        yield f"events:{operation}", bus if bus.startswith("arn:") else arn("events", f"event-bus/{bus}")


def of_secretsmanager(operation, body):
    yield f"secretsmanager:{operation}", body["SecretId"]


def of_logs(operation, body):
    yield f"logs:{operation}", arn("logs", f"log-group:{body.get('logGroupName', '')}:*")


TARGETS = {
    "DynamoDB_20120810": of_dynamodb,
    "AmazonSQS": of_sqs,
    "AWSEvents": of_events,
    "secretsmanager": of_secretsmanager,
    "Logs_20140328": of_logs,
}


def of_batch(path, body):
    operation = path.rsplit("/", 1)[1].lower()
    if operation == "submitjob":
        definition = body["jobDefinition"]
        if not definition.startswith("arn:"):
            definition = arn("batch", f"job-definition/{definition}" + ("" if ":" in definition else ":1"))
        name = body["jobQueue"]
        place = name if name.startswith("arn:") else arn("batch", f"job-queue/{name}")
        for resource in (definition, place):
            yield "batch:SubmitJob", resource
            # AWS names the definition when the right is missing.
            if body.get("tags"):
                yield "batch:TagResource", resource
    elif operation == "terminatejob":
        yield "batch:TerminateJob", arn("batch", f"job/{body['jobId']}")
    else:
        # AWS has no narrower resource for these.
        names = {"listjobs": "ListJobs", "describejobs": "DescribeJobs"}
        yield f"batch:{names.get(operation, operation)}", "*"


def of_s3(method, path, query, headers, status):
    bucket, _, key = urllib.parse.unquote(path).lstrip("/").partition("/")
    place = f"arn:aws:s3:::{bucket}"
    version = "Version" if "versionId" in query else ""
    if not key:
        names = {"versions": "ListBucketVersions", "uploads": "ListBucketMultipartUploads"}
        listing = next((name for flag, name in names.items() if flag in query), "ListBucket")
        yield f"s3:{listing if method in ('GET', 'HEAD') else method}", place
        return
    thing = f"{place}/{key}"
    if "tagging" in query:
        yield f"s3:{method.capitalize()}Object{version}Tagging", thing
    elif method in ("GET", "HEAD"):
        yield f"s3:GetObject{version}", thing
        # Without the right to list, S3 says 403 where it would say 404, and nobody could tell the two apart.
        if status.startswith("404"):
            yield "s3:ListBucket", place
    elif method == "DELETE":
        yield ("s3:AbortMultipartUpload" if "uploadId" in query else f"s3:DeleteObject{version}"), thing
    else:
        yield "s3:PutObject", thing
        if "HTTP_X_AMZ_TAGGING" in headers:
            yield "s3:PutObjectTagging", thing
        if source := headers.get("HTTP_X_AMZ_COPY_SOURCE"):
            yield "s3:GetObject", "arn:aws:s3:::" + urllib.parse.unquote(source).lstrip("/").split("?")[0]


def requests(service, environ, body, status):
    """The actions and resources of a request."""
    method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    if service == "s3":
        query = urllib.parse.parse_qs(environ["QUERY_STRING"], keep_blank_values=True)
        # The path as it was sent: WSGI has taken the percent coding out of the other.
        yield from of_s3(method, environ.get("RAW_URI", path).split("?")[0], query, environ, status)
    elif service == "batch":
        yield from of_batch(path, json.loads(body))
    elif service == "lambda" and (mapping := re.search(r"/event-source-mappings/([^/]+)", path)):
        yield "lambda:UpdateEventSourceMapping", arn("lambda", f"event-source-mapping:{mapping[1]}")
    elif service == "sns":
        form = urllib.parse.parse_qs(body.decode())
        yield f"sns:{form['Action'][0]}", form.get("TopicArn", ["*"])[0]
    else:
        target, _, operation = environ.get("HTTP_X_AMZ_TARGET", "").partition(".")
        if service in ENGINES:
            # These calls take bytes or text, and AWS has no narrower resource for them.
            yield f"{service}:{operation}", "*"
            return
        of_target = TARGETS.get(target)
        if of_target is None:
            yield f"{service}:{operation or method}", path
        else:
            yield from of_target(operation, json.loads(body))


class Recorder:
    """A WSGI application before another one."""

    def __init__(self, application):
        self.application = application

    def __call__(self, environ, start_response):
        if environ["PATH_INFO"] == "/recorded":
            answer = json.dumps(sorted(noted)).encode()
            start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
            return [answer]
        credential = re.search(r"Credential=([^/]+)/\d+/[^/]+/([^/]+)/", environ.get("HTTP_AUTHORIZATION", ""))
        if not credential or not credential[1].startswith(PROGRAM):
            return self.application(environ, start_response)
        program, service = credential[1].removeprefix(PROGRAM), credential[2]
        body = b""
        if service != "s3":
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            environ["wsgi.input"] = io.BytesIO(body)
        noting = dict(environ)

        def note(status, headers, *rest):
            try:
                noted.update((program, action, resource) for action, resource in requests(service, noting, body, status))
            except Exception as error:  # Nobody has a right of this name, so that it is seen.
                noted.add((program, f"{service}:not understood", f"{noting['REQUEST_METHOD']} {noting['PATH_INFO']}: {error!r}"))
            return start_response(status, headers, *rest)

        return self.application(environ, note)


