// How the widget looks. A page themes it with --parley-accent, --parley-paper, --parley-ink, --parley-font, --parley-radius.
const LOOK = `
:host { all: initial; --accent: var(--parley-accent, #2f6f5e); --on: var(--parley-on-accent, #fff); --paper: var(--parley-paper, #fff); --ink: var(--parley-ink, #1f2523);
  --soft: var(--parley-soft, #eeece6); --round: var(--parley-radius, 18px); font: 15px/1.5 var(--parley-font, system-ui, sans-serif); color: var(--ink); }
* { box-sizing: border-box; margin: 0; font: inherit; }
.open { position: fixed; right: 22px; bottom: 22px; width: 58px; height: 58px; border: 0; border-radius: 50%; background: var(--accent); color: var(--on);
  cursor: pointer; box-shadow: 0 8px 28px #0003; z-index: 2147483000; display: grid; place-items: center; }
.open svg { width: 28px; } .badge { position: absolute; top: -3px; right: -3px; min-width: 22px; padding: 0 6px; line-height: 22px; font-size: 12px; font-weight: 700;
  border-radius: 99px; background: #b3261e; color: #fff; } [hidden] { display: none !important; }
.window { position: fixed; right: 22px; bottom: 94px; width: min(372px, calc(100vw - 24px)); height: min(560px, calc(100dvh - 120px)); display: flex; flex-direction: column;
  background: var(--paper); border-radius: var(--round); overflow: hidden; box-shadow: 0 18px 60px #0000003d; z-index: 2147483000; }
header { display: flex; align-items: center; padding: 16px 18px; background: var(--accent); color: var(--on); } h2 { flex: 1; font-size: 16px; font-weight: 650; }
header button { border: 0; background: none; color: inherit; font-size: 22px; line-height: 1; cursor: pointer; padding: 4px 8px; border-radius: 8px; }
.log { flex: 1; overflow-y: auto; padding: 16px; display: flex; flex-direction: column; gap: 8px; }
.log p { max-width: 84%; padding: 9px 13px; border-radius: 15px; background: var(--soft); align-self: flex-start; white-space: pre-wrap; overflow-wrap: anywhere; }
.log p.own { align-self: flex-end; background: var(--accent); color: var(--on); } .log p.pending::after { content: ' …'; } .log p.gone { font-style: italic; }
.keys { display: flex; flex-wrap: wrap; gap: 6px; max-width: 84%; } .keys > * { padding: 5px 12px; border: 1px solid var(--accent); border-radius: 99px;
  background: none; color: inherit; cursor: pointer; text-decoration: none; }
.note { min-height: 20px; padding: 0 18px; font-size: 13px; color: #5d6663; }
form { display: flex; gap: 8px; padding: 8px 12px 14px; } textarea { flex: 1; min-width: 0; resize: none; padding: 9px 12px; border: 1px solid #8884; border-radius: 12px; background: var(--paper); color: inherit; }
form button { border: 0; border-radius: 12px; padding: 0 15px; background: var(--accent); color: var(--on); font-weight: 600; cursor: pointer; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; } header :focus-visible { outline-color: currentColor; }
@media (max-width: 480px) { .window { right: 0; bottom: 0; width: 100vw; height: 100dvh; border-radius: 0; } }
@media (prefers-color-scheme: dark) { :host { --paper: var(--parley-paper, #1c201f); --ink: var(--parley-ink, #e8ebe9); --soft: var(--parley-soft, #2a302e); } .note { color: #a2aca8; } }
`;
