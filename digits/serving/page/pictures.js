// Pictures made of others: a part of one, and one of fewer pixels.

const MARGIN = 0.1; // of the longer side of the box: with none ink looks cut off, and a wide one shows neighbours

/** The browser can't make the picture; the message says why, and what to do. */
export class PictureError extends Error {}

/** A PNG of the picture's part around `box`, in pixels of a picture that is `width` pixels wide. `image` is loaded. Throws PictureError. */
export function cutOut(image, [left, top, right, bottom], width) {
  const scale = image.naturalWidth / width;
  const margin = MARGIN * Math.max(right - left, bottom - top);
  const [x, y] = [left - margin, top - margin].map((place) => Math.max(0, Math.floor(place * scale)));
  const size = [
    Math.min(image.naturalWidth, Math.ceil((right + margin) * scale)) - x,
    Math.min(image.naturalHeight, Math.ceil((bottom + margin) * scale)) - y,
  ];
  return draw(image, [x, y, ...size], size);
}

/** The file itself; where a side has more than `most` pixels a PNG of fewer. What the browser can't show stays as it is. */
export async function shrink(file, most) {
  const bitmap = most && (await createImageBitmap(file).catch(() => null));
  if (!bitmap) return file;
  try {
    const { width, height } = bitmap;
    const scale = most / Math.max(width, height);
    if (scale >= 1) return file;
    const size = [width, height].map((side) => Math.max(1, Math.floor(side * scale)));
    return await draw(bitmap, [0, 0, width, height], size);
  } finally {
    bitmap.close(); // frees its pixels at once, not at some later garbage collection
  }
}

async function draw(image, part, [width, height]) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(image, ...part, 0, 0, width, height);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve));
  if (blob) return blob;
  const problem = `This browser can't make a picture of ${width} × ${height} pixels.`; // null beyond its limits
  throw new PictureError(`${problem} Use a smaller picture, or cut out the digit. Nothing was sent.`);
}
