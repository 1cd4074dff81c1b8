/* Translates an image file with an exported version, without Python:

       translate VERSION FEED FETCH < input.png > output.png

   FEED and FETCH are operations of the signature, such as serving_default_image_bytes and
   StatefulPartitionedCall; the first output of FETCH is taken. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensorflow/c/c_api.h"
#include "tensorflow/c/tf_tstring.h"

#define LARGEST_FILE (1 << 24) /* Bytes. */

static void check(TF_Status* status) {
  if (TF_GetCode(status) != TF_OK) {
    fprintf(stderr, "%d %s\n", TF_GetCode(status), TF_Message(status));
    exit(1);
  }
}

static TF_Output output_of(TF_Graph* graph, const char* name) {
  TF_Output output = {TF_GraphOperationByName(graph, name), 0};
  if (output.oper == NULL) {
    fprintf(stderr, "no operation %s\n", name);
    exit(1);
  }
  return output;
}

int main(int count, char** arguments) {
  if (count != 4) {
    fprintf(stderr, "usage: translate VERSION FEED FETCH < input > output\n");
    return 2;
  }
  TF_Status* status = TF_NewStatus();
  TF_Graph* graph = TF_NewGraph();
  TF_SessionOptions* options = TF_NewSessionOptions();
  const char* tags[] = {"serve"};
  TF_Session* session = TF_LoadSessionFromSavedModel(options, NULL, arguments[1], tags, 1, graph,
                                                     NULL, status);
  check(status);

  char* file = malloc(LARGEST_FILE);
  size_t length = fread(file, 1, LARGEST_FILE, stdin);
  const int64_t one_file[] = {1};
  TF_Tensor* input = TF_AllocateTensor(TF_STRING, one_file, 1, sizeof(TF_TString));
  TF_TString* string = TF_TensorData(input);
  TF_StringInit(string);
  TF_StringCopy(string, file, length);

  TF_Output feed = output_of(graph, arguments[2]);
  TF_Output fetch = output_of(graph, arguments[3]);
  TF_Tensor* translated = NULL;
  TF_SessionRun(session, NULL, &feed, &input, 1, &fetch, &translated, 1, NULL, 0, NULL, status);
  check(status);
  TF_TString* encoded = TF_TensorData(translated);
  fwrite(TF_StringGetDataPointer(encoded), 1, TF_StringGetSize(encoded), stdout);

  TF_StringDealloc(encoded);
  TF_DeleteTensor(translated);
  TF_StringDealloc(string);
  TF_DeleteTensor(input);
  free(file);
  TF_CloseSession(session, status);
  TF_DeleteSession(session, status);
  TF_DeleteSessionOptions(options);
  TF_DeleteGraph(graph);
  TF_DeleteStatus(status);
  return 0;
}
