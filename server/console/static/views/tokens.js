import { html, useEffect, useState } from '../html.js';
import { api } from '../keys.js';
import { T } from '../texts.js';
import { day } from './moments.js';

export function Tokens() {
  const [tokens, setTokens] = useState([]);
  const [made, setMade] = useState('');
  const [fault, setFault] = useState('');
  const tell = (error) => setFault(error.message);
  const read = () => api('GET', '/auth/tokens').then(setTokens).catch(tell);
  useEffect(() => { read(); }, []);
  const make = async (event) => {
    event.preventDefault();
    const { elements } = event.target;
    const days = Number(elements.days.value);
    try {
      const said = await api('POST', '/auth/tokens', { name: elements.name.value, ...(days && { expires_in_days: days }) });
      setMade(said.token);
      event.target.reset();
      read();
    } catch (error) { tell(error); }
  };
  const revoke = (token) => api('DELETE', `/auth/tokens/${token.id}`).then(read).catch(tell);
  return html`<main class="page"><h1>${T.keys}</h1>
    <form class="row" onSubmit=${make}><label>${T.tokenName}<input name="name" required maxlength="100" /></label>
      <label>${T.tokenDays}<input name="days" type="number" min="1" max="3650" placeholder=${T.noEnd} /></label><button class="main">${T.makeToken}</button></form>
    ${made && html`<p class="made" role="status">${T.tokenOnce}<code>${made}</code></p>`}
    ${fault && html`<p class="fault" role="alert">${fault}</p>`}
    ${!tokens.length && html`<p class="empty">${T.noTokens}</p>`}
    <ul class="rows">${tokens.map((token) => html`<li key=${token.id}><div class="words"><strong>${token.name}</strong>
      <span class="quiet">${token.prefix}… · ${token.role} · ${T.lastUsed} ${token.last_used_at ? day(token.last_used_at) : T.never} · ${T.expires} ${token.expires_at ? day(token.expires_at) : T.never}</span></div>
      <button onClick=${() => revoke(token)}>${T.revoke}</button></li>`)}</ul></main>`;
}
