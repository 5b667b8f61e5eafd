/** The picture that is shown, as a PNG: to the clipboard, or to a file. */

/** Why pictures can't be copied here; null: they can. */
export function whyNoCopy(): string | null {
  if (!isSecureContext) {
    return "Copying needs a page that is served over HTTPS, or from this computer";
  }
  if (typeof ClipboardItem === "undefined" || navigator.clipboard?.write === undefined) {
    return "This browser can't copy pictures";
  }
  return null;
}

/**
 * Copies what is painted on a canvas.
 *
 * @throws Error if the browser does not let it
 */
export async function copyPicture(canvas: HTMLCanvasElement): Promise<void> {
  // The clipboard is asked at once, while the user's click still counts; the picture may take its time.
  await navigator.clipboard.write([new ClipboardItem({ "image/png": encode(canvas) })]);
}

/**
 * Saves what is painted on a canvas; returns the name of the file.
 *
 * @param kind names what has no title
 * @param index the frame's; null: it has none
 */
export async function savePicture(
  canvas: HTMLCanvasElement,
  title: string,
  kind: string,
  index: number | null,
): Promise<string> {
  const name = fileName(title, kind, index);
  const address = URL.createObjectURL(await encode(canvas));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000); // Some browsers ask the user first.
  return name;
}

/** A name that any system takes. */
export function fileName(title: string, kind: string, index: number | null): string {
  const name = title
    .normalize("NFC")
    .replace(/[^\p{L}\p{N}._ -]+/gu, " ")
    .replace(/^[\s.-]+|\s+$/g, "")
    .replace(/\s+/g, "-")
    .slice(0, 60);
  return `${name || kind}${index === null ? "" : `-${index}`}.png`;
}

function encode(canvas: HTMLCanvasElement): Promise<Blob> {
  return new Promise((resolve, reject) => {
    const done = (blob: Blob | null) => {
      if (blob !== null) resolve(blob);
      else reject(new Error("the browser could not encode the picture"));
    };
    canvas.toBlob(done, "image/png");
  });
}
