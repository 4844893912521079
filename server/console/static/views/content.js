import { html, useState } from '../html.js';
import { T } from '../texts.js';
import { Bubble } from './bubble.js';

const LANGUAGE = /^[a-z]{2,3}(-[a-z0-9]{2,8})?$/;

function Languages({ content, chosen, onChoose, onChange }) {
  const [adding, setAdding] = useState(false);
  const names = Object.keys(content.variants);
  const add = (event) => {
    event.preventDefault();
    const name = event.target.elements.language.value.trim().toLowerCase();
    if (!LANGUAGE.test(name) || content.variants[name]) return;
    const { text } = content.variants[chosen];
    onChange({ ...content, fallback_language: content.fallback_language || chosen, variants: { ...content.variants, [name]: { text } } });
    onChoose(name);
    setAdding(false);
  };
  return html`<div class="languages" role="group" aria-label=${T.languages}>
    ${names.map((name) => html`<button key=${name} class="plain" aria-pressed=${name === chosen} onClick=${() => onChoose(name)}>${T.languageName(name)}</button>`)}
    ${adding ? html`<form class="tagging" onSubmit=${add}><input name="language" size="5" aria-label=${T.languageCode} placeholder="de" ref=${(input) => input?.focus()} /><button class="plain">${T.add}</button></form>`
    : html`<button class="plain add" onClick=${() => setAdding(true)}>${T.addLanguage}</button>`}</div>`;
}

function Buttons({ rows, onChange }) {
  const flat = rows.flat();
  const put = (buttons) => onChange(buttons.map((button) => [button]));
  const at = (index, part) => put(flat.map((button, place) => (place === index ? part : button)));
  // Without an address a button sends its own text: what people press comes into their thread.
  const made = (text, url) => (url ? { text, url } : { text, data: shortened(text) || '-' });
  return html`<ul class="conditions">${flat.map((button, index) => html`<li key=${index} class="condition">
      <input aria-label=${T.buttonText} placeholder=${T.buttonText} value=${button.text} onInput=${(event) => at(index, made(event.target.value, button.url))} />
      <input aria-label=${T.buttonUrl} placeholder=${T.buttonUrl} type="url" value=${button.url || ''} onInput=${(event) => at(index, made(button.text, event.target.value))} />
      <button class="plain icon" aria-label=${T.removeButton} onClick=${() => put(flat.filter((_, place) => place !== index))}>×</button></li>`)}</ul>
    <button class="plain add" onClick=${() => put([...flat, made(T.firstButton, '')])}>${T.addButton}</button>`;
}

// 64 bytes are what Telegram carries for a button; no letter is cut in two.
function shortened(text) {
  let kept = [...text].slice(0, 64);
  while (new TextEncoder().encode(kept.join('')).length > 64) kept = kept.slice(0, -1);
  return kept.join('');
}

function Default({ content, onChange }) {
  const put = (name) => onChange({ ...content, defaults: { ...content.defaults, name } });
  const drop = () => { const { name: _, ...defaults } = content.defaults; onChange({ ...content, defaults }); };
  return html`<label>${T.defaultName}<input value=${content.defaults?.name || ''} maxlength="100"
    onInput=${(event) => (event.target.value ? put(event.target.value) : drop())} /></label>`;
}

export function Content({ content, onChange, sample }) {
  const names = Object.keys(content.variants);
  const [language, setLanguage] = useState(content.fallback_language || names[0]);
  const chosen = content.variants[language] ? language : names[0];
  const variant = content.variants[chosen];
  const put = (part) => onChange({ ...content, variants: { ...content.variants, [chosen]: { ...variant, ...part } } });
  const remove = () => {
    const { [chosen]: _, ...variants } = content.variants;
    const fallback = content.fallback_language === chosen ? Object.keys(variants)[0] : content.fallback_language;
    onChange({ ...content, variants, fallback_language: fallback });
  };
  return html`<${Languages} content=${content} chosen=${chosen} onChoose=${setLanguage} onChange=${onChange} />
    <div class="writing"><div class="words">
      <label>${T.messageText}<textarea rows="6" value=${variant.text} onInput=${(event) => put({ text: event.target.value })}></textarea></label>
      <p class="quiet">${T.variablesHint}</p>
      <label class="tick"><input type="checkbox" checked=${variant.parse_mode === 'HTML'} onChange=${(event) => put({ parse_mode: event.target.checked ? 'HTML' : 'plain' })} />${T.formatted}</label>
      <${Buttons} rows=${variant.buttons || []} onChange=${(buttons) => put({ buttons })} />
      <${Default} content=${content} onChange=${onChange} />
      ${names.length > 1 && html`<p class="row">${chosen === content.fallback_language ? html`<span class="quiet">${T.isFallback}</span>`
    : html`<button class="plain" onClick=${() => onChange({ ...content, fallback_language: chosen })}>${T.makeFallback}</button>`}
        <button class="plain" onClick=${remove}>${T.removeLanguage(T.languageName(chosen))}</button></p>`}</div>
    <${Bubble} variant=${variant} defaults=${content.defaults || {}} person=${sample[0]} /></div>`;
}
