/**
 * @file Where a request comes from: which proxies are believed, and so whose address it has and over which scheme it came, and
 * whether a page of ours sent it.
 */
import type { IncomingMessage } from 'node:http';
import proxyAddr from 'proxy-addr';

/** Whether the nth address on the way (0 is the connection's) is a proxy's whose X-Forwarded-… headers hold. */
export type TrustedProxies = (address: string, hop: number) => boolean;

/**
 * @param list addresses, subnets (10.0.0.0/8), `loopback`, `linklocal`, `uniquelocal`, by commas; empty for none
 * @throws TypeError for anything else
 */
export function trustedProxies(list: string): TrustedProxies {
  const names = list.split(',').map((name) => name.trim());
  return proxyAddr.compile(names.filter((name) => name !== ''));
}

export class Origins {
  readonly trusted: TrustedProxies;
  readonly #publicUrl: string | undefined;

  /** @param publicUrl our address in links, whose name the Host header may not carry */
  constructor(trusted: TrustedProxies, publicUrl: string | undefined) {
    this.trusted = trusted;
    this.#publicUrl = publicUrl;
  }

  /** The nearest address that is no trusted proxy's. */
  addressOf(request: IncomingMessage): string {
    return proxyAddr(request, this.trusted);
  }

  /** Only pages of this server may open a socket or change things with a cookie. Scripts send no Origin. */
  isOwnPage(request: IncomingMessage): boolean {
    const { origin, host } = request.headers;
    if (origin === undefined) return true;
    const from = originOf(origin);
    if (from === undefined) return false;
    return (
      from === originOf(`${this.#schemeOf(request)}://${host ?? ''}`) ||
      (this.#publicUrl !== undefined && from === originOf(this.#publicUrl))
    );
  }

  #schemeOf(request: IncomingMessage): string {
    const forwarded = request.headers['x-forwarded-proto'];
    const believed = this.trusted(request.socket.remoteAddress ?? '', 0) && typeof forwarded === 'string';
    // Of several proxies the first is the browser's.
    if (believed) return forwarded.split(',')[0]!.trim();
    return 'http';
  }
}

/** Scheme, host and port, without the scheme's own port. */
function originOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).origin : undefined;
}
