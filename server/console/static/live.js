// The one socket of this tab, with the stock SDK, and whether it stands.
import { token } from './keys.js';
import { change } from './state.js';

const { Centrifuge } = window;
const { UnauthorizedError } = Centrifuge;
const AGAIN_MS = 1000;
let client = null;

export function connect(onUser) {
  const address = `${location.origin.replace('http', 'ws')}/connection/websocket`;
  const getToken = async () => {
    try {
      return await token(true);
    } catch (error) {
      throw error.status === 401 ? new UnauthorizedError(error.code) : error;
    }
  };
  token().then((first) => {
    client = new Centrifuge(address, { token: first, getToken, minReconnectDelay: 200, maxReconnectDelay: 3000 });
    client.on('connected', () => change({ link: 'up' }));
    client.on('connecting', () => change({ link: 'connecting' }));
    client.on('disconnected', ({ code }) => {
      change({ link: 'down' });
      if (code) setTimeout(resume, AGAIN_MS);
    });
    client.on('publication', ({ data }) => onUser(data));
    waiting.splice(0).forEach((then) => then());
    client.connect();
  }).catch(() => setTimeout(() => connect(onUser), 2000));
}

// The server ended it for good: with new keys it goes on; without them the session is over, and the asking says so.
async function resume() {
  try {
    const fresh = await token(true);
    client?.setToken(fresh);
    client?.connect();
  } catch (error) {
    if (error.status !== 401) setTimeout(resume, AGAIN_MS);
  }
}

const waiting = [];

// Listen to a channel; the answer ends it.
export function listen(channel, handlers, options = {}) {
  let gone = false;
  let subscription = null;
  const begin = () => {
    if (gone) return;
    subscription = client.getSubscription(channel) || client.newSubscription(channel, options);
    Object.entries(handlers).forEach(([event, then]) => subscription.on(event, then));
    subscription.subscribe();
  };
  if (client) begin(); else waiting.push(begin);
  return {
    end() { gone = true; if (subscription) client.removeSubscription(subscription); },
    presence: async () => (subscription ? Object.values((await subscription.presence()).clients) : []),
  };
}

export function say(data) { client?.send(data).catch(() => {}); }

export function disconnect() { client?.disconnect(); client = null; }
