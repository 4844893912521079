// Which place is shown stands in the address: a reload and the browser's own buttons keep it.
import { change } from './state.js';

export function go(place, item = '') {
  const hash = `#/${place}${item ? `/${item}` : ''}`;
  if (location.hash === hash) read(); else location.hash = hash;
}

export function read() {
  const [, place, item] = location.hash.split('/');
  change({ place: place || 'inbox', item: item || '' });
}
