// Time stamps, made once a second and then reused: the local time of the log frame and of syslog, ISO 8601 for JSON.

const weekdays = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const two = (value: number): string => (value < 10 ? `0${value}` : `${value}`);
const padded = (day: number): string => (day < 10 ? ` ${day}` : `${day}`);

export class LineClock {
  #second = Number.NaN;
  #log = '';
  #syslog = '';
  #iso = '';

  /** `Tue Mar 17 18:24:37 2026`, local time. */
  log(time: number): string {
    this.#turn(time);
    return this.#log;
  }

  /** `Mar 17 18:24:37`, local time (RFC 3164 4.1.2). */
  syslog(time: number): string {
    this.#turn(time);
    return this.#syslog;
  }

  /** `2026-03-17T18:24:37.042Z`. */
  iso(time: number): string {
    this.#turn(time);
    const ms = Math.floor(time) - this.#second * 1000;
    return `${this.#iso}${ms < 10 ? '00' : ms < 100 ? '0' : ''}${ms}Z`;
  }

  #turn(time: number): void {
    const second = Math.floor(time / 1000);
    if (second === this.#second) return;
    this.#second = second;
    const date = new Date(second * 1000);
    const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
    this.#syslog = `${months[date.getMonth()]} ${padded(date.getDate())} ${clock}`;
    this.#log = `${weekdays[date.getDay()]} ${this.#syslog} ${date.getFullYear()}`;
    this.#iso = date.toISOString().slice(0, -4);
  }
}

/** The local day as a number that differs from every other day's. */
export function localDay(time: number): number {
  const date = new Date(time);
  return (date.getFullYear() * 12 + date.getMonth()) * 31 + date.getDate();
}

/** `20260317T182437`, local time: how a closed log file is named. */
export function fileStamp(time: number): string {
  const date = new Date(time);
  const day = `${date.getFullYear()}${two(date.getMonth() + 1)}${two(date.getDate())}`;
  return `${day}T${two(date.getHours())}${two(date.getMinutes())}${two(date.getSeconds())}`;
}

/** Seconds that local time is ahead of UTC, as `Time offset from UTC` says it. */
export function utcOffset(time: number): number {
  // `+ 0` turns the -0 of UTC itself into 0.
  return -new Date(time).getTimezoneOffset() * 60 + 0;
}
