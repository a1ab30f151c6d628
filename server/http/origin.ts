/** @file Which pages may change things or open a socket: our own. Scripts send no Origin. */

/** @param publicUrl our address behind a proxy, whose name the Host header may not carry */
export function isOwnOrigin(
  origin: string | undefined,
  host: string | undefined,
  publicUrl: string | undefined,
): boolean {
  if (origin === undefined) return true;
  const from = hostOf(origin);
  return from !== undefined && (from === host || (publicUrl !== undefined && from === hostOf(publicUrl)));
}

function hostOf(url: string): string | undefined {
  try {
    return new URL(url).host;
  } catch {
    return undefined;
  }
}
