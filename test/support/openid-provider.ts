/**
 * @file An OpenID provider that a test starts: discovery, authorization code with PKCE, token, user info and keys, as OpenID Connect
 * Core 1.0 and RFC 7636 say. It knows one person, and can lie.
 */
import { createHash, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

const keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
const base64url = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

export interface Person {
  sub: string;
  email?: string;
  email_verified?: boolean;
}

export class OpenIdProvider {
  readonly #server: Server;
  readonly #codes = new Map<string, { challenge: string; nonce: string }>();
  /** Whoever signs in. */
  person: Person = { sub: 'one' };
  /** Claims of the ID token that are not what they should be. */
  lies: Record<string, unknown> = {};
  /** Whether the e-mail address is told by the user info alone. */
  isTerse = false;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<OpenIdProvider> {
    const server = createServer();
    const provider = new OpenIdProvider(server);
    server.on('request', (request, response) => {
      const url = new URL(request.url!, provider.issuer);
      void text(request).then((body) => {
        const { status, headers, json } = provider.#answer(url, new URLSearchParams(body));
        response.writeHead(status, { 'content-type': 'application/json', ...headers });
        response.end(JSON.stringify(json));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return provider;
  }

  get issuer(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #answer(url: URL, body: URLSearchParams): { status: number; headers?: Record<string, string>; json?: object } {
    const { issuer } = this;
    switch (url.pathname) {
      case '/.well-known/openid-configuration':
        return {
          status: 200,
          json: {
            issuer,
            authorization_endpoint: `${issuer}/authorize`,
            token_endpoint: `${issuer}/token`,
            userinfo_endpoint: `${issuer}/me`,
            jwks_uri: `${issuer}/keys`,
            response_types_supported: ['code'],
            subject_types_supported: ['public'],
            id_token_signing_alg_values_supported: ['RS256'],
          },
        };
      case '/authorize': {
        const code = randomUUID();
        const asked = url.searchParams;
        this.#codes.set(code, { challenge: asked.get('code_challenge')!, nonce: asked.get('nonce')! });
        const back = new URL(asked.get('redirect_uri')!);
        back.search = new URLSearchParams({ code, state: asked.get('state')! }).toString();
        return { status: 303, headers: { location: back.href } };
      }
      case '/token': {
        const known = this.#codes.get(body.get('code') ?? '');
        this.#codes.delete(body.get('code') ?? '');
        const challenge = createHash('sha256')
          .update(body.get('code_verifier') ?? '')
          .digest('base64url');
        if (known?.challenge !== challenge) return { status: 400, json: { error: 'invalid_grant' } };
        const { sub, ...rest } = this.person;
        const now = Math.floor(Date.now() / 1000);
        const shared = { iss: issuer, aud: 'visavis', iat: now, exp: now + 60, nonce: known.nonce };
        const claims = { ...shared, sub, ...(this.isTerse ? {} : rest), ...this.lies };
        const signed = `${base64url({ alg: 'RS256', kid: 'k' })}.${base64url(claims)}`;
        const signature = sign('RSA-SHA256', Buffer.from(signed), keys.privateKey).toString('base64url');
        return {
          status: 200,
          json: { access_token: 'opaque', token_type: 'Bearer', expires_in: 60, id_token: `${signed}.${signature}` },
        };
      }
      case '/me':
        return { status: 200, json: this.person };
      case '/keys':
        return {
          status: 200,
          json: { keys: [{ ...keys.publicKey.export({ format: 'jwk' }), kid: 'k', alg: 'RS256', use: 'sig' }] },
        };
      default:
        return { status: 404, json: {} };
    }
  }
}
