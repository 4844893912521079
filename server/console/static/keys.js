// The keys of a session. The access token lives in memory; the refresh token in a cookie that no script can read.
// What is kept here says only that there may be one. All tabs share a session, and whose it is.
const KEPT = 'parley.signed-in';
let access = '';
let owner = '';
let goodUntil = 0;
let renewing = null;
let onEnd = () => {};

export class Refused extends Error {
  constructor(status, said) {
    super(said.detail || said.code || 'refused');
    Object.assign(this, { status, code: said.code, retryable: status === 429 || status >= 500 });
  }
}

export const whenEnded = (then) => { onEnd = then; };
export const isKept = () => Boolean(localStorage.getItem(KEPT));

function keep(said) {
  if (owner && owner !== said.user.id) { // somebody else signed in, in another tab: nothing of the one is said by the other
    location.reload();
    throw new Error('somebody else signed in');
  }
  owner = said.user.id;
  access = said.access_token;
  goodUntil = Date.now() + (said.expires_in - 30) * 1000;
  localStorage.setItem(KEPT, 'yes');
  return said.user;
}

function forget() {
  access = '';
  owner = '';
  localStorage.removeItem(KEPT);
}

async function ask(method, path, body, token) {
  const headers = body === undefined ? {} : { 'content-type': 'application/json' };
  if (token) headers.authorization = `Bearer ${token}`;
  const answer = await fetch(path, {
    method, headers, body: body === undefined ? undefined : JSON.stringify(body), signal: AbortSignal.timeout(15000),
  });
  if (answer.status === 204) return null;
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(answer.status, said);
  return said;
}

export const signIn = async (email, password) => keep(await ask('POST', '/auth/login', { email, password, in_cookie: true }));

export async function signOut() {
  await ask('POST', '/auth/logout', {}).catch(() => {});
  forget();
}

// Refresh tokens are good once, so whoever asks at the same time shares one renewal.
function renew() {
  renewing ??= ask('POST', '/auth/refresh', {})
    .then(keep)
    .catch((error) => {
      if (error.status === 401) { forget(); onEnd(); }
      throw error;
    })
    .finally(() => { renewing = null; });
  return renewing;
}

export async function token(fresh = false) {
  if (fresh || !access || Date.now() > goodUntil) await renew();
  return access;
}

// A file, whole: an <img> cannot say who asks for it.
export async function fetched(path, within_ms = 60000) {
  const answer = await fetch(path, { headers: { authorization: `Bearer ${await token()}` }, signal: AbortSignal.timeout(within_ms) });
  if (!answer.ok) throw new Refused(answer.status, await answer.json().catch(() => ({})));
  return answer.blob();
}

// A file as the body of a request; an import may be long, and is written while it is read.
export async function sentText(path, file, type) {
  const headers = { authorization: `Bearer ${await token()}`, 'content-type': type };
  const answer = await fetch(path, { method: 'POST', headers, body: file, signal: AbortSignal.timeout(600000) });
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(answer.status, said);
  return said;
}

// A file on its way up, to be posted in this thread; the id that it has there.
export async function sendUp(thread, file) {
  const path = `/chat/file?thread_id=${thread}&name=${encodeURIComponent([...file.name].slice(-200).join(''))}`;
  return (await sentText(path, file, file.type || 'application/octet-stream')).id;
}

export async function api(method, path, body) {
  try {
    return await ask(method, path, body, await token());
  } catch (error) {
    if (error.status !== 401 || !isKept()) throw error;
    return ask(method, path, body, await token(true));
  }
}
