import { html, useEffect, useRef, useState } from '../html.js';
import { api } from '../keys.js';
import { T } from '../texts.js';
import { Audience, People } from './audience.js';
import { Content } from './content.js';
import { Schedule } from './schedule.js';
import { Start, Trial } from './starting.js';

const SAVE_MS = 500;
const FIELDS = ['name', 'content', 'audience', 'schedule', 'ignores_cap'];

const fieldsOf = (campaign) => Object.fromEntries(FIELDS.map((name) => [name, campaign[name]]));

// What is written is saved soon after; what was saved last is what counts and samples are about.
function useDraft(campaign, onAnew) {
  const [draft, setDraft] = useState(() => fieldsOf(campaign));
  const [saving, setSaving] = useState({ word: '', fault: '' });
  const at = useRef({ draft, saved: draft, timer: null, busy: null, onAnew });
  at.current.onAnew = onAnew;
  const save = async () => {
    clearTimeout(at.current.timer);
    await at.current.busy;
    const { draft: now, saved } = at.current;
    const part = Object.fromEntries(FIELDS.filter((name) => now[name] !== saved[name]).map((name) => [name, now[name]]));
    if (!Object.keys(part).length) return true;
    setSaving({ word: T.sending, fault: '' });
    at.current.busy = api('PATCH', `/broadcast/campaign/${campaign.id}`, part).then(() => {
      at.current.saved = now;
      setSaving({ word: T.saved, fault: '' });
      at.current.onAnew();
      return true;
    }).catch((error) => { setSaving({ word: '', fault: error.message }); return false; });
    return at.current.busy;
  };
  const put = (part) => {
    at.current.draft = { ...at.current.draft, ...part };
    setDraft(at.current.draft);
    setSaving({ word: '', fault: '' });
    clearTimeout(at.current.timer);
    at.current.timer = setTimeout(save, SAVE_MS);
  };
  useEffect(() => () => { save(); }, []); // who leaves at once has it saved, too
  return { draft, put, save, saving, saved: at.current.saved };
}

// How many it would reach, and what some of them would read; of what was saved last.
function useReach(campaign, saved) {
  const [reach, setReach] = useState(null);
  const read = () => api('GET', `/broadcast/campaign/${campaign.id}/audience`).then((found) => { setReach(found); return found; });
  useEffect(() => { read().catch(() => {}); }, [saved]);
  return [reach, read];
}

export function Editor({ campaign, onAnew }) {
  const { draft, put, save, saving, saved } = useDraft(campaign, onAnew);
  const [reach, readReach] = useReach(campaign, saved);
  return html`<div class="editor"><div class="steps">
      <section class="panel"><h2><b class="step">1</b>${T.what}</h2>
        <label>${T.campaignName}<input value=${draft.name} maxlength="200" onInput=${(event) => put({ name: event.target.value })} /></label>
        <${Content} content=${draft.content} onChange=${(content) => put({ content })} sample=${reach?.sample || []} /></section>
      <section class="panel"><h2><b class="step">2</b>${T.whom}</h2>
        <${Audience} rule=${draft.audience} reach=${reach} onChange=${(audience) => put({ audience })} /></section>
      <section class="panel"><h2><b class="step">3</b>${T.when}</h2>
        <${Schedule} schedule=${draft.schedule} onChange=${(schedule) => put({ schedule })} />
        <label class="tick"><input type="checkbox" checked=${draft.ignores_cap} onChange=${(event) => put({ ignores_cap: event.target.checked })} />${T.ignoresCap}</label></section></div>
    <section class="beside" aria-label=${T.startPart}><${People} reach=${reach} content=${saved.content} />
      <${Trial} campaign=${campaign} reach=${reach} save=${save} />
      ${campaign.allows.includes('start') && html`<${Start} campaign=${campaign} draft=${draft} reach=${reach} save=${save} readReach=${readReach} onStarted=${onAnew} />`}
      <p class="saving" role="status">${saving.fault ? html`<span class="fault">${T.notSaved}: ${saving.fault}</span>` : saving.word}</p></section></div>`;
}
