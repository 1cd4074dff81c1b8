import re
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml
from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    text_format,
    wrappers_pb2,
)
from tensorflow_serving.config import model_server_config_pb2

from serving.engine.model_config import configuration

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "serving/deploy"
CONFIG = DEPLOY / "config"
IMAGE = "tensorflow/serving:2.15.1"
# tensorflow_serving/model_servers/main.cc at 2.15.1, as far as it is of use here.
FLAGS = {
    *("allow_version_labels_for_unavailable_models", "batching_parameters_file", "enable_batching"),
    *("enable_grpc_healthcheck_service", "grpc_channel_arguments", "grpc_max_threads"),
    *("model_config_file", "model_config_file_poll_wait_seconds", "monitoring_config_file"),
    *("num_load_threads", "num_unload_threads", "rest_api_num_threads", "ssl_config_file"),
    "tensorflow_session_parallelism",
}
# Protos that tensorflow-serving-api does not hold: fields of session_bundle_config.proto,
# monitoring_config.proto and ssl_config.proto.
FIELDS = {
    "BatchingParameters": {
        "max_batch_size": ".google.protobuf.Int64Value",
        "batch_timeout_micros": ".google.protobuf.Int64Value",
        "max_enqueued_batches": ".google.protobuf.Int64Value",
        "num_batch_threads": ".google.protobuf.Int64Value",
        "thread_pool_name": ".google.protobuf.StringValue",
        "allowed_batch_sizes": "repeated int64",
        "pad_variable_length_inputs": "bool",
    },
    "PrometheusConfig": {"enable": "bool", "path": "string"},
    "MonitoringConfig": {"prometheus_config": ".PrometheusConfig"},
    "SSLConfig": {
        "server_key": "string",
        "server_cert": "string",
        "custom_ca": "string",
        "client_verify": "bool",
    },
}
API_VERSIONS = {
    "Deployment": "apps/v1",
    "Service": "v1",
    "PodDisruptionBudget": "policy/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
    "PersistentVolumeClaim": "v1",
}


def message(name):
    """An empty message of a proto in `FIELDS`."""
    file = descriptor_pb2.FileDescriptorProto(
        name="deploy.proto", syntax="proto3", dependency=["google/protobuf/wrappers.proto"]
    )
    Field = descriptor_pb2.FieldDescriptorProto
    for name_of_message, fields in FIELDS.items():
        proto = file.message_type.add(name=name_of_message)
        for number, (field, declared) in enumerate(fields.items(), 1):
            kind = declared.split()[-1]
            proto.field.add(
                name=field,
                number=number,
                label=Field.LABEL_REPEATED if "repeated" in declared else Field.LABEL_OPTIONAL,
                **(
                    {"type": Field.TYPE_MESSAGE, "type_name": kind}
                    if kind.startswith(".")
                    else {"type": Field.Type.Value(f"TYPE_{kind.upper()}")}
                ),
            )
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))()


def models(text):
    parsed = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    return list(parsed.model_config_list.config)


def loaded(name):
    return yaml.safe_load((DEPLOY / name).read_text("utf-8"))


def flags(arguments):
    return dict(argument.removeprefix("--").split("=", 1) for argument in arguments)


@pytest.fixture(scope="module")
def compose():
    return loaded("compose.yaml")["services"]["serving"]


@pytest.fixture(scope="module")
def objects():
    """The objects of kubernetes.yaml by `(kind, name)`."""
    documents = yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text("utf-8"))
    return {(each["kind"], each["metadata"]["name"]): each for each in documents}


@pytest.fixture(scope="module")
def pod(objects):
    return objects["Deployment", "pix2pix-serving"]["spec"]["template"]["spec"]


@pytest.fixture(scope="module")
def container(pod):
    (only,) = pod["containers"]
    return only


@pytest.fixture(scope="module")
def arguments(compose, container):
    """The flags of every way to deploy."""
    gpu = loaded("compose.gpu.yaml")["services"]["serving"]
    commands = {"cpu": compose["command"], "gpu": gpu["command"], "pod": container["args"]}
    return {name: flags(command) for name, command in commands.items()}


def test_models_lie_where_the_volume_of_exports_is(compose, container):
    served = models((CONFIG / "models.config").read_text("utf-8"))
    assert [model.name for model in served] == ["facades"]
    for model in served:
        assert model.base_path == f"/models/{model.name}"
        assert model.model_platform == "tensorflow"
        assert model.model_version_policy.latest.num_versions == 1
    exports, config = compose["volumes"]
    default = re.fullmatch(r"\$\{EXPORTS:-(.*)\}", exports["source"])[1]
    assert (DEPLOY / default).resolve() == ROOT / "exports"
    assert (DEPLOY / config["source"]).resolve() == CONFIG
    mounted = {volume["target"] for volume in (exports, config) if volume["read_only"]}
    in_pods = {mount["mountPath"] for mount in container["volumeMounts"] if mount["readOnly"]}
    assert mounted == in_pods == {"/models", "/etc/serving"}


