import { html, useEffect, useState } from '../html.js';
import { api } from '../keys.js';
import { conditionsOf, KINDS, ruleOf, variantOf } from '../plans.js';
import { T } from '../texts.js';
import { Shown } from './bubble.js';

const LISTS = { tag: 'known-tags', no_tag: 'known-tags', channel: 'channels' };

function Condition({ row, onChange, onRemove }) {
  const put = (part) => onChange({ ...row, ...part });
  return html`<li class="condition"><select aria-label=${T.condition} value=${row.kind} onChange=${(event) => put({ kind: event.target.value, value: '' })}>
      ${KINDS.map((kind) => html`<option key=${kind} value=${kind}>${T.conditions[kind]}</option>`)}</select>
    ${row.kind === 'attribute' && html`<input aria-label=${T.attributeName} placeholder=${T.attributeName} value=${row.name || ''} onInput=${(event) => put({ name: event.target.value })} />
      <span aria-hidden="true">=</span>`}
    <input aria-label=${T.conditionValue[row.kind]} placeholder=${T.conditionValue[row.kind]} value=${row.value} list=${LISTS[row.kind]}
      type=${row.kind === 'active' ? 'number' : 'text'} min="1" onInput=${(event) => put({ value: event.target.value })} />
    <button class="plain icon" aria-label=${T.removeCondition} onClick=${onRemove}>×</button></li>`;
}

function Joined({ conditions, put }) {
  if (conditions.rows.length < 2) return null;
  return html`<label class="inline">${T.joined}<select value=${conditions.join} onChange=${(event) => put({ join: event.target.value })}>
    <option value="all">${T.joinAll}</option><option value="any">${T.joinAny}</option></select></label>`;
}

export function Audience({ rule, onChange }) {
  const [conditions, setConditions] = useState(() => conditionsOf(rule));
  const [tags, setTags] = useState([]);
  useEffect(() => { api('GET', '/bot/tags').then(setTags).catch(() => {}); }, []);
  const put = (part) => {
    const now = { ...conditions, ...part };
    setConditions(now);
    onChange(ruleOf(now));
  };
  if (!conditions) {
    return html`<p class="quiet">${T.ownRule}</p><code class="block">${JSON.stringify(rule)}</code>
      <button class="plain" onClick=${() => { setConditions({ join: 'all', rows: [] }); onChange({}); }}>${T.simpleAgain}</button>`;
  }
  const at = (index, row) => put({ rows: conditions.rows.map((each, place) => (place === index ? row : each)) });
  return html`${!conditions.rows.length && html`<p class="quiet">${T.everybody}</p>`}
    <${Joined} conditions=${conditions} put=${put} />
    <ul class="conditions">${conditions.rows.map((row, index) => html`<${Condition} key=${index} row=${row} onChange=${(now) => at(index, now)}
      onRemove=${() => put({ rows: conditions.rows.filter((_, place) => place !== index) })} />`)}</ul>
    <datalist id="known-tags">${tags.map(({ tag }) => html`<option key=${tag} value=${tag} />`)}</datalist>
    <datalist id="channels"><option value="telegram" /><option value="web" /></datalist>
    <button class="plain add" onClick=${() => put({ rows: [...conditions.rows, { kind: 'tag', value: '' }] })}>${T.addCondition}</button>
    <p class="quiet">${T.neverIn}</p>`;
}

// What one of them reads is filled in already: nothing in it is a variable any more.
function Read({ person, content }) {
  if (variantOf(content, person.language).parse_mode !== 'HTML') return person.text;
  return html`<${Shown} text=${person.text} isHtml=${true} />`;
}

export function People({ reach, content }) {
  if (!reach) return html`<p class="reach quiet">${T.counting}</p>`;
  return html`<div class="reach"><p aria-live="polite"><strong>${reach.count.toLocaleString(T.locale)}</strong> ${T.peopleCount(reach.count)}</p>
    ${!reach.count && html`<p class="quiet">${T.nobodyThere} <a href="#/contacts">${T.bringContacts}</a></p>`}
    ${reach.sample.length > 0 && html`<h3>${T.someRead}</h3><ul class="sample">${reach.sample.slice(0, 4).map((person) => html`<li key=${person.contact_id}>
      <span class="quiet">${person.name || T.somebody}${person.language ? ` · ${person.language}` : ''}</span>
      ${person.problem ? html`<p class="fault">${person.problem}</p>` : html`<p><${Read} person=${person} content=${content} /></p>`}</li>`)}</ul>`}</div>`;
}
