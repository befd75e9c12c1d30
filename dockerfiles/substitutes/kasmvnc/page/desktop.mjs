// Shows the desktop in the whole window and connects again whenever the connection ends. The screen takes the window's
// size; with ?resize=scale it keeps its own and is scaled.
import RFB from './core/rfb.js';

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;
const screen = document.getElementById('screen');
const message = document.getElementById('status');
const remote = new URLSearchParams(location.search).get('resize') !== 'scale';
let wait = FIRST_WAIT_MS;
let rfb;

function show(text) {
  message.textContent = text;
  message.hidden = text === '';
  document.documentElement.dataset.state = text === '' ? 'connected' : 'waiting';
}

// The browser gives its clipboard to pages over HTTPS only (and over localhost), and may ask the user.
async function sendClipboard() {
  try {
    rfb.clipboardPasteFrom(await navigator.clipboard.readText());
  } catch {
    // Not allowed: then the desktop has a clipboard of its own.
  }
}

function connect() {
  const url = new URL('websockify', location.href);
  url.protocol = url.protocol.replace('http', 'ws');
  url.search = '';
  rfb = new RFB(screen, url.href, { shared: true });
  rfb.background = 'transparent';
  rfb.scaleViewport = true;
  rfb.resizeSession = remote;
  rfb.addEventListener('connect', () => {
    wait = FIRST_WAIT_MS;
    show('');
    rfb.focus();
  });
  rfb.addEventListener('disconnect', () => {
    show('Connecting …');
    setTimeout(connect, wait);
    wait = Math.min(wait * 2, LONGEST_WAIT_MS);
  });
  rfb.addEventListener('clipboard', (event) => {
    navigator.clipboard?.writeText(event.detail.text).catch(() => undefined);
  });
}

window.addEventListener('focus', sendClipboard);
connect();
