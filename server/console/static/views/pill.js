import { html } from '../html.js';
import { T } from '../texts.js';

// The state of a campaign, in a word.
export function Pill({ campaign }) {
  return html`<span class=${`pill is-${campaign.state}`}>${T.states[campaign.state]}</span>`;
}
