import { html, useEffect, useState } from '../html.js';
import { fetched } from '../keys.js';
import { T } from '../texts.js';

// Where the file of a message is: with us, or still with Telegram.
function pathOf(message) {
  if (message.payload?.file) return `/chat/file/${message.payload.file}`;
  return message.payload?.file_id ? `/bot/file/${message.id}` : null;
}

function Photo({ path, tell }) {
  const [url, setUrl] = useState('');
  useEffect(() => {
    let made = '';
    let isGone = false;
    fetched(path).then((blob) => { if (!isGone) setUrl(made = URL.createObjectURL(blob)); }).catch(tell);
    return () => { isGone = true; URL.revokeObjectURL(made); };
  }, [path]);
  return url ? html`<img class="photo" src=${url} alt=${T.file} />` : html`<p class="gone">${T.file} …</p>`;
}

// Hand a file to the person, under this name.
export function save(blob, name) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

function Other({ path, name, tell }) {
  return html`<button onClick=${() => fetched(path).then((blob) => save(blob, name)).catch(tell)}>↓ ${name}</button>`;
}

export function Attachment({ message, tell }) {
  const path = pathOf(message);
  if (!path) return null;
  if (message.kind === 'photo') return html`<${Photo} path=${path} tell=${tell} />`;
  return html`<${Other} path=${path} name=${message.payload.file_name || message.kind} tell=${tell} />`;
}
