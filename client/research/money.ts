/** @file Amounts of money, in words. */

/** @param currency as GBP; without one the number alone */
export function inMoney(cents: number, currency: string): string {
  const value = cents / 100;
  if (currency === '') return value.toFixed(2);
  return new Intl.NumberFormat('en', { style: 'currency', currency }).format(value);
}
