import { html } from '../html.js';

// Drawn on 24 by 24, in the colour of the words beside them.
const PATHS = {
  inbox: 'M3 13l3-8h12l3 8v6H3zM3 13h5l1.5 3h5L16 13h5',
  campaigns: 'M4 10v4h3l9 5V5l-9 5zM19 9.5a3.5 3.5 0 010 5M8 14.5V19h3v-3',
  contacts: 'M5 3h14v18H5zM12 12a2.5 2.5 0 100-5 2.5 2.5 0 000 5zM8 17c.8-2 2.200-3 4-3s3.200 1 4 3',
  articles: 'M12 6c-2-1.500-5-2-8-2v14c3 0 6 .5 8 2 2-1.500 5-2 8-2V4c-3 0-6 .5-8 2zM12 6v14',
  people: 'M9 11a3.500 3.500 0 100-7 3.500 3.500 0 000 7zM2.500 20c.8-4 3.200-6 6.500-6s5.700 2 6.500 6M16 4.300a3.500 3.500 0 010 6.400M18 14.500c2 .8 3.200 2.600 3.600 5.500',
  keys: 'M14 10a4 4 0 11-8 0 4 4 0 018 0zM13 12.500L20.500 20M17 16.500l2-2',
  status: 'M3 12h4l2.500-7 5 14L17 12h4',
  out: 'M14 4H5v16h9M10 12h11M17.500 8.500L21 12l-3.500 3.500',
};

export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 24 24" width="21" height="21" aria-hidden="true"><path d=${PATHS[name]} /></svg>`;
}
