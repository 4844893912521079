import { html, useEffect, useState } from '../html.js';
import { api } from '../keys.js';
import { state } from '../state.js';
import { T } from '../texts.js';

const ROLES = ['user', 'operator', 'admin'];

const LETTERS = 'abcdefghjkmnpqrstuvwxyz23456789';

// Twenty letters that are easy to read out: some 99 bits.
const password = () => [...crypto.getRandomValues(new Uint32Array(20))].map((number) => LETTERS[number % LETTERS.length]).join('');

async function found(email) {
  const page = await api('GET', `/auth/users?${new URLSearchParams({ q: email, limit: 50 })}`);
  return page.users.find((person) => person.email?.toLowerCase() === email.toLowerCase());
}

// An account with the role. Whoever has one already keeps their password.
async function admit(name, email, role) {
  const known = await found(email);
  const secret = known ? '' : password();
  if (!known) await api('POST', '/auth/register', { email, name, password: secret });
  const person = known || await found(email);
  if (!person) throw new Error(T.broken);
  await api('PATCH', `/auth/users/${person.id}`, { role });
  return secret;
}

function Invitation({ onDone }) {
  const [said, setSaid] = useState(null);
  const [busy, setBusy] = useState(false);
  const submit = (event) => {
    event.preventDefault();
    const form = event.target;
    const { name, email, role } = form.elements;
    setBusy(true);
    setSaid(null);
    admit(name.value.trim(), email.value.trim(), role.value)
      .then((secret) => { setSaid({ secret, email: email.value }); form.reset(); onDone(); })
      .catch((error) => setSaid({ fault: error.message })).finally(() => setBusy(false));
  };
  return html`<form class="panel" onSubmit=${submit}><h2>${T.invite}</h2><p class="quiet">${T.inviteMore}</p>
    <div class="row"><label>${T.name}<input name="name" required maxlength="100" autocomplete="off" /></label>
      <label>${T.email}<input name="email" type="email" required autocomplete="off" /></label>
      <label class="narrow">${T.role}<select name="role"><option value="operator">${T.roles.operator}</option><option value="admin">${T.roles.admin}</option></select></label>
      <button class="main" disabled=${busy}>${T.inviteNow}</button></div>
    ${said?.fault && html`<p class="fault" role="alert">${said.fault}</p>`}
    ${said && !said.fault && html`<div class="made" role="status">${said.secret ? html`<p>${T.invited(said.email)}</p><code>${said.secret}</code>` : T.invitedKnown(said.email)}</div>`}</form>`;
}

export function People() {
  const [people, setPeople] = useState([]);
  const [next, setNext] = useState(null);
  const [q, setQ] = useState('');
  const [guests, setGuests] = useState(false);
  const [fault, setFault] = useState('');
  const tell = (error) => setFault(error.message);
  const read = async (cursor) => {
    const asked = new URLSearchParams({ limit: 50, ...(q && { q }), ...(!guests && { is_guest: false }), ...(cursor && { cursor }) });
    const page = await api('GET', `/auth/users?${asked}`);
    setPeople(cursor ? [...people, ...page.users] : page.users);
    setNext(page.next);
  };
  useEffect(() => { read().catch(tell); }, [q, guests]);
  const alter = async (person, part) => {
    setFault('');
    const now = await api('PATCH', `/auth/users/${person.id}`, part);
    setPeople(people.map((each) => (each.id === now.id ? now : each)));
  };
  return html`<main class="page"><header class="head"><div><h1>${T.people}</h1><p class="quiet">${T.peopleMore}</p></div></header>
    <${Invitation} onDone=${() => read().catch(tell)} />
    <div class="seek"><input type="search" aria-label=${T.searchPeople} placeholder=${T.searchPeople} onInput=${(event) => setQ(event.target.value)} />
      <label class="tick"><input type="checkbox" checked=${guests} onChange=${(event) => setGuests(event.target.checked)} />${T.guests}</label></div>
    ${fault && html`<p class="fault" role="alert">${fault}</p>`}
    <ul class="rows">${people.map((person) => html`<li key=${person.id}>
      <div class="words"><strong>${person.name}</strong><span class="quiet">${person.email || T.guest}${person.banned_at ? ` · ${T.banned}` : ''}</span></div>
      <select aria-label=${`${T.role}: ${person.name}`} value=${person.role} disabled=${person.id === state.me.id || person.is_guest}
        onChange=${(event) => alter(person, { role: event.target.value }).catch(tell)}>${ROLES.map((role) => html`<option key=${role} value=${role}>${T.roles[role]}</option>`)}</select>
      <button disabled=${person.id === state.me.id} onClick=${() => alter(person, { is_banned: !person.banned_at }).catch(tell)}>${person.banned_at ? T.unban : T.ban}</button>
    </li>`)}</ul>
    ${next && html`<button class="more" onClick=${() => read(next).catch(tell)}>${T.more}</button>`}</main>`;
}
