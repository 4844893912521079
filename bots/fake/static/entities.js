// Text with Telegram's entities as nodes. Their offsets count UTF-16 units, as the strings here do.
const TAGS = { bold: 'strong', italic: 'em', underline: 'u', strikethrough: 's', code: 'code', pre: 'pre', blockquote: 'blockquote' };

function shell(entity) {
  if (entity.type === 'text_link') {
    const link = document.createElement('a');
    link.href = /^(https?|tg):/i.test(entity.url) ? entity.url : '#';
    link.target = '_blank';
    link.rel = 'noopener noreferrer';
    return link;
  }
  const tag = TAGS[entity.type];
  return tag ? document.createElement(tag) : null;
}

// The nodes of text[start, end) with these entities, the outer ones first.
function nodes(text, entities, start, end) {
  const made = [];
  let at = start;
  for (let index = 0; index < entities.length; index += 1) {
    const entity = entities[index];
    const until = entity.offset + entity.length;
    if (entity.offset < at) continue;
    const inner = entities.slice(index + 1).filter((other) => other.offset >= entity.offset && other.offset + other.length <= until);
    const node = shell(entity);
    if (!node) continue;
    if (entity.offset > at) made.push(text.slice(at, entity.offset));
    node.append(...nodes(text, inner, entity.offset, until));
    made.push(node);
    at = until;
  }
  if (end > at) made.push(text.slice(at, end));
  return made;
}

export function entitled(text, entities) {
  const ordered = [...entities].sort((one, other) => one.offset - other.offset || other.length - one.length);
  return nodes(text, ordered, 0, text.length);
}
