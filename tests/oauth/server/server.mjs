// An authorization server for popbridge's tests: oidc-provider, with its own pages for signing in and consenting.
// Its argument is the directory that has node_modules. Reads one JSON object from stdin: `clients` (as oidc-provider
// wants them), `seconds` that device codes live, `interval` at which they may be asked about, `users` that a service
// account may act for. Prints its URL on stdout once it listens, and ends with its stdin.

import http from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const { resolve } = createRequire(join(process.argv[2], 'none.js'));
const load = (name) => import(pathToFileURL(resolve(name)));

// What oidc-provider says of its being a test server is known.
console.info = console.warn = () => {};

const jose = await load('jose');
const { Provider, errors } = await load('oidc-provider');

const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code';

async function settings() {
  const iterator = process.stdin[Symbol.asyncIterator]();
  let text = '';
  while (!text.includes('\n')) {
    const { value, done } = await iterator.next();
    if (done) process.exit(1);
    text += value;
  }
  process.stdin.on('end', () => process.exit(0)).resume();
  return JSON.parse(text);
}

const given = await settings();
const server = http.createServer();
await new Promise((there) => server.listen(0, '127.0.0.1', there));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: given.clients.map(({ robot, ...client }) => client),
  scopes: ['openid', 'offline_access', 'email', 'imap'],
  claims: { email: ['email'], profile: ['preferred_username'] },
  conformIdTokenClaims: false,
  findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id, email: id }) }),
  features: {
    deviceFlow: { enabled: true },
    clientCredentials: { enabled: true },
    revocation: { enabled: true },
    introspection: { enabled: true },
    devInteractions: { enabled: true },
  },
  clientAuthMethods: ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'],
  enabledJWA: { clientAuthSigningAlgValues: ['RS256', 'PS256', 'ES256'] },
  rotateRefreshToken: true,
  issueRefreshToken: (ctx, client, code) => client.grantTypeAllowed('refresh_token') && code.scopes.has('offline_access'),
  ttl: { AccessToken: 3600, ClientCredentials: 3600, RefreshToken: 86400, DeviceCode: given.seconds, AuthorizationCode: 60,
    IdToken: 3600, Interaction: 600, Session: 600, Grant: 86400 },
  cookies: { keys: ['tests'] },
  renderError(ctx, out) { ctx.type = 'text'; ctx.body = `${out.error}: ${out.error_description}`; },
});

provider.use(async (ctx, next) => {
  await next();
  if (ctx.oidc?.route === 'device_authorization' && ctx.status === 200) ctx.body.interval = given.interval;
});

// RFC 7523 §2.1 with Google's additions: the scope is in the assertion, and `sub` is whom the account acts for.
const robots = Object.fromEntries(given.clients.filter((one) => one.robot).map((one) => [one.client_id, one.robot]));
provider.registerGrantType(JWT_BEARER, async (ctx) => {
  const { client, params } = ctx.oidc;
  let accountId;
  try {
    const key = await jose.importJWK(robots[client.clientId], 'RS256');
    const { payload } = await jose.jwtVerify(params.assertion, key, {
      issuer: client.clientId, audience: [issuer, `${issuer}/token`], requiredClaims: ['exp', 'iat', 'sub'],
    });
    if (!given.users.includes(payload.sub)) throw new Error('it may not act for this user');
    if (payload.scope !== 'imap') throw new Error('not this scope');
    accountId = payload.sub;
  } catch (failure) {
    throw new errors.InvalidGrant(failure.message);
  }
  const token = new provider.AccessToken({ client, accountId, scope: 'imap' });
  const value = await token.save();
  ctx.body = { access_token: value, expires_in: token.expiration, token_type: 'Bearer' };
}, ['assertion', 'scope']);

// Polling faster than the interval is answered as RFC 8628 §3.5 says; oidc-provider by itself bears it.
const polled = new Map();
function tooSoon(form) {
  if (form.get('grant_type') !== DEVICE_CODE) return false;
  const code = form.get('device_code');
  const soon = Date.now() - (polled.get(code) ?? 0) < given.interval * 900;
  polled.set(code, Date.now());
  return soon;
}

// A service account names itself in its assertion alone, where oidc-provider wants a client_id.
function identified(form) {
  if (form.get('grant_type') === JWT_BEARER && !form.has('client_id')) {
    try {
      form.set('client_id', jose.decodeJwt(form.get('assertion')).iss);
    } catch {
      form.set('client_id', 'nobody');
    }
  }
  return form.toString();
}

// An IMAP server asks what a token is worth (RFC 7662); who that is stands in the clients.
const mail = given.clients.find((one) => one.client_id === 'imap-server');

const answer = provider.callback();
server.on('request', async (request, response) => {
  if (request.url === '/token/introspection') {
    request.headers.authorization = `Basic ${btoa(`${mail.client_id}:${mail.client_secret}`)}`;
  }
  if (request.method === 'POST' && request.url === '/token') {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const form = new URLSearchParams(Buffer.concat(chunks).toString());
    if (tooSoon(form)) {
      response.writeHead(400, { 'content-type': 'application/json' }).end('{"error": "slow_down"}');
      return;
    }
    request.body = identified(form);
  }
  answer(request, response);
});

console.log(issuer);
