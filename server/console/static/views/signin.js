import { html, useState } from '../html.js';
import { signIn } from '../keys.js';
import { T } from '../texts.js';

export function SignIn({ onIn }) {
  const [fault, setFault] = useState('');
  const [busy, setBusy] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    const { email, password } = event.target.elements;
    setBusy(true);
    setFault('');
    try {
      onIn(await signIn(email.value, password.value));
    } catch (error) {
      setBusy(false);
      setFault(error.message);
    }
  };
  return html`<main class="lone"><form class="card" onSubmit=${submit}>
    <img src="/console/mark.svg" alt="" width="44" height="44" />
    <h1>${T.welcome}</h1><p class="quiet">${T.welcomeMore}</p>
    <label>${T.email}<input name="email" type="email" autocomplete="username" required /></label>
    <label>${T.password}<input name="password" type="password" autocomplete="current-password" required /></label>
    ${fault && html`<p class="fault" role="alert">${fault}</p>`}
    <button class="main" disabled=${busy}>${T.signIn}</button>
  </form></main>`;
}
