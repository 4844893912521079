import { html } from '../html.js';
import { T } from '../texts.js';

// The message as a phone shows it, while it is written. Variables are put in where they are known, else marked.
const MARKS = { B: 'b', STRONG: 'b', I: 'i', EM: 'i', U: 'u', INS: 'u', S: 's', STRIKE: 's', DEL: 's', CODE: 'code', PRE: 'pre', BLOCKQUOTE: 'blockquote' };
const WRITTEN = /(\{\{.*?\}\}|\{%.*?%\})/s;
const VARIABLE = /^\{\{\s*(\w+)/;

function Filled({ text, values }) {
  return text.split(WRITTEN).map((part) => {
    if (part.startsWith('{%')) return html`<span class="chip">${part.slice(2, -2).trim()}</span>`;
    const found = part.match(VARIABLE);
    if (!found) return part;
    return values[found[1]] ?? html`<span class="chip">${found[1]}</span>`;
  });
}

// Only Telegram's own tags become elements; whatever else stands there is shown as words.
function Marked({ node, values }) {
  return [...node.childNodes].map((child, index) => {
    if (child.nodeType === Node.TEXT_NODE) return html`<${Filled} key=${index} text=${child.nodeValue} values=${values} />`;
    const inner = html`<${Marked} key=${index} node=${child} values=${values} />`;
    if (child.tagName === 'A') return html`<a key=${index}>${inner}</a>`;
    const Tag = MARKS[child.tagName];
    return Tag ? html`<${Tag} key=${index}>${inner}</${Tag}>` : inner;
  });
}

// A text as Telegram shows it: with its marks where it is HTML, else as it stands.
export function Shown({ text, isHtml, values = {} }) {
  if (!isHtml) return html`<${Filled} text=${text} values=${values} />`;
  return html`<${Marked} node=${new DOMParser().parseFromString(text, 'text/html').body} values=${values} />`;
}

export function Bubble({ variant, defaults, person }) {
  const values = { ...defaults, ...(person?.name && { name: person.name }) };
  return html`<figure class="phone"><figcaption class="quiet">${T.preview}</figcaption>
    <div class="bubble">${(variant.photo || variant.document) && html`<p class="media">${variant.photo ? T.photo : T.file}</p>`}
      <p><${Shown} text=${variant.text} isHtml=${variant.parse_mode === 'HTML'} values=${values} /></p></div>
    ${(variant.buttons || []).map((row, index) => html`<p key=${index} class="keys">${row.map((button, place) => html`<span key=${place}>${button.text}${button.url ? ' ↗' : ''}</span>`)}</p>`)}</figure>`;
}
