/** @file A participant's id. Apart from the schemas, so that the annotator's page does not load a validation library. */

/** The placeholder itself, as `{{%PROLIFIC_PID%}}` or `${workerId}`: then everybody would be one person. */
export function isTemplate(id: string): boolean {
  return /\{\{|\}\}|\$\{|%[A-Za-z_]+%/.test(id);
}
