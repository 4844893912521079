// What the console shows, in one object; whoever draws is told when it changed.
export const state = {
  me: null, place: 'inbox', item: '', link: 'connecting', booting: true,
  box: 'waiting', query: '', tag: '', language: '', threads: new Map(), next: null, names: new Map(), here: new Set(),
  typing: new Map(), open: null, notice: null,
};

let draw = () => {};
let planned = false;

export const whenChanged = (then) => { draw = then; };

export function change(part = {}) {
  Object.assign(state, part);
  if (planned) return;
  planned = true;
  queueMicrotask(() => { planned = false; draw(); });
}
