"""The messages of TensorFlow Serving that the client needs, without TensorFlow.

`tensorflow_serving.apis` imports all of TensorFlow and Keras: seconds, and half a gigabyte. On the
wire only field numbers count, so the few messages are declared here, in a pool of their own that
cannot clash with TensorFlow's where both are loaded.
"""

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "tfpix2pix.serving"
DT_STRING = 7
# Type -> its number, and the field for its values (tensorflow/core/framework/types.proto).
TYPES = {
    "float32": (1, "float_val"),
    "float64": (2, "double_val"),
    "int32": (3, "int_val"),
    "uint8": (4, "int_val"),
    "int16": (5, "int_val"),
    "int8": (6, "int_val"),
    "string": (DT_STRING, "string_val"),
    "int64": (9, "int64_val"),
    "bool": (10, "bool_val"),
}

# Message -> field -> (number, type), `map` standing for map<string, type>. From
# tensorflow/core/framework/{tensor,tensor_shape}.proto and
# tensorflow_serving/apis/{model,predict}.proto.
MESSAGES = {
    "Dim": {"size": (1, "int64")},
    "TensorShape": {"dim": (2, "repeated Dim")},
    "Tensor": {
        "dtype": (1, "int32"),
        "tensor_shape": (2, "TensorShape"),
        "tensor_content": (4, "bytes"),
        "float_val": (5, "repeated float"),
        "double_val": (6, "repeated double"),
        "int_val": (7, "repeated int32"),
        "string_val": (8, "repeated bytes"),
        "int64_val": (10, "repeated int64"),
        "bool_val": (11, "repeated bool"),
    },
    "Int64Value": {"value": (1, "int64")},
    "ModelSpec": {
        "name": (1, "string"),
        "version": (2, "Int64Value"),
        "signature_name": (3, "string"),
    },
    "PredictRequest": {"model_spec": (1, "ModelSpec"), "inputs": (2, "map Tensor")},
    "PredictResponse": {"outputs": (1, "map Tensor"), "model_spec": (2, "ModelSpec")},
}
FIELD = descriptor_pb2.FieldDescriptorProto


def _classes():
    file = descriptor_pb2.FileDescriptorProto(
        name="tfpix2pix/serving.proto", package=PACKAGE, syntax="proto3"
    )
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            _add_field(message, field, number, kind)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{name}"))
        for name in MESSAGES
    }


def _add_field(message, name, number, kind):
    label, kind = kind.split() if " " in kind else ("optional", kind)
    field = message.field.add(name=name, number=number, label=FIELD.LABEL_REPEATED)
    if label == "map":  # On the wire a map is a repeated message of key and value.
        entry = message.nested_type.add(name=f"{name.capitalize()}Entry")
        entry.options.map_entry = True
        _add_field(entry, "key", 1, "string")
        _add_field(entry, "value", 2, kind)
        kind = f"{message.name}.{entry.name}"
    elif label == "optional":
        field.label = FIELD.LABEL_OPTIONAL
    scalar = f"TYPE_{kind.upper()}"
    if scalar in FIELD.Type.keys():  # noqa: SIM118, an enum wrapper, no dict.
        field.type = FIELD.Type.Value(scalar)
    else:
        field.type = FIELD.TYPE_MESSAGE
        field.type_name = f".{PACKAGE}.{kind}"


_CLASSES = _classes()
PredictRequest = _CLASSES["PredictRequest"]
PredictResponse = _CLASSES["PredictResponse"]
