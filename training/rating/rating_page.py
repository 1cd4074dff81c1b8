"""The page of the real-or-fake test and its server, which never tells what is fake in advance."""

import json
import secrets
from pathlib import Path

import jinja2
from werkzeug import Request, Response
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.routing import BaseConverter, Map, Rule
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wsgi import get_host

from tfpix2pix.errors import InputError
from training.rating.real_or_fake import SIDES, image_path, plan

LOOPBACK = ("127.0.0.1", "localhost")
SHOWN_MS = 1000  # Section 4.1 of the paper.
MOST_BYTES = 1000  # An answer has at most.

# Nothing from elsewhere, and no address of a session to elsewhere.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'unsafe-inline'; style-src "
    "'unsafe-inline'; img-src 'self' data:; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

_ENVIRONMENT = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
_PAGE = _ENVIRONMENT.from_string(Path(__file__).with_name("page.html").read_text("utf-8"))


class Page:
    """The WSGI application: instructions, sessions at addresses of their own, images and answers.

    Args:
        answers: `training.rating.real_or_fake.Answers`.
        trusted_hosts: Names by which the server may be called, or `None` for any.
    """

    def __init__(self, answers, trusted_hosts=None):
        self.answers = answers
        self.trusted_hosts = trusted_hosts
        image = "/<session:session>/<int(min=1):trial>/<any({}):side>".format(",".join(SIDES))
        self._urls = Map(
            [
                Rule("/", endpoint=self._page, methods=["GET"]),
                Rule("/", endpoint=self._begin, methods=["POST"]),
                Rule("/<session:session>", endpoint=self._show, methods=["GET"]),
                Rule("/<session:session>", endpoint=self._answer, methods=["POST"]),
                Rule(image, endpoint=self._image, methods=["GET"]),
            ],
            converters={"session": _Session},
            merge_slashes=False,
        )

    @Request.application
    def __call__(self, request):
        """Answers a request."""
        request.max_content_length = MOST_BYTES
        try:
            get_host(request.environ, self.trusted_hosts)
            respond, values = self._urls.bind_to_environ(request.environ).match()
            if respond == self._answer:
                values["answer"] = request.get_json()
            response = respond(**values)
        except HTTPException as error:
            response = Response(error.description, error.code)
        except InputError as error:
            response = Response(str(error), 400)
        response.headers.update(HEADERS)
        return response

    def _begin(self):
        return Response(status=303, headers={"Location": f"/{secrets.token_hex(8)}"})

    def _show(self, session):
        trial = self.answers.next_trial(session)
        return self._page(trial=trial, over=trial is None)

    def _answer(self, session, answer):
        side = self.answers.add(session, answer)
        return Response(json.dumps({"fake": side}), mimetype="application/json")

    def _image(self, session, trial, side):
        trials = plan(self.answers.protocol, session)
        if trial > len(trials):
            raise NotFound
        real, fake, fake_side = trials[trial - 1]
        if side == fake_side:
            path = image_path(self.answers.folder, "fake", fake)
        else:
            path = image_path(self.answers.folder, "real", real)
        return Response(path.read_bytes(), mimetype="image/png")

    def _page(self, **state):
        protocol = self.answers.protocol
        text = _PAGE.render(
            practice=protocol.practice,
            length=protocol.length,
            sides=SIDES,
            shown_ms=SHOWN_MS,
            **state,
        )
        return Response(text, mimetype="text/html")


def make(answers, host: str, port: int):
    """Makes the server, which listens at once and answers while `serve_forever()` runs.

    Args:
        answers: `training.rating.real_or_fake.Answers`.
        host: Address of this machine to listen at. At one of `LOOPBACK` only this machine may
            call, and only by these names, since other sites could let a name of theirs lead here.
        port: Port to listen at; 0 for any that is free, see `port` of the server.

    Returns:
        `werkzeug.serving.BaseWSGIServer`, one thread for each request.
    """
    page = Page(answers, LOOPBACK if host in LOOPBACK else None)
    return make_server(host, port, page, threaded=True, request_handler=_Quiet)


class _Session(BaseConverter):
    regex = "[0-9a-f]{16}"


class _Quiet(WSGIRequestHandler):
    def log_request(self, *_):
        """Does not print every request."""