def test_the_path_of_a_model_is_that_of_an_export(exported):
    text = (CONFIG / "models.config").read_text("utf-8").replace("facades", "tiny")
    ((name, path),) = [(model.name, model.base_path) for model in models(text)]
    folder = exported[1] / Path(path).relative_to("/models")
    (config,) = configuration(folder.parent).model_config_list.config
    assert (config.name, config.base_path) == (name, str(folder))


def test_metrics_are_exported_where_prometheus_is_told_to_look(objects):
    parsed = text_format.Parse(
        (CONFIG / "monitoring.config").read_text("utf-8"), message("MonitoringConfig")
    )
    assert parsed.prometheus_config.enable
    template = objects["Deployment", "pix2pix-serving"]["spec"]["template"]
    annotations = template["metadata"]["annotations"]
    assert annotations["prometheus.io/path"] == parsed.prometheus_config.path
    assert annotations["prometheus.io/port"] == "8501"


def test_batches_have_sizes_that_the_server_accepts():
    parsed = text_format.Parse(
        (CONFIG / "batching_parameters.pbtxt").read_text("utf-8"), message("BatchingParameters")
    )
    sizes = list(parsed.allowed_batch_sizes)
    assert sizes == sorted(set(sizes))
    assert sizes[-1] == parsed.max_batch_size.value == 8
    assert parsed.max_enqueued_batches.value == parsed.num_batch_threads.value == 2
    assert not parsed.pad_variable_length_inputs


def test_a_field_that_does_not_exist_is_found_out():
    for name, text in (
        ("BatchingParameters", "max_batch_size: 8"),
        ("MonitoringConfig", 'prometheus { path: "/" }'),
        ("SSLConfig", 'server_key_file: "server.key"'),
    ):
        with pytest.raises(text_format.ParseError):
            text_format.Parse(text, message(name))


def test_the_configuration_of_tls_holds_the_files_themselves(tmp_path):
    contents = {
        "server.key": "-----BEGIN KEY-----\nab+/=$HOME`\n-----END KEY-----\n",
        "server.crt": "first\n\nsecond & %s\n",
        "ca.crt": "authority\n",
    }
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
    command = ["bash", str(DEPLOY / "ssl_config.sh"), *contents]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    parsed = text_format.Parse(run.stdout, message("SSLConfig"))
    assert [parsed.server_key, parsed.server_cert, parsed.custom_ca] == list(contents.values())
    assert parsed.client_verify
    missing = subprocess.run([*command[:4], "no.crt"], cwd=tmp_path, capture_output=True, text=True)
    assert missing.returncode != 0
    assert missing.stdout == ""


def test_every_flag_exists_and_every_file_that_one_names(arguments):
    for given in arguments.values():
        assert set(given) <= FLAGS
        for name, value in given.items():
            if name.endswith("_file"):
                assert (CONFIG / Path(value).relative_to("/etc/serving")).is_file()


def test_all_ways_to_deploy_agree(arguments):
    batching = {"enable_batching", "batching_parameters_file"}
    assert set(arguments["gpu"]) - set(arguments["cpu"]) == batching
    for name, value in arguments["cpu"].items():
        assert arguments["gpu"][name] == arguments["pod"][name] == value, name


def test_images_are_pinned_and_alike(compose, container):
    gpu = loaded("compose.gpu.yaml")["services"]["serving"]["image"]
    assert (compose["image"], container["image"], gpu) == (IMAGE, IMAGE, f"{IMAGE}-gpu")
    readme = (DEPLOY.parent / "README.md").read_text("utf-8")
    assert set(re.findall(r"tensorflow/serving:\S+", readme)) <= {IMAGE, f"{IMAGE}-gpu"}


def test_ports_are_those_of_the_image_and_closed_to_other_machines(compose, container, objects):
    assert compose["ports"] == [f"127.0.0.1:{port}:{port}" for port in (8500, 8501)]
    named = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert named == {"grpc": 8500, "rest": 8501}
    for name in ("pix2pix-serving", "pix2pix-serving-pods"):
        for port in objects["Service", name]["spec"]["ports"]:
            assert port["targetPort"] == port["name"]
            assert port["port"] == named[port["name"]]
    assert container["startupProbe"]["grpc"]["port"] == named["grpc"]
    assert container["readinessProbe"]["httpGet"]["port"] == "rest"
    assert container["livenessProbe"]["tcpSocket"]["port"] == "grpc"


def test_probes_ask_for_a_model_that_is_served_and_wait_for_retries(compose, container):
    (model,) = models((CONFIG / "models.config").read_text("utf-8"))
    path = f"/v1/models/{model.name}/metadata"
    assert container["readinessProbe"]["httpGet"]["path"] == path
    assert path in compose["healthcheck"]["test"][-1]
    probe = container["startupProbe"]
    # 5 retries, a minute apart, and the loads themselves.
    assert probe["periodSeconds"] * probe["failureThreshold"] >= 2 * 5 * 60


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (404, False), (None, False)])
def test_the_health_check_of_compose_tells_a_usable_model(compose, status, healthy):
    asked = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            asked.append((self.path, self.headers["Connection"]))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            """Nothing is logged."""

    listening = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
    if status is None:
        listening.server_close()
    else:
        thread.start()
    command = [
        part.replace("$$", "$").replace("/8501", f"/{listening.server_port}")
        for part in compose["healthcheck"]["test"][1:]
    ]
    try:
        answer = subprocess.run(command, capture_output=True, timeout=30)
    finally:
        if thread.is_alive():
            listening.shutdown()
            listening.server_close()
    assert (answer.returncode == 0) is healthy
    assert asked == [("/v1/models/facades/metadata", "close")] * (status is not None)


