// Translates an image file through a server, from Node.js:
//
//     node query.js DESCRIPTORS ADDRESS MODEL < input.png > output.png
//
// DESCRIPTORS is a serialized FileDescriptorSet with tensorflow.serving.PredictionService.

const fs = require("fs");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const DT_STRING = 7;

const [descriptors, address, model] = process.argv.slice(2);
const definition = loader.loadFileDescriptorSetFromBuffer(fs.readFileSync(descriptors));
const { serving } = grpc.loadPackageDefinition(definition).tensorflow;
const client = new serving.PredictionService(address, grpc.credentials.createInsecure());
const tensor = {
  dtype: DT_STRING,
  tensor_shape: { dim: [{ size: 1 }] },
  string_val: [fs.readFileSync(0)],
};
// From descriptors a map is read as what it is on the wire: a list of keys and values.
const inputs = [{ key: "image_bytes", value: tensor }];
const request = { model_spec: { name: model }, inputs };
client.predict(request, { deadline: Date.now() + 60000 }, (error, response) => {
  if (error) {
    console.error(`${error.code} ${error.details}`);
    process.exit(1);
  }
  const output = response.outputs.find(({ key }) => key === "output_bytes");
  fs.writeFileSync(1, output.value.string_val[0]);
  client.close();
});
