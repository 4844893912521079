import { html } from '../html.js';

// Drawn on 24 by 24, in the colour of the words beside them.
const PATHS = {
  inbox: 'M3 13l3-8h12l3 8v6H3zM3 13h5l1.5 3h5L16 13h5',
  campaigns: 'M4 10v4h3l9 5V5l-9 5zM19 9.5a3.5 3.5 0 010 5M8 14.5V19h3v-3',
  contacts: 'M5 3h14v18H5zM12 12a2.5 2.5 0 100-5 2.5 2.5 0 000 5zM8 17c.8-2 2.2-3 4-3s3.2 1 4 3',
  articles: 'M12 6c-2-1.5-5-2-8-2v14c3 0 6 .5 8 2 2-1.5 5-2 8-2V4c-3 0-6 .5-8 2zM12 6v14',
  people: 'M9 11a3.5 3.5 0 100-7 3.5 3.5 0 000 7zM2.5 20c.8-4 3.2-6 6.5-6s5.7 2 6.5 6M16 4.300a3.5 3.5 0 010 6.400M18 14.500c2 .8 3.2 2.6 3.6 5.5',
  keys: 'M14 10a4 4 0 11-8 0 4 4 0 018 0zM13 12.500L20.5 20M17 16.500l2-2',
  status: 'M3 12h4l2.5-7 5 14L17 12h4',
  telegram: 'M21 4L3 11l6 2.500L18 7l-7 8v5l3-3.5 4 3z',
  out: 'M14 4H5v16h9M10 12h11M17.5 8.500L21 12l-3.5 3.5',
};

export function Icon({ name, size = 21 }) {
  return html`<svg class="icon" viewBox="0 0 24 24" width=${size} height=${size} aria-hidden="true"><path d=${PATHS[name]} /></svg>`;
}
