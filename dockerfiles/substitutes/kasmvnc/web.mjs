// Serves the page of the desktop and connects its WebSocket with the VNC server's socket. With KASMVNC_PASSWORD set,
// both take HTTP basic authentication.
import { createHash, timingSafeEqual } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, STATUS_CODES } from 'node:http';
import { connect } from 'node:net';
import { extname, join } from 'node:path';
import { pipeline } from 'node:stream';
import { createWebSocketStream, WebSocketServer } from 'ws';

const TYPES = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
};
const PING_INTERVAL_MS = 30_000;
const LARGEST_MESSAGE = 16 * 1024 * 1024;

/** All files below a folder, by the path that a browser asks for. In memory, so that a request never reads a file. */
function load(folder, prefix, files = new Map()) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    const type = TYPES[extname(path)];
    if (entry.isDirectory()) load(path, `${prefix}${entry.name}/`, files);
    else if (type !== undefined) files.set(prefix + entry.name, { body: readFileSync(path), type });
  }
  return files;
}

const digest = (text) => createHash('sha256').update(text).digest();

/** Says whether a request has the login; comparing digests takes the same time for every wrong one. */
function loginCheck(user, password) {
  if (!password) return () => true;
  const expected = digest(`Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`);
  return (request) => timingSafeEqual(digest(request.headers.authorization ?? ''), expected);
}

/** A page of another site must not reach the desktop with the login that the browser remembers. */
function sameOrigin({ headers }) {
  if (headers.origin === undefined) return true;
  if (!URL.canParse(headers.origin)) return false;
  return [headers.host, headers['x-forwarded-host']].includes(new URL(headers.origin).host);
}

function refuse(socket, status) {
  const challenge = status === 401 ? 'WWW-Authenticate: Basic realm="Desktop"\r\n' : '';
  const headers = `${challenge}Connection: close\r\nContent-Length: 0\r\n`;
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${headers}\r\n`);
}

function answer(files, request, response) {
  const path = request.url.split('?')[0];
  const file = files.get(path === '/' ? '/index.html' : path);
  if (!['GET', 'HEAD'].includes(request.method)) response.writeHead(405, { Allow: 'GET, HEAD' }).end();
  else if (file === undefined) response.writeHead(404).end();
  else {
    response.writeHead(200, {
      'Content-Type': file.type,
      'Content-Length': file.body.length,
      'Cache-Control': 'no-cache',
      'X-Content-Type-Options': 'nosniff',
      'X-Frame-Options': 'SAMEORIGIN',
    });
    response.end(request.method === 'GET' ? file.body : undefined);
  }
}

/** Ends a connection whose browser is gone without saying so. */
function keepAlive(webSocket) {
  let alive = true;
  const timer = setInterval(() => {
    if (!alive) webSocket.terminate();
    alive = false;
    webSocket.ping();
  }, PING_INTERVAL_MS);
  webSocket.on('pong', () => { alive = true; });
  webSocket.on('close', () => clearInterval(timer));
}

function serve({ address, port, files, vncSocket, mayEnter }) {
  const webSockets = new WebSocketServer({ noServer: true, maxPayload: LARGEST_MESSAGE, perMessageDeflate: false });
  const server = createServer((request, response) => {
    if (mayEnter(request)) answer(files, request, response);
    else response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="Desktop"' }).end();
  });
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    if (!mayEnter(request)) refuse(socket, 401);
    else if (!sameOrigin(request)) refuse(socket, 403);
    else if (request.url.split('?')[0] !== '/websockify') refuse(socket, 404);
    else webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      keepAlive(webSocket);
      const browser = createWebSocketStream(webSocket);
      pipeline(browser, connect(vncSocket), browser, () => webSocket.terminate());
    });
  });
  server.listen(port, address);
}

const folder = import.meta.dirname;
const novnc = join(folder, 'node_modules/@novnc/novnc');
const files = load(join(folder, 'page'), '/');
load(join(novnc, 'core'), '/core/', files);
load(join(novnc, 'vendor'), '/vendor/', files);
serve({
  address: process.argv[3],
  port: Number(process.env.KASMVNC_PORT),
  files,
  vncSocket: process.argv[2],
  mayEnter: loginCheck(process.env.KASMVNC_USERNAME || 'opencode', process.env.KASMVNC_PASSWORD),
});
