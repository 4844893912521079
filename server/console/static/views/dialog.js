import { html, useEffect, useRef } from '../html.js';

// A question that has to be answered first; Escape is a no, and the focus goes back to where it was.
export function Dialog({ label, onClose, children }) {
  const box = useRef(null);
  useEffect(() => {
    const node = box.current;
    node.showModal();
    return () => node.close(); // which gives the focus back
  }, []);
  return html`<dialog ref=${box} aria-label=${label} onClose=${onClose}><h2>${label}</h2>${children}</dialog>`;
}
