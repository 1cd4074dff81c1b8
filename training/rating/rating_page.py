"""The page of the real-or-fake test, and the server of it; nothing it sends tells what is fake."""

import json
import secrets

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
MOST_BYTES = 1000  # Of an answer.

# Nothing from elsewhere, and no address of a session to elsewhere.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'unsafe-inline'; style-src "
    "'unsafe-inline'; img-src 'self' data:; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

_PAGE = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string("""\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>Real or fake?</title>
<style>
body { font: 18px/1.5 system-ui, sans-serif; color: #111; background: #ddd; margin: 0 auto;
  padding: .5rem; max-width: 40rem; text-align: center; }
h1 { font-size: 1.4rem; } ul { text-align: left; } progress { width: 100%; }
#pair { display: grid; grid-template-columns: 1fr 1fr; gap: .5rem; justify-items: center;
  align-items: center; min-height: min(48vw, 256px); margin: .5rem 0; }
#pair img { visibility: hidden; max-width: 100%; pointer-events: none; }
#pair.shown img { visibility: visible; }
#told { min-height: 3em; }
button { font: inherit; min-height: 3.5rem; min-width: 47%; border: 0; border-radius: .5rem;
  background: #05a; color: #fff; touch-action: manipulation; }
button:disabled { visibility: hidden; } button:focus-visible { outline: .2rem solid #f80; }
</style>
{% if over %}
<h1>Thank you!</h1>
<p>All {{ length }} pairs are answered and your answers are stored. You can close this page.</p>
{% elif not trial %}
<h1>Real or fake?</h1>
<p>You will see {{ length }} pairs of pictures. In each, one is real and the other, of something
else, was made by a computer. Say which one is fake.</p>
<ul>
<li>A pair is shown for one second only. Then take all the time you need.</li>
<li>Press the left or right arrow key, or touch the button of that side. If you are not sure,
guess.</li>
{% if practice %}
<li>The first {{ practice }} are for practice: you are told whether you were right. After them you
are not.</li>
{% endif %}
<li>Please take part only once. If you are interrupted, reload the page to go on.</li>
</ul>
<form method="post"><button>Begin</button></form>
{% else %}
<h1>Which one is fake?</h1>
<progress id="progress" max="{{ length }}" value="{{ trial - 1 }}"></progress>
<div id="count"></div>
<div id="pair"></div>
<p id="told" role="status">A pair is shown for one second. Look at both pictures.</p>
<div><button id="left" disabled>&larr; Left</button>
<button id="right" disabled>Right &rarr;</button></div>
<p><button id="go" disabled>Go on</button></p>
<noscript>This page needs JavaScript.</noscript>
<script>
const first = {{ trial }}, practice = {{ practice }}, length = {{ length }};
const get = id => document.getElementById(id), buttons = document.querySelectorAll("button");
const frame = () => new Promise(requestAnimationFrame);
const tell = text => { get("told").textContent = text; };
let press = () => {};

// Waits for one of some buttons, or its key.
const choice = (...names) => new Promise(resolve => {
  for (const button of buttons) button.disabled = !names.includes(button.id);
  press = name => {
    if (!names.includes(name)) return;
    press = () => {};
    for (const button of buttons) button.disabled = true;
    resolve(name);
  };
});
for (const button of buttons) button.onclick = () => press(button.id);
onkeydown = event => {
  const keys = { ArrowLeft: "left", ArrowRight: "right", Enter: "go" };
  if (!event.repeat) press(keys[event.key]);
};

// Shows a pair, decoded before, for whole frames, and notes the milliseconds it was seen for.
async function show(trial, key) {
  get("pair").replaceChildren(...await Promise.all({{ sides|tojson }}.map(async side => {
    const image = new Image();
    image.src = `${location.pathname}/${trial}/${side}`;
    await image.decode();
    return image;
  })));
  await new Promise(resolve => setTimeout(resolve, 600));
  const start = await frame();
  sessionStorage[key] = 0;
  get("pair").className = "shown";
  let now = start;
  while (now - start < {{ shown_ms }} - 5) now = await frame();
  get("pair").className = "";
  sessionStorage[key] = now - start;
}

async function ask(trial) {
  get("progress").value = trial - 1;
  get("count").textContent = trial > practice
    ? `${trial - practice} of ${length - practice}` : `Practice ${trial} of ${practice}`;
  // A reload does not show a pair again; one that it interrupted is of 0 milliseconds.
  const key = `${location.pathname}/${trial}`;
  if (!(key in sessionStorage)) {
    tell("");
    await show(trial, key);
  }
  const shown_ms = +sessionStorage[key], since = performance.now();
  tell("Which one was fake?");
  const answer = await choice(...{{ sides|tojson }});
  const body = { trial, answer, shown_ms, answer_ms: performance.now() - since };
  const response = await fetch(location.pathname, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(await response.text());
  const { fake } = await response.json();
  if (trial > practice) return;
  const end = trial == practice ? " The practice is over; from now on you are not told." : "";
  tell(`${fake == answer ? "Right" : "Wrong"}: the ${fake} one was fake.${end}`);
  await choice("go");
}

(async () => {
  try {
    get("count").textContent = `${first - 1} of ${length} answered`;
    await choice("go");
    for (let trial = first; trial <= length; trial++) await ask(trial);
  } catch (error) {
    tell(`${error.message} The button reloads the page.`);
    await choice("go");
  }
  location.reload();
})();
</script>
{% endif %}
</html>
""")


class Page:
    """The WSGI application: instructions, sessions at addresses of their own, images and answers.

    Args:
        answers: `training.rating.real_or_fake.Answers`.
        trusted_hosts: Names by which the server may be called, or `None` for any.
    """

    def __init__(self, answers, trusted_hosts=None):
        self.answers, self.trusted_hosts = answers, trusted_hosts
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
                values["given"] = request.get_json()
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

    def _answer(self, session, given):
        side = self.answers.add(session, given)
        return Response(json.dumps({"fake": side}), mimetype="application/json")

    def _image(self, session, trial, side):
        trials = plan(self.answers.protocol, session)
        if trial > len(trials):
            raise NotFound
        real, fake, side_of_fake = trials[trial - 1]
        shown = ("fake", fake) if side == side_of_fake else ("real", real)
        path = image_path(self.answers.folder, *shown)
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


def make(answers, host, port):
    """Makes the server; it listens, and answers from its `serve_forever()` on.

    Args:
        answers: `training.rating.real_or_fake.Answers`.
        host: Address of this machine to listen at. By one of `LOOPBACK` only this machine may
            call, and only by these names: pages of others could else have a name lead here.
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
