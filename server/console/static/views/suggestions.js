import { html, useEffect, useState } from '../html.js';
import { api } from '../keys.js';
import { T } from '../texts.js';

const SOON_MS = 400;
const MOST = 2;
const QUERY_CHARACTERS = 200;

// The last thing that was asked, by whoever the conversation is with.
const question = (talk) => talk.list().findLast((message) => message.text
  && (message.author_kind === 'contact' || message.author_id === talk.thread.created_by));

// Articles with some of these words, the nearest first.
async function nearest({ text, language }) {
  const words = [...new Set(text.match(/[\p{L}\p{N}]{3,}/gu) || [])].join(' or ').slice(0, QUERY_CHARACTERS);
  if (!words) return [];
  const spoken = language ? `&language=${language}` : '';
  return (await api('GET', `/assistant/articles?enabled=true&limit=${MOST}${spoken}&q=${encodeURIComponent(words)}`)).articles;
}

// What the assistant would answer from, for the person who answers: nothing is sent until they send it.
export function Suggestions({ talk, onUse }) {
  const [articles, setArticles] = useState([]);
  const asked = question(talk);
  useEffect(() => {
    if (!asked) return undefined;
    const soon = setTimeout(() => nearest(asked).then(setArticles).catch(() => setArticles([])), SOON_MS);
    return () => clearTimeout(soon);
  }, [asked?.id, asked?.language]);
  if (!articles.length) return null;
  return html`<section><h3>${T.suggested}</h3><ul class="suggestions">${articles.map(({ id, title, text }) => html`<li key=${id}>
    <strong>${title}</strong><p>${text}</p><button class="plain" onClick=${() => onUse(text)}>${T.useAnswer}<span class="sr"> ${title}</span></button></li>`)}</ul></section>`;
}
