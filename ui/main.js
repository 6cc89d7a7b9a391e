// The console's entry: puts the frame and the Live screen on the page and starts the feed.

import { html, render } from './vendor/preact.js';

import { Header } from './frame/header.js';
import { Help } from './frame/help.js';
import { listenToKeys } from './frame/keys.js';
import { Said } from './frame/say.js';
import { startLive } from './live/live.js';
import { LiveScreen } from './live/screen.js';

function App() {
  return html`<${Header} /><${LiveScreen} /><${Help} /><${Said} />`;
}

const root = document.getElementById('app');
if (root !== null) {
  root.replaceChildren();
  render(html`<${App} />`, root);
  listenToKeys();
  startLive();
}
