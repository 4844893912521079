import { html, useEffect, useRef, useState } from '../html.js';
import { api } from '../keys.js';
import { go } from '../route.js';
import { state } from '../state.js';
import { T } from '../texts.js';
import { day, time } from './moments.js';

const SOON_MS = 250;
const KEY = '[a-z0-9][a-z0-9_.\\-]*';

// The key of a new article, out of its title: people need not think of one.
const keyOf = (title) => title.toLowerCase().normalize('NFKD').replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 60);

function Import({ onDone }) {
  const [said, setSaid] = useState('');
  const [fault, setFault] = useState('');
  const take = async (event) => {
    const given = [...event.target.files];
    event.target.value = '';
    setSaid('');
    setFault('');
    try {
      const files = await Promise.all(given.map(async (file) => ({ name: file.name, content: await file.text() })));
      setSaid(T.articlesIn(await api('POST', '/assistant/imports', { files })));
      onDone();
    } catch (error) { setFault(error.message); }
  };
  return html`<label class="filing second">${T.importArticles}<input type="file" multiple accept=".md,.csv" onChange=${take} /></label>
    ${said && html`<p class="made wholly" role="status">${said}</p>`}${fault && html`<p class="fault wholly" role="alert">${fault}</p>`}`;
}

function useArticles(tell) {
  const [asked, setAsked] = useState('');
  const [page, setPage] = useState(null);
  const number = useRef(0);
  const read = (cursor) => {
    const now = ++number.current;
    const wanted = new URLSearchParams({ ...(asked && { q: asked }), ...(cursor && { cursor }) });
    return api('GET', `/assistant/articles?${wanted}`).then((found) => {
      if (now === number.current) setPage((known) => (cursor ? { ...found, articles: [...known.articles, ...found.articles] } : found));
    }).catch(tell);
  };
  useEffect(() => { const soon = setTimeout(() => read(), SOON_MS); return () => clearTimeout(soon); }, [asked]);
  return { asked, setAsked, page, read };
}

function List() {
  const [fault, setFault] = useState('');
  const { asked, setAsked, page, read } = useArticles((error) => setFault(error.message));
  return html`<main class="page"><header class="head"><div><h1>${T.articles}</h1><p class="quiet">${T.articlesMore}</p></div>
      <div class="row"><button class="main" onClick=${() => go('articles', 'new')}>${T.newArticle}</button><${Import} onDone=${() => read()} /></div></header>
    <input type="search" aria-label=${T.searchArticles} placeholder=${T.searchArticles} onInput=${(event) => setAsked(event.target.value.trim())} />
    ${fault && html`<p class="fault" role="alert">${fault}</p>`}
    ${page && !page.articles.length && html`<div class="blank"><h2>${asked ? T.nothingHere : T.noArticles}</h2><p>${asked ? '' : T.noArticlesMore}</p></div>`}
    <ul class="rows">${(page?.articles || []).map((article) => html`<li key=${article.id}><a class="words" href=${`#/articles/${article.id}`}>
      <strong>${article.title}</strong><span class="quiet clipped">${article.text}</span></a>
      ${!article.enabled && html`<span class="pill">${T.notUsed}</span>`}<span class="tags"><i>${T.languageName(article.language)}</i></span></li>`)}</ul>
    ${page?.next && html`<button class="more" onClick=${() => read(page.next)}>${T.more}</button>`}</main>`;
}

function Versions({ article }) {
  const [versions, setVersions] = useState([]);
  useEffect(() => { api('GET', `/assistant/articles/${article.id}/versions`).then(setVersions).catch(() => {}); }, [article.version]);
  if (!versions.length) return null;
  return html`<details><summary>${T.earlierWordings(versions.length)}</summary><ol class="decisions">${versions.map((each) => html`<li key=${each.version} class="panel">
    <strong>${each.title}</strong><p>${each.text}</p><p class="quiet">${day(each.replaced_at)}, ${time(each.replaced_at)}</p></li>`)}</ol></details>`;
}

function Form({ article, onSaved }) {
  const [said, setSaid] = useState({});
  const save = async (event) => {
    event.preventDefault();
    const { title, text, enabled, language, key } = event.target.elements;
    const body = { title: title.value, text: text.value, enabled: enabled.checked };
    try {
      const whole = { ...body, language: language?.value.trim(), key: key?.value || keyOf(title.value) || crypto.getRandomValues(new Uint32Array(1))[0].toString(36) };
      onSaved(await (article ? api('PATCH', `/assistant/articles/${article.id}`, body) : api('POST', '/assistant/articles', whole)));
      setSaid({ word: T.saved });
    } catch (error) { setSaid({ fault: error.message }); }
  };
  return html`<form class="panel" onSubmit=${save}>
    <label>${T.articleTitle}<input name="title" required maxlength="200" defaultValue=${article?.title || ''} /></label>
    <label>${T.articleText}<textarea name="text" required rows="10" maxlength="3000" defaultValue=${article?.text || ''}></textarea></label>
    ${!article && html`<div class="row"><label>${T.languageCode}<input name="language" required minlength="2" maxlength="3" defaultValue="en" /></label>
      <label>${T.articleKey}<input name="key" pattern=${KEY} maxlength="100" placeholder=${T.fromTitle} /></label></div>`}
    <label class="tick"><input type="checkbox" name="enabled" defaultChecked=${article?.enabled ?? true} />${T.isUsed}</label>
    <div class="row"><button class="main">${T.save}</button><span role="status" class=${said.fault ? 'fault' : 'quiet'}>${said.fault || said.word || ''}</span></div></form>`;
}

function Article({ id }) {
  const [article, setArticle] = useState(null);
  const [fault, setFault] = useState('');
  const isNew = id === 'new';
  useEffect(() => { if (!isNew) api('GET', `/assistant/articles/${id}`).then(setArticle).catch((error) => setFault(error.message)); }, [id]);
  const saved = (now) => { if (isNew) go('articles', now.id); else setArticle(now); };
  return html`<main class="page"><a class="up" href="#/articles">‹ ${T.articles}</a>
    <h1>${article?.title || (isNew ? T.newArticle : T.loading)}</h1>
    ${article && html`<p class="quiet">${article.key} · ${T.languageName(article.language)}</p>`}
    ${fault && html`<p class="fault" role="alert">${fault}</p>`}
    ${(isNew || article) && html`<${Form} article=${article} onSaved=${saved} />`}
    ${article && html`<${Versions} article=${article} />`}</main>`;
}

export function Articles() {
  return state.item ? html`<${Article} key=${state.item} id=${state.item} />` : html`<${List} />`;
}
