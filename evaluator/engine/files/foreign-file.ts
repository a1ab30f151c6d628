/**
 * @file Files that somebody else names: in a manifest, a request, an archive, a network's external data. Only a regular file
 * is opened (a pipe would wait for ever, a device never end), inside its root where there is one, up to a size.
 */
import { readFile, realpath, stat } from 'node:fs/promises';
import { isAbsolute, relative, resolve } from 'node:path';
import { BadInput, codeOf } from './bad-input.ts';

export interface ForeignLimits {
  /** The folder that it must lie in, links followed; anywhere when absent. */
  root?: string | undefined;
  mostBytes?: number;
  /** Where it is named, for messages, as "manifest.csv, line 3". */
  place?: string | undefined;
}

const defaultMostBytes = 512 * 2 ** 20;

/**
 * The real path of a file that may be opened.
 * @throws BadInput when it is missing, no regular file, too large, or outside its root; what lies outside is not looked at
 */
export async function foreignFile(file: string, limits: ForeignLimits = {}): Promise<string> {
  const { root, mostBytes = defaultMostBytes, place } = limits;
  const said = place === undefined || place === file ? '' : `${place}: `;
  if (file.includes('\0')) throw new BadInput(`${said}a path cannot hold a NUL character.`);
  const outside = new BadInput(`${said}${file} is not in the folder that it was given with.`);
  const within = root === undefined ? undefined : await realpath(root).catch(() => root);
  if (within !== undefined && leaves(within, resolve(within, file))) throw outside;
  let real: string;
  try {
    real = await realpath(file);
  } catch (error) {
    throw new BadInput(`${said}cannot read ${file}: ${codeOf(error)}.`);
  }
  if (within !== undefined && leaves(within, real)) throw outside;
  const info = await stat(real);
  if (!info.isFile()) throw new BadInput(`${said}${file} is no regular file.`);
  if (info.size > mostBytes) {
    throw new BadInput(
      `${said}${file} has ${Math.ceil(info.size / 2 ** 20)} MiB; ${Math.floor(mostBytes / 2 ** 20)} MiB are allowed.`,
    );
  }
  return real;
}

/** Its bytes. @throws BadInput as foreignFile */
export async function readForeign(file: string, limits: ForeignLimits = {}): Promise<Buffer> {
  return readFile(await foreignFile(file, limits));
}

function leaves(root: string, path: string): boolean {
  const inside = relative(root, path);
  return inside === '..' || inside.startsWith('../') || inside.startsWith('..\\') || isAbsolute(inside);
}
