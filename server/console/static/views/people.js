import { html, useEffect, useState } from '../html.js';
import { api } from '../keys.js';
import { state } from '../state.js';
import { T } from '../texts.js';

const ROLES = ['user', 'operator', 'admin'];

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
  return html`<main class="page"><h1>${T.people}</h1>
    <div class="seek"><input type="search" aria-label=${T.searchPeople} placeholder=${T.searchPeople} onInput=${(event) => setQ(event.target.value)} />
      <label class="tick"><input type="checkbox" checked=${guests} onChange=${(event) => setGuests(event.target.checked)} />${T.guests}</label></div>
    ${fault && html`<p class="fault" role="alert">${fault}</p>`}
    <ul class="rows">${people.map((person) => html`<li key=${person.id}>
      <div class="words"><strong>${person.name}</strong><span class="quiet">${person.email || T.guest}${person.banned_at ? ` · ${T.banned}` : ''}</span></div>
      <select aria-label=${`${T.role}: ${person.name}`} value=${person.role} disabled=${person.id === state.me.id || person.is_guest}
        onChange=${(event) => alter(person, { role: event.target.value }).catch(tell)}>${ROLES.map((role) => html`<option key=${role} value=${role}>${role}</option>`)}</select>
      <button disabled=${person.id === state.me.id} onClick=${() => alter(person, { is_banned: !person.banned_at }).catch(tell)}>${person.banned_at ? T.unban : T.ban}</button>
    </li>`)}</ul>
    ${next && html`<button class="more" onClick=${() => read(next).catch(tell)}>${T.more}</button>`}</main>`;
}
