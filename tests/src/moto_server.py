"""Serves moto behind the recorder on a free port, says which, and ends when its standard
input does: with the test process, however it ends."""

import os
import sys
import threading

from moto.awslambda.models import LambdaFunction
from moto.events.models import EventPattern
from moto.s3.models import FakeDeleteMarker
from moto.s3.responses import S3Response
from moto.server import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from engines import Engines
from recorder import Recorder


def end_with_parent():
    sys.stdin.buffer.read()
    os._exit(0)


# A function that is called, by a topic for example, does nothing: moto would run it in a container of an image from the
# internet. The tests run the programs themselves.
LambdaFunction._invoke_lambda = lambda self, event=None: ("", False, "")


# moto releases what a version holds when it is deleted, and forgets that a delete marker holds nothing: no bucket with one could
# be emptied.
FakeDeleteMarker.dispose = lambda self, garbage=False: None


# A rule with a schedule and no pattern gets no events. In moto it gets all, and sending one to a function, which moto cannot, keeps
# the event from every rule made after it.
matches = EventPattern.matches_event
EventPattern.matches_event = lambda self, event: bool(self.get_pattern()) and matches(self, event)


# A bucket that tells of nothing answers by the name of an older action, which AWS's SDK does not read.
notifications = S3Response.get_bucket_notification


def get_bucket_notification(self):
    self.data["Action"] = "GetBucketNotificationConfiguration"
    return notifications(self)


S3Response.get_bucket_notification = get_bucket_notification


class Handler(MotoRequestHandler):
    # Connections stay open between requests, as those of AWS do.
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_request(self, *args):
        pass


application = Recorder(Engines(DomainDispatcherApplication(create_backend_app)))
server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=Handler)
os.environ["MOTO_PORT"] = str(server.port)
print(server.port, flush=True)
threading.Thread(target=end_with_parent, daemon=True).start()
server.serve_forever()
