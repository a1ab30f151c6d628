/** @file A participant's id, and links that nobody takes part by. Apart from the schemas, so that the annotator's page does not load a validation library. */

/** The placeholder itself, as `{{%PROLIFIC_PID%}}` or `${workerId}`: then everybody would be one person. */
export function isTemplate(id: string): boolean {
  return /\{\{|\}\}|\$\{|%[A-Za-z_]+%/.test(id);
}

/** How the token in the link to a preview of a draft begins. */
export const previewPrefix = 'preview-';

/** Whether a link's token is of a preview, good or not. */
export function isPreviewToken(token: string): boolean {
  return token.startsWith(previewPrefix);
}
