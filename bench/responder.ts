/**
 * The ceiling: a bare Node TCP server that answers each request with as many bytes as a queue server would, and
 * stores nothing. It knows the sizes of the requests beforehand and only counts bytes.
 *
 *     node responder.js <item bytes>      prints {"port":…} when it listens
 */

import { type AddressInfo, createServer, type Socket } from "node:net";
import { bareAnswers, requestsOf } from "./wire.ts";
import { queueName } from "./workload.ts";

const itemBytes = Number(process.argv[2]);
const [putRequest, getRequest] = requestsOf("memcache", "put+get", queueName, itemBytes) as [Buffer, Buffer];
const { put: putAnswer, get: getAnswer } = bareAnswers(queueName, itemBytes);
const putFirstByte = putRequest[0];

const server = createServer({ noDelay: true }, serve);
server.listen(0, "127.0.0.1", () => {
  console.log(JSON.stringify({ port: (server.address() as AddressInfo).port }));
});

function serve(socket: Socket): void {
  /** Bytes of the request at hand that have not come yet, and its answer; 0 between requests. */
  let missingBytes = 0;
  let answer = putAnswer;
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk) => {
    const answers: Buffer[] = [];
    let at = 0;
    while (at < chunk.length) {
      if (missingBytes === 0) {
        const isPut = chunk[at] === putFirstByte;
        missingBytes = isPut ? putRequest.length : getRequest.length;
        answer = isPut ? putAnswer : getAnswer;
      }
      const taken = Math.min(missingBytes, chunk.length - at);
      missingBytes -= taken;
      at += taken;
      if (missingBytes === 0) answers.push(answer);
    }
    if (answers.length > 0) socket.write(answers.length === 1 ? answers[0]! : Buffer.concat(answers));
  });
}