def test_threads_follow_the_limit_of_cpus(arguments, container):
    cpus = int(container["resources"]["limits"]["cpu"])
    assert int(arguments["pod"]["tensorflow_session_parallelism"]) == cpus
    for name in ("grpc_max_threads", "rest_api_num_threads"):
        assert int(arguments["pod"][name]) == 4 * cpus
    assert container["resources"]["requests"] == container["resources"]["limits"]


def test_connections_end_before_the_pod_does(arguments, pod):
    age = re.fullmatch(
        r"grpc\.max_connection_age_ms=(\d+)", arguments["pod"]["grpc_channel_arguments"]
    )
    # gRPC spreads the age by 10%.
    assert 1.1 * int(age[1]) / 1000 < pod["terminationGracePeriodSeconds"]


def test_objects_have_known_versions_and_find_each_other(objects, pod):
    assert {kind: each["apiVersion"] for (kind, _), each in objects.items()} == API_VERSIONS
    assert not any("namespace" in each["metadata"] for each in objects.values())
    deployment = objects["Deployment", "pix2pix-serving"]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    selectors = [
        deployment["spec"]["selector"]["matchLabels"],
        objects["PodDisruptionBudget", "pix2pix-serving"]["spec"]["selector"]["matchLabels"],
        objects["Service", "pix2pix-serving"]["spec"]["selector"],
        objects["Service", "pix2pix-serving-pods"]["spec"]["selector"],
        pod["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"],
    ]
    assert selectors == [labels] * 5
    scaler = objects["HorizontalPodAutoscaler", "pix2pix-serving"]["spec"]
    target = scaler["scaleTargetRef"]
    assert objects[target["kind"], target["name"]]["apiVersion"] == target["apiVersion"]
    assert 2 <= scaler["minReplicas"] < scaler["maxReplicas"]
    assert "replicas" not in deployment["spec"]
    (claim,) = (
        each["persistentVolumeClaim"] for each in pod["volumes"] if each["name"] == "models"
    )
    assert ("PersistentVolumeClaim", claim["claimName"]) in objects


def test_config_maps_hold_the_files_that_are_mounted(pod):
    kustomization = loaded("kustomization.yaml")
    assert all((DEPLOY / name).is_file() for name in kustomization["resources"])
    generated = {each["name"]: each for each in kustomization["configMapGenerator"]}
    (volume,) = (each["projected"] for each in pod["volumes"] if each["name"] == "config")
    assert {source["configMap"]["name"] for source in volume["sources"]} == set(generated)
    files = [DEPLOY / name for each in generated.values() for name in each["files"]]
    assert sorted(files) == sorted(CONFIG.iterdir())
    # What servers read again keeps its name; what they read once renames, which rolls out pods.
    kept = {name for name, each in generated.items() if "options" in each}
    assert [generated[name]["files"] for name in kept] == [["config/models.config"]]


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")
def test_kubectl_builds_what_the_files_say():
    built = subprocess.run(
        ["kubectl", "kustomize", str(DEPLOY)], capture_output=True, text=True, check=True
    )
    objects = list(yaml.safe_load_all(built.stdout))
    maps = {each["metadata"]["name"]: each["data"] for each in objects if "data" in each}
    contents = {name: text for data in maps.values() for name, text in data.items()}
    assert contents == {path.name: path.read_text("utf-8") for path in CONFIG.iterdir()}
    (deployment,) = (each for each in objects if each["kind"] == "Deployment")
    volumes = deployment["spec"]["template"]["spec"]["volumes"]
    (sources,) = (each["projected"]["sources"] for each in volumes if "projected" in each)
    assert {source["configMap"]["name"] for source in sources} == set(maps)


def test_a_label_of_the_guide_moves_only_to_versions_that_are_loaded():
    readme = (DEPLOY / "README.md").read_text("utf-8")
    steps = [models(text)[0] for text in re.findall(r"```textproto\n(.*?)```", readme, re.DOTALL)]
    assert [dict(step.version_labels) for step in steps] == [
        {"stable": 1},
        {"stable": 1, "canary": 2},
    ]
    before = {1}
    for step in steps:
        assert set(step.version_labels.values()) <= before
        before = set(step.model_version_policy.specific.versions)
        assert before == {1, 2}


def test_the_readme_names_every_file():
    readme = (DEPLOY / "README.md").read_text("utf-8")
    table = readme.split("\n\n")[1]
    files = (path for path in DEPLOY.rglob("*") if path.is_file() and path.name != "README.md")
    assert set(re.findall(r"`([\w./]+\.\w+)`", table)) == {
        path.relative_to(DEPLOY).as_posix() for path in files
    }
