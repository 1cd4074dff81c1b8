"""Metrics of the local server for Prometheus, named as TensorFlow Serving names them."""

import prometheus_client

COUNT = ":tensorflow:serving:request_count"
LATENCY = ":tensorflow:serving:request_latency"
BUCKETS = [10 * 1.8**power for power in range(33)]  # Microseconds (servables/tensorflow/util.cc).


class Metrics:
    """Requests counted and timed, in a registry of their own."""

    def __init__(self):
        self._registry = prometheus_client.CollectorRegistry()
        prometheus_client.disable_created_metrics()  # TensorFlow Serving has no times of creation.
        self._count = prometheus_client.Counter(
            COUNT,
            "The total number of requests.",
            ["model_name", "status"],
            registry=self._registry,
        )
        self._latency = prometheus_client.Histogram(
            LATENCY,
            "Distribution of wall time (in microseconds) for Tensorflow Serving request.",
            ["model_name", "API", "entrypoint"],
            buckets=BUCKETS,
            registry=self._registry,
        )

    def observe(self, call):
        """Counts a `serving.engine.calls.Call` of Predict, and times it if it succeeded."""
        if call.method != "Predict":
            return
        self._count.labels(call.model, call.code).inc()
        if call.code == "OK":
            self._latency.labels(call.model, call.method, call.api).observe(
                1000 * call.milliseconds
            )

    def page(self):
        """Returns what Prometheus reads: bytes of its text format."""
        # The library ends names of counters in _total, TensorFlow Serving does not.
        page = prometheus_client.generate_latest(self._registry)
        return page.replace(f"{COUNT}_total".encode(), COUNT.encode())
