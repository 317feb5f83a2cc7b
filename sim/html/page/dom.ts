/** Small helpers around the document. */

export function byId(id: string): HTMLElement {
  return byKind(id, HTMLElement);
}

/** @throws Error when there is none, or one of another kind. */
export function byKind<T extends Element>(id: string, kind: abstract new () => T): T {
  const found = document.getElementById(id) as Element | null;
  if (!(found instanceof kind)) throw new Error(`no ${kind.name} with the id ${id}`);
  return found;
}

type Child = Node | string;

export function element(tag: string, attributes: Readonly<Record<string, string>> = {}, ...children: readonly Child[]): HTMLElement {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export function svg(tag: string, attributes: Readonly<Record<string, string | number>>, ...children: readonly Child[]): SVGElement {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.append(...children);
  return made;
}

/** Status = colour, icon and word. */
export function pill(kind: string, icon: string, text: string, title = ''): HTMLElement {
  return element('span', { class: `pill ${kind}`, ...(title === '' ? {} : { title }) }, `${icon} ${text}`);
}

/** Of the present colour scheme. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

export function seconds(ms: number, digits = 3): string {
  return `${(ms / 1000).toFixed(digits)} s`;
}

/** Sets the size of a canvas to what it takes on the page, sharp on dense displays. @returns its drawing context, in CSS pixels. */
export function sized(canvas: HTMLCanvasElement, height: number): { readonly draw: CanvasRenderingContext2D; readonly width: number } {
  const ratio = globalThis.devicePixelRatio || 1;
  const width = Math.max(50, canvas.clientWidth);
  const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== wide || canvas.height !== high) {
    canvas.width = wide;
    canvas.height = high;
    canvas.style.height = `${height}px`;
  }
  const draw = canvas.getContext('2d') as CanvasRenderingContext2D;
  draw.setTransform(ratio, 0, 0, ratio, 0, 0);
  draw.clearRect(0, 0, width, height);
  return { draw, width };
}
