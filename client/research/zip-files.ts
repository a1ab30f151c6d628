/** @file The files in a zip, as a folder would have them. */
import { strFromU8, unzip, type UnzipFileInfo } from 'fflate';

/** Bytes of a zip that a browser can hold beside its images. */
const largest = 1.5e9;
/** Of one image, unpacked: no image that a study shows is as large, and a bomb is. */
const largestFile = 200e6;
const mostFiles = 100_000;

/** What programs put beside the files that somebody meant. */
const isForeign = (path: string) => path.endsWith('/') || /(^|\/)(__MACOSX\/|\._|\.DS_Store$)/.test(path);

/** @throws Error with a sentence for what is no zip, or too large */
export async function filesOfZip(zip: File): Promise<File[]> {
  if (zip.size > largest)
    throw new Error(`${zip.name} is larger than ${largest / 1e9} GB; unpack it and choose the folder.`);
  const bytes = new Uint8Array(await zip.arrayBuffer());
  if (strFromU8(bytes.subarray(0, 2), true) !== 'PK') throw new Error(`${zip.name} is no zip file.`);
  let count = 0;
  let tooLarge: string | undefined;
  const filter = ({ name, originalSize }: UnzipFileInfo) => {
    if (isForeign(name)) return false;
    count += 1;
    if (originalSize > largestFile) tooLarge ??= name;
    return tooLarge === undefined && count <= mostFiles;
  };
  const found = await new Promise<Record<string, Uint8Array>>((done, no) =>
    unzip(bytes, { filter }, (error, files) => {
      // The library's own word on what is wrong with a zip is for programmers.
      if (error !== null) no(new Error(`${zip.name} cannot be unpacked; is it whole?`));
      else done(files);
    }),
  );
  if (tooLarge !== undefined) throw new Error(`${zip.name} holds ${tooLarge}, which is too large for an image.`);
  if (count > mostFiles) throw new Error(`${zip.name} holds more than ${mostFiles.toLocaleString('en')} files.`);
  return Object.entries(found).map(
    ([path, content]) => new File([content as Uint8Array<ArrayBuffer>], path.split('/').at(-1)!),
  );
}
