// The JavaScript SDK as a puppet: one JSON command a line on stdin, one JSON event a line on stdout.
import readline from "node:readline";
import { Centrifuge } from "centrifuge";
import { Centrifuge as BinaryCentrifuge } from "centrifuge/build/protobuf";
import WebSocket from "ws";

// Protobuf carries bytes: the JSON that the rooms take and give is the caller's affair there.
const [flavour] = process.argv.slice(2);
const [Speaker, pack, unpack] = flavour === "protobuf"
  ? [BinaryCentrifuge, (data) => Buffer.from(JSON.stringify(data)), (bytes) => JSON.parse(Buffer.from(bytes))]
  : [Centrifuge, (data) => data, (data) => data];

const clients = new Map();
const say = (event) => process.stdout.write(JSON.stringify(event) + "\n");
const failure = (error) => ({ error: { code: error?.code ?? -1, message: error?.message ?? String(error) } });

function connect({ client, url, token, tokens }) {
  const options = { websocket: WebSocket, token, minReconnectDelay: 50, maxReconnectDelay: 500 };
  if (tokens) options.getToken = async () => tokens.shift() ?? "";
  const centrifuge = new Speaker(url, options);
  clients.set(client, centrifuge);
  for (const name of ["connecting", "connected", "disconnected"]) {
    centrifuge.on(name, (context) => say({ client, event: name, code: context.code, reason: context.reason }));
  }
  centrifuge.on("error", (context) => say({ client, event: "error", ...failure(context.error) }));
  centrifuge.connect();
}

function subscribe({ client, channel, since }) {
  const subscription = clients.get(client).newSubscription(channel, since ? { since } : {});
  for (const name of ["subscribing", "unsubscribed"]) {
    subscription.on(name, (context) => say({ client, channel, event: name, code: context.code }));
  }
  subscription.on("subscribed", ({ recovered, wasRecovering, streamPosition }) =>
    say({ client, channel, event: "subscribed", recovered, wasRecovering, position: streamPosition }));
  subscription.on("publication", ({ data, offset }) =>
    say({ client, channel, event: "publication", data: unpack(data), offset: Number(offset) }));
  subscription.on("error", (context) => say({ client, channel, event: "error", ...failure(context.error) }));
  subscription.subscribe();
}

const verbs = {
  connect,
  subscribe,
  unsubscribe: ({ client, channel }) => clients.get(client).getSubscription(channel).unsubscribe(),
  publish: ({ client, channel, data }) => clients.get(client).publish(channel, pack(data)),
  rpc: async ({ client, method, data }) => ({ data: unpack((await clients.get(client).rpc(method, pack(data))).data) }),
  send: ({ client, data }) => clients.get(client).send(pack(data)),
  history: ({ client, channel, options }) => clients.get(client).history(channel, options),
  presence: ({ client, channel }) => clients.get(client).presence(channel),
  disconnect: ({ client }) => clients.get(client).disconnect(),
};

readline.createInterface({ input: process.stdin }).on("line", async (line) => {
  const command = JSON.parse(line);
  try {
    say({ answer: command.number, result: (await verbs[command.verb](command)) ?? null });
  } catch (error) {
    say({ answer: command.number, ...failure(error) });
  }
}).on("close", () => process.exit(0));
