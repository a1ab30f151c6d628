/** @file Which values a config's field may have without changing the picture: what the tables of fields are made of. */

export type Allowed = (value: unknown) => boolean;

export const none: Allowed = (value) => value === null || value === undefined;
export const off: Allowed = (value) => none(value) || value === false;
export const is =
  (...values: unknown[]): Allowed =>
  (value) =>
    none(value) || values.includes(value);
