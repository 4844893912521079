import { html, useEffect, useState } from '../html.js';
import { api } from '../keys.js';
import { state } from '../state.js';
import { T } from '../texts.js';
import { day, time } from './moments.js';
import { Suggestions } from './suggestions.js';

const SOON_MS = 400;

function Fact({ name, children }) {
  return html`<div><dt>${name}</dt><dd>${children}</dd></div>`;
}

function Contact({ contact }) {
  return html`<section><h3>${T.contact}</h3><dl class="facts">
    <${Fact} name=${T.name}>${contact.name || T.somebody}</${Fact}><${Fact} name=${T.chat}>${contact.chat_id}</${Fact}>
    ${contact.language && html`<${Fact} name=${T.language}>${T.languageName(contact.language)}</${Fact}>`}
    ${contact.tags.length > 0 && html`<${Fact} name=${T.tags}><span class="tags">${contact.tags.map((tag) => html`<i key=${tag}>${tag}</i>`)}</span></${Fact}>`}
    ${Object.entries(contact.attributes).map(([name, value]) => html`<${Fact} key=${name} name=${name}>${String(value)}</${Fact}>`)}
    ${contact.seen_at && html`<${Fact} name=${T.lastWrote}>${day(contact.seen_at)}, ${time(contact.seen_at)}</${Fact}>`}</dl>
    ${contact.opted_out && html`<p class="warning">${T.optedOut}</p>`}${contact.blocked && html`<p class="warning">${T.hasBlocked}</p>`}</section>`;
}

function Visitor({ talk, contact }) {
  const { thread } = talk;
  const language = talk.list().findLast((message) => message.author_id === thread.created_by && message.language)?.language || thread.last_message?.language;
  return html`<section><h3>${T.visitor}</h3><dl class="facts"><${Fact} name=${T.name}>${state.names.get(thread.created_by) || T.somebody}</${Fact}>
    ${language && html`<${Fact} name=${T.language}>${T.languageName(language)}</${Fact}>`}
    ${contact?.tags.length > 0 && html`<${Fact} name=${T.tags}><span class="tags">${contact.tags.map((tag) => html`<i key=${tag}>${tag}</i>`)}</span></${Fact}>`}
    <${Fact} name=${T.since}>${day(thread.created_at)}</${Fact}></dl>${contact?.opted_out && html`<p class="warning">${T.optedOut}</p>`}</section>`;
}

// Why the assistant said what it said: the way it went, and how near which article came.
function Decision({ decision, question }) {
  return html`<li class="decision">${question && html`<p class="asked">${question.text}</p>`}
    <p><strong>${T.paths[decision.path] || decision.path}</strong></p>
    ${decision.articles.length > 0 && html`<ul class="near">${decision.articles.slice(0, 3).map((article) => html`<li key=${article.id}>
      <span>${article.title}</span><meter min="0" max="1" value=${article.score} aria-label=${T.nearness(article.title)}></meter><span class="quiet">${article.score.toFixed(2)}</span></li>`)}</ul>`}
    ${decision.reason && html`<p class="quiet">${decision.reason}</p>`}
    <p class="quiet">${[T.languageName(decision.language), decision.model || T.carriers[decision.carrier] || decision.carrier, T.took(decision.latency_ms)].join(' · ')}
      ${decision.is_helpful === null ? '' : ` · ${decision.is_helpful ? T.helped : T.helpedNot}`}</p></li>`;
}

function useReadings(talk) {
  const [contact, setContact] = useState(null);
  const [decisions, setDecisions] = useState([]);
  const { id, kind } = talk.thread;
  const newest = talk.last();
  useEffect(() => {
    if (kind === 'telegram' || kind === 'support') api('GET', `/bot/contacts?thread_id=${id}`).then((page) => setContact(page.contacts[0] || null)).catch(() => {});
  }, [id]);
  useEffect(() => {
    const soon = setTimeout(() => api('GET', `/assistant/decisions?thread_id=${id}&limit=10`).then((page) => setDecisions(page.decisions)).catch(() => {}), SOON_MS);
    return () => clearTimeout(soon);
  }, [id, newest, talk.thread.waiting_since]);
  return { contact, decisions };
}

function held(thread) {
  if (thread.handled_by === state.me.id) return T.yours;
  if (thread.handled_by) return T.heldBy(state.names.get(thread.handled_by) || T.somebody);
  return thread.waiting_since ? T.waitsSince(time(thread.waiting_since)) : T.heldByAssistant;
}

export function About({ talk, onUse }) {
  const { contact, decisions } = useReadings(talk);
  return html`<section class="about" aria-label=${T.about}>
    <section><h3>${T.lookedAfter}</h3><p>${held(talk.thread)}</p></section>
    ${contact?.channel === 'telegram' ? html`<${Contact} contact=${contact} />` : html`<${Visitor} talk=${talk} contact=${contact} />`}
    <${Suggestions} talk=${talk} onUse=${onUse} />
    <section><h3>${T.assistantWhy}</h3>${!decisions.length && html`<p class="quiet">${T.noDecisions}</p>`}
      <ol class="decisions">${decisions.map((decision) => html`<${Decision} key=${decision.question_id} decision=${decision} question=${talk.messages.get(decision.question_id)} />`)}</ol></section></section>`;
}
