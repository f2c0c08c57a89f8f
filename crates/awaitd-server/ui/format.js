// How numbers, times and sizes are written.

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

export const NONE = '–';

/** 12,345 */
export function count(value) {
  return value === null || value === undefined ? NONE : whole.format(value);
}

/** A number of things a second. */
export function rate(value) {
  if (value === null || value === undefined) return NONE;
  if (value === 0) return '0';
  if (value < 0.01) return '< 0.01';
  if (value < 0.1) return value.toFixed(2);
  if (value < 10) return value.toFixed(1);
  return whole.format(value);
}

/** Seconds, in at most two units. */
export function seconds(value) {
  if (value === null || value === undefined) return NONE;
  if (value === 0) return '0 s';
  if (value < 0.001) return '< 1 ms';
  if (value < 1) return `${Math.round(value * 1000)} ms`;
  if (value < 10) return `${value.toFixed(1)} s`;
  if (value < 60) return `${Math.round(value)} s`;
  const units = [['d', 86400], ['h', 3600], ['m', 60], ['s', 1]];
  let rest = Math.round(value);
  const parts = [];
  for (const [unit, length] of units) {
    const much = Math.floor(rest / length);
    rest -= much * length;
    if (much > 0 || parts.length > 0) parts.push(`${much}${unit}`);
    if (parts.length === 2) break;
  }
  return parts.filter((part, at) => at === 0 || !part.startsWith('0')).join(' ');
}

/** Bytes, in the unit that fits. */
export function bytes(value) {
  if (value === null || value === undefined) return NONE;
  if (value < 1024) return `${value} B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let much = value;
  let at = -1;
  while (much >= 1024 && at < units.length - 1) {
    much /= 1024;
    at += 1;
  }
  return `${much.toFixed(much < 10 ? 1 : 0)} ${units[at]}`;
}

/** An instant in local time, to the second. */
export function instant(value) {
  if (!value) return NONE;
  const date = new Date(value);
  if (Number.isNaN(date.getTime())) return String(value);
  const two = (part) => String(part).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${clock(date)}`;
}

/** The time of day; without seconds if `short`. */
export function clock(date, short = false) {
  const two = (part) => String(part).padStart(2, '0');
  const minutes = `${two(date.getHours())}:${two(date.getMinutes())}`;
  return short ? minutes : `${minutes}:${two(date.getSeconds())}`;
}

/** How far an instant is from now. */
export function distance(value) {
  if (!value) return NONE;
  const far = (new Date(value).getTime() - Date.now()) / 1000;
  if (Number.isNaN(far)) return String(value);
  return far >= 0 ? `in ${seconds(Math.max(far, 1))}` : `${seconds(Math.max(-far, 1))} ago`;
}

/** A text cut to so many characters. */
export function short(value, most) {
  const characters = Array.from(value.slice(0, 2 * most + 2));
  return characters.length > most ? `${characters.slice(0, most - 1).join('')}…` : value;
}
